"""What is Kubernetes's own: manifests, the way back, faults, and who we are."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from modelway.deploy.kubernetes.access import find_access
from modelway.deploy.kubernetes.manifests import manifests, name_of, render
from modelway.deploy.target import open_target
from modelway.errors import OutsideError, UsageError
from modelway.records.deploy import LiveState
from modelway.records.kubernetes import AutoscaleOptions, KubernetesOptions
from modelway.records.serve import LogOptions, ServeOptions
from modelway.records.serving import SETTINGS, ServingSettings
from modelway.serve import supervisor

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs" / "kubernetes.md"
TOKEN = "canary-51d0"
FULL = {"service_account": "loans", "secrets": ("salt",), "pull_secret": "registry", "spool_claim": "log"}


@pytest.fixture(scope="module")
def worlds(load_world: Any) -> Any:
    return load_world("kubernetes")


@pytest.fixture
def world(worlds: Any, request: Any, tmp_path: Path) -> Iterator[Any]:
    with worlds.world(request, tmp_path, TOKEN) as made:
        yield made


def bring(target: Any, release: Any) -> Any:
    for step in target.plan(release, target.inspect()):
        target.apply(step)
    for _ in range(50):
        live = target.inspect()
        if live.state in {LiveState.STABLE, LiveState.FAILED, LiveState.ABSENT}:
            return live
    raise AssertionError(live.reason)


@pytest.mark.parametrize("more", [{}, FULL])
def test_manifests_fit_the_published_schemas(world: Any, more: Any) -> None:
    options = KubernetesOptions(kind="kubernetes", namespace="models", **more)
    for one in manifests(world.place({}), options, world.release(1)):
        kubernetes_validate.validate(one, "1.33", strict=True)
        wrong = {**one, "spec": {**one["spec"], "selektor": {}}}
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_a_pod_may_do_little_and_ends_after_its_requests(world: Any) -> None:
    place = world.place({})
    deployment, _, budget = manifests(place, place.options.target, world.release(1))
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"]
    # As long as a server takes at most: its supervisor's own grace, too.
    workers = place.serve.workers
    ending = workers.notice_seconds + workers.drain_seconds + supervisor._GRACE
    # Whoever balances by readiness has noticed before the server is told to end.
    probe, silent = container["readinessProbe"], container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert silent > probe["periodSeconds"] * probe["failureThreshold"]
    assert pod["terminationGracePeriodSeconds"] >= silent + ending
    assert probe["httpGet"]["path"] == "/v2/health/ready"
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(
    ("claim", "volume"),
    [(None, {"emptyDir": {}}), ("log", {"persistentVolumeClaim": {"claimName": "log"}})],
)
def test_a_pod_has_a_volume_for_the_spool_that_its_user_can_write_to(world: Any, claim: Any, volume: Any) -> None:
    place = world.place({})
    options = KubernetesOptions(kind="kubernetes", spool_claim=claim)
    pod = manifests(place, options, world.release(1))[0]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mount, scratch = container["volumeMounts"]
    assert pod["volumes"] == [{"name": mount["name"], **volume}, {"name": scratch["name"], "emptyDir": {}}]
    assert scratch["mountPath"] == tempfile.gettempdir()
    variables = {one["name"]: one["value"] for one in container["env"]}
    assert variables["MODELWAY_SPOOL"].startswith(f"{mount['mountPath']}/")
    image = (ROOT / "docker" / "Dockerfile.serving").read_text()
    assert f"VOLUME {mount['mountPath']}\n" in image
    assert f"MODELWAY_SPOOL={variables['MODELWAY_SPOOL']} " in image
    assert f"USER 10001:{pod['securityContext']['fsGroup']}\n" in image


def test_pod_whose_log_is_off_has_no_volume_for_it_and_one_with_a_limit_gets_the_limit(world: Any) -> None:
    place = world.place({})

    def pod(**log: Any) -> Any:
        settings = ServingSettings(serve=ServeOptions(log=LogOptions(**log)))
        release = world.release(1).model_copy(update={"settings": settings})
        return manifests(place, place.options.target, release)[0]["spec"]["template"]["spec"]

    assert [volume["name"] for volume in pod(enabled=False)["volumes"]] == ["tmp"]
    (settings,) = [one for one in pod(keep_days=30)["containers"][0]["env"] if one["name"] == SETTINGS]
    assert '"keep_days":30' in settings["value"]


def test_rendered_files_are_what_is_applied(world: Any, tmp_path: Path) -> None:
    place = world.place({"KUBECONFIG": str(world.kubeconfig)})
    release = world.release(1)
    written = render(place, place.options.target, release, tmp_path / "gitops")
    assert [path.name for path in written] == ["deployment.yaml", "service.yaml", "poddisruptionbudget.yaml"]
    read = [yaml.safe_load(path.read_text()) for path in written]
    assert read == list(manifests(place, place.options.target, release))
    assert TOKEN not in "".join(path.read_text() for path in written)


def test_an_undo_brings_the_pods_back_as_they_were(world: Any) -> None:
    target = world.open()
    ran = bring(target, world.release(1))
    first = world.release(1).model_copy(update={"revision": ran.revision})
    before = world.stand_in.emulator.read("deployments", "loans")["spec"]["template"]
    bring(target, world.release(2))
    (step,) = target.plan(first, target.inspect())
    assert step.action == "undo"  # as it was recorded by versions that recorded the revision alone
    bring(target, first)
    assert world.stand_in.emulator.read("deployments", "loans")["spec"]["template"] == before
    bring(target, world.release(2))
    bring(world.open(replicas=3), first.model_copy(update={"applied": ran.applied}))
    assert world.stand_in.emulator.read("deployments", "loans")["spec"]["template"] == before
    assert world.stand_in.controller.rollouts["loans"].outages == 0


def test_undo_brings_the_newest_revision_of_the_release_back(world: Any) -> None:
    """The release ran with two settings, at the revisions 9 and 10."""
    bring(world.open(), world.release(2))
    world.stand_in.controller.rollouts["loans"].revision = 8
    for account in ("a", "b"):
        ran = bring(world.open(service_account=account), world.release(1))
    before = world.stand_in.emulator.read("deployments", "loans")["spec"]["template"]
    bring(world.open(), world.release(2))
    bring(world.open(), world.release(1).model_copy(update={"revision": ran.revision}))
    assert before["spec"]["serviceAccountName"] == "b"
    assert world.stand_in.emulator.read("deployments", "loans")["spec"]["template"] == before


def test_a_failing_pod_tells_why_and_the_old_ones_stay(world: Any) -> None:
    bring(world.open(), world.release(1))
    live = bring(world.open(), world.broken())
    assert live.state is LiveState.FAILED
    for words in ("timed out progressing", "CrashLoopBackOff", "exit code 1", "the bundle does not verify"):
        assert words in live.reason
    assert world.stand_in.controller.rollouts["loans"].outages == 0


@pytest.mark.parametrize("status", [500, 429, 503])
def test_what_fails_for_a_moment_is_tried_again(world: Any, status: int) -> None:
    world.stand_in.emulator.failures = [status, status]
    assert bring(world.open(), world.release(1)).state is LiveState.STABLE


def test_credentials_that_are_refused_are_named_without_the_token(world: Any, worlds: Any, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(worlds.kubeconfig(world.stand_in.url, {"token": "expired-77"}))
    with pytest.raises(OutsideError, match="401") as refused:
        open_target(world.place({"KUBECONFIG": str(path)})).inspect()
    assert "renew them" in str(refused.value)
    assert "expired-77" not in str(refused.value)


def test_who_we_are_comes_from_a_token_a_file_or_a_program(world: Any, worlds: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    program = tmp_path / "give"
    program.write_text(
        f"""#!{sys.executable}
