"""What a new revision of a task definition is made of."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.errors import UsageError

BASE = {
    "family": "loans",
    "cpu": "512",
    "memory": "1024",
    "networkMode": "awsvpc",
    "executionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "containerDefinitions": [
        {
            "name": "server",
            "image": "placeholder",
            "environment": [{"name": "OTHER", "value": "kept"}, {"name": "MODELWAY_LOG", "value": "s3://old"}],
            "secrets": [{"name": "SALT", "valueFrom": "arn:aws:ssm:eu-central-1:123456789012:parameter/salt"}],
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/loans"}},
        },
        {"name": "proxy", "image": "proxy:1"},
    ],
}


@pytest.fixture
def cluster(world: Any) -> Any:
    cluster = world.stand_in.cluster
    cluster.register(BASE, [])
    cluster.services["loans"].definition = cluster.definition("loans")
    return cluster


def test_one_container_gets_the_image_and_all_else_stays(world: Any, cluster: Any, bring: Any) -> None:
    live = bring(world.open(container="server"), world.release(1))
    made = cluster.definitions[live.revision]
    server, proxy = made["containerDefinitions"]
    assert server["image"] == world.release(1).image
    assert {one["name"]: one["value"] for one in server["environment"]} == {
        "OTHER": "kept",
        "MODELWAY_FLAGS": "s3://models/staging/flags.json",
        "MODELWAY_LOG": "s3://models/staging/log",
        "MODELWAY_SPOOL": "/var/modelway/.modelway/spool",
    }
    assert proxy == BASE["containerDefinitions"][1]
    assert {key: made[key] for key in ("cpu", "memory", "networkMode", "executionRoleArn")} == {
        key: BASE[key] for key in ("cpu", "memory", "networkMode", "executionRoleArn")
    }
    assert server["secrets"] == BASE["containerDefinitions"][0]["secrets"]
    assert live.details["log group"] == "/loans"
    tags = {one["key"]: one["value"] for one in cluster.tags[live.revision]}
    assert tags["modelway:release"] == world.release(1).id


def test_definition_gets_a_volume_for_the_spool_where_the_image_writes_and_once(
    world: Any, cluster: Any, bring: Any
) -> None:
    mount = {"sourceVolume": "modelway-spool", "containerPath": "/var/modelway", "readOnly": False}
    for number in (1, 2):
        made = cluster.definitions[bring(world.open(container="server"), world.release(number)).revision]
        server, proxy = made["containerDefinitions"]
        assert made["volumes"] == [{"name": "modelway-spool"}]
        assert server["mountPoints"] == [mount]
        assert "mountPoints" not in proxy
        assert _environment(server)["MODELWAY_SPOOL"].startswith(mount["containerPath"])


def test_definition_keeps_a_volume_of_its_own_and_gets_none_where_the_settings_say_so(
    world: Any, cluster: Any, bring: Any
) -> None:
    made = cluster.definitions[bring(world.open(container="server", spool_volume=False), world.release(1)).revision]
    assert not made.get("volumes")
    own = [{"name": "mine", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]
    mounts = [{"sourceVolume": "mine", "containerPath": "/var/modelway/"}]
    first, second = BASE["containerDefinitions"]
    cluster.register(BASE | {"volumes": own, "containerDefinitions": [first | {"mountPoints": mounts}, second]}, [])
    cluster.services["loans"].definition = cluster.definition("loans")
    made = cluster.definitions[bring(world.open(container="server"), world.release(2)).revision]
    assert made["volumes"] == own
    assert made["containerDefinitions"][0]["mountPoints"] == mounts


def _environment(container: Any) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["environment"]}


@pytest.mark.parametrize("named", [None, "nobody"])
def test_which_container_is_meant_has_to_be_clear(world: Any, cluster: Any, bring: Any, named: str | None) -> None:
    with pytest.raises(UsageError, match="server, proxy"):
        bring(world.open(container=named), world.release(1))


def test_a_release_that_comes_again_finds_its_revision(world: Any, bring: Any) -> None:
    for number in (1, 2, 1):
        bring(world.open(), world.release(number))
    assert world.stand_in.faults.calls.count("RegisterTaskDefinition") == 2


def test_a_revision_with_other_settings_is_made_anew(world: Any, bring: Any) -> None:
    first = bring(world.open(), world.release(1))
    other = world.open(container="server")
    known = world.release(1).model_copy(update={"revision": first.revision})
    assert [step.action for step in other.plan(known, first)] == ["register", "deploy"]
    assert bring(other, known).revision != first.revision


def test_no_image_or_one_by_its_tag_is_refused(world: Any) -> None:
    target = world.open()
    live = target.inspect()
    for image in (None, "loans:latest"):
        with pytest.raises(UsageError):
            target.plan(world.release(1).model_copy(update={"image": image}), live)


def test_paths_of_this_machine_are_refused(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from modelway.deploy.target import open_target

    here = replace(world.place({}), flags="/srv/flags.json")
    target = open_target(here)
    with pytest.raises(UsageError, match=r"environments.staging.flags: /srv/flags.json"):
        target.plan(world.release(1), world.open().inspect())
