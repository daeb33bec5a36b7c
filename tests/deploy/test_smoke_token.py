"""The token by which a smoke test proves itself: made once, told to every target's servers as a digest alone."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import secrets
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelway.deploy.ecs.definitions import configuration_of, new_definition
from modelway.deploy.kubernetes.manifests import manifests
from modelway.deploy.local.files import Files
from modelway.deploy.remote import server_environment
from modelway.deploy.smoke import read_expected, smoke
from modelway.deploy.state import EnvironmentState
from modelway.deploy.target import open_target
from modelway.errors import InputError, UsageError
from modelway.pipeline.deploy import open_flow
from modelway.pipeline.environment import open_environment
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, LiveState, Release
from modelway.records.ecs import EcsOptions
from modelway.records.environment import SmokeOptions
from modelway.records.kubernetes import KubernetesOptions
from modelway.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "d" * 64
REMOTE = {"flags": "s3://models/flags.json", "log": "s3://models/log", "smoke": DIGEST}
OPTIONS = SmokeOptions(deadline_seconds=0.5, requests=3, latency_ms=20_000.0)


@pytest.mark.parametrize("others", [0, 1, 3])
def test_token_of_several_first_deploys_at_once_is_that_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    """Others write theirs after we found none, and before we write ours."""
    uri = str(tmp_path / "env")
    assert EnvironmentState(uri, S3Options()).smoke_token() is None
    assert not (tmp_path / "env").exists()
    make, found = secrets.token_urlsafe, []

    def made(size: int) -> str:
        token = make(size)
        if len(found) < others:
            found.append("")
            found[found.index("")] = EnvironmentState(uri, S3Options()).smoke_token(create=True) or ""
        return token

    monkeypatch.setattr(secrets, "token_urlsafe", made)
    found.append(EnvironmentState(uri, S3Options()).smoke_token(create=True) or "")
    found += [EnvironmentState(uri, S3Options()).smoke_token(create=create) or "" for create in (True, False)]
    assert len(found) == others + 3
    assert len(set(found)) == 1
    assert len(found[0]) >= 32


def test_token_is_for_its_owner_and_group_alone(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        EnvironmentState(str(tmp_path / "env"), S3Options()).smoke_token(create=True)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mask)
    path = tmp_path / "env" / "smoke.json"
    assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0


def test_token_that_can_not_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "smoke.json").write_text("{}")
    with pytest.raises(InputError, match="smoke test's token") as refused:
        EnvironmentState(str(tmp_path), S3Options()).smoke_token()
    assert refused.value.where == str(tmp_path / "smoke.json")


def test_servers_elsewhere_are_told_the_digest_which_is_a_part_of_their_configuration(make_place: Any) -> None:
    place = make_place(**REMOTE)
    release = Release(name="loans", champion=BundleRef(version=1, digest="1" * 64), image=f"r/i@sha256:{'1' * 64}")
    assert server_environment(place, release)["MODELWAY_SMOKE_TOKEN_SHA256"] == DIGEST
    assert "MODELWAY_SMOKE_TOKEN_SHA256" not in server_environment(replace(place, smoke=None), release)
    ecs = EcsOptions(kind="ecs", cluster="c", service="s", region="eu-central-1")
    cluster = KubernetesOptions(kind="kubernetes")
    places = [replace(place, smoke=smoke) for smoke in (None, DIGEST, "e" * 64)]
    assert len({configuration_of(one, ecs, release) for one in places}) == 3

    deployment = manifests(place, cluster, release)[0]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"name": "MODELWAY_SMOKE_TOKEN_SHA256", "value": DIGEST} in container["env"]

    old = {"name": "MODELWAY_SMOKE_TOKEN_SHA256", "value": "e" * 64}
    base = {"family": "f", "containerDefinitions": [{"name": "server", "environment": [old]}]}
    told = new_definition(base, ecs, "image", server_environment(place, release))
    (container,) = told["containerDefinitions"]
    assert [one["value"] for one in container["environment"] if one["name"] == old["name"]] == [DIGEST]


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ü", ""])
def test_token_that_no_header_can_hold_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="token"):
        smoke("http://127.0.0.1:1", [], OPTIONS, token=token)


def test_smoke_test_with_the_token_is_no_traffic_and_without_it_is(make_place: Any, bundles: Any) -> None:
    place = make_place()
    token = EnvironmentState(str(place.state), S3Options()).smoke_token(create=True) or ""
    place = replace(place, smoke=hashlib.sha256(token.encode()).hexdigest())
    target = open_target(place)
    for step in target.plan(bundles.release(1), target.inspect()):
        target.apply(step)
    while (live := target.inspect()).state is not LiveState.STABLE:
        time.sleep(0.1)
    expected = [read_expected(bundles.path / bundles.refs[0].digest)]
    assert (
        smoke(live.url or "", expected, OPTIONS, token=token).reason == smoke(live.url or "", expected, OPTIONS).reason
    )
    outcome, deadline = "modelway_request_outcomes_total", time.monotonic() + 30
    while (counted := _metrics(live.url or ""))[f"{outcome} smoke"] != counted[f"{outcome} logged"]:
        assert time.monotonic() < deadline, counted  # the last request is counted after its response
        time.sleep(0.05)
    assert counted[f"{outcome} logged"] > 5
    for path in ("server.log", "wanted.json", "ready.json"):
        assert token not in (place.state / "local" / path).read_text()
    for process in ("keeper.json", "server.json"):
        pid = Files(place.state / "local").read(process)["pid"]
        for name in ("cmdline", "environ"):
            assert token.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    for step in target.plan(None, target.inspect()):
        target.apply(step)
    paths = Path(place.log).glob("predictions/date=*/hour=*/*.gz")
    lines = [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
    for marked in (True, False):
        requests = {line["request"] for line in lines if line["smoke"] is marked}
        assert len(requests) == counted["modelway_request_outcomes_total smoke"]


def test_deploys_create_the_token_and_rollbacks_do_without(tmp_path: Path) -> None:
    settings = load_settings(ROOT / "modelway.yaml", [])
    environment = open_environment(settings, "local", tmp_path, {})
    said: list[str] = []
    registry: Any = None

    def opened(*, deploys: bool) -> str | None:
        return open_flow(environment, registry, "me", said.append, deploys=deploys)[0].place.smoke

    assert opened(deploys=False) is None
    assert not (tmp_path / ".modelway").exists()
    digest = opened(deploys=True)
    token = environment.state.smoke_token() or ""
    assert digest == hashlib.sha256(token.encode()).hexdigest() == opened(deploys=False)
    (tmp_path / ".modelway" / "env" / "local" / "smoke.json").write_text("corrupt")
    with pytest.raises(InputError):
        opened(deploys=True)
    assert opened(deploys=False) is None
    assert said == ["smoke requests will count as traffic: the smoke test's token can't be read"]


def _metrics(url: str) -> dict[str, float]:
    from urllib.request import urlopen

    with urlopen(f"{url}/metrics", timeout=30) as response:
        text = response.read().decode()
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