import json, os
assert json.loads(os.environ["KUBERNETES_EXEC_INFO"])["kind"] == "ExecCredential"
print(json.dumps({{"kind": "ExecCredential", "status": {{"token": os.environ["GIVEN"]}}}}))
"""
    )
    program.chmod(0o755)
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(program),
        "env": [{"name": "GIVEN", "value": TOKEN}],
    }
    for user in ({"token": TOKEN}, {"tokenFile": "token"}, {"exec": plugin}):
        path = tmp_path / "config"
        path.write_text(worlds.kubeconfig(world.stand_in.url, user))
        access = find_access({"KUBECONFIG": str(path)}, None)
        assert access.token == TOKEN
        assert TOKEN not in repr(access)
        assert open_target(world.place({"KUBECONFIG": str(path)})).inspect().state is LiveState.ABSENT


@pytest.mark.parametrize("content", ["", "{", "current-context: nowhere", '{"current-context": "a", "contexts": []}'])
def test_a_kubeconfig_that_lacks_something_is_refused(world: Any, tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(UsageError, match="kubeconfig can't be used"):
        find_access({"KUBECONFIG": str(path)}, None)


def test_without_a_kubeconfig_it_is_missing(world: Any) -> None:
    target = world.open_without_secrets()
    assert [one.name for one in target.missing()] == ["KUBECONFIG"]
    with pytest.raises(UsageError, match="no kubeconfig"):
        target.inspect()


def test_the_role_in_the_docs_is_what_is_called(world: Any) -> None:
    found = re.search(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.S)
    assert found is not None
    allowed = {
        (verb, resource)
        for rule in yaml.safe_load(found[1])["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    first = world.release(1).model_copy(update={"revision": bring(world.open(), world.release(1)).revision})
    bring(world.open(), world.broken())
    bring(world.open(), first)
    autoscaled = world.open(autoscale=AutoscaleOptions(max=3))
    bring(autoscaled, world.release(1))
    bring(world.open(service_port=81), world.release(1))
    verbs = {"PATCH": "patch", "DELETE": "delete"}
    lists = {"pods", "replicasets"}
    called = {
        (verbs.get(method, "list" if plural in lists else "get"), plural)
        for method, plural in world.stand_in.emulator.calls
    }
    # To apply what does not exist takes the right to create it.
    created = {("create", plural) for verb, plural in called if verb == "patch"}
    assert called | created == allowed


def test_a_models_name_becomes_one_that_kubernetes_takes(world: Any) -> None:
    options = KubernetesOptions(kind="kubernetes")
    place = world.place({})
    for model, name in (("Loans_v2", "loans-v2"), ("9lives", "model-9lives"), ("a" * 80, "a" * 63)):
        assert name_of(replace(place, model=model), options) == name
