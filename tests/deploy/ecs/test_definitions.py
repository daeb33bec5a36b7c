"""What a new revision of a task definition is made of."""

from __future__ import annotations

from typing import Any

import pytest
from ecs_stand_in.wire import service_model

from modelway.deploy.ecs.definitions import new_definition
from modelway.deploy.remote import VARIABLES
from modelway.errors import UsageError
from modelway.records.ecs import EcsOptions

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
    assert [step.action for step in other.plan(world.release(1), first)] == ["register", "deploy"]
    live = bring(other, world.release(1))
    assert live.revision != first.revision
    # A release with a revision is to run as it did: that is how settings that fail are undone.
    known = world.release(1).model_copy(update={"revision": first.revision})
    (step,) = other.plan(known, live)
    assert step.arguments["revision"] == first.revision
    assert bring(other, known).revision == first.revision


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


class TestFullDefinition:
    """Every field that RegisterTaskDefinition accepts, generated from botocore's service model."""

    def test_release_changes_the_image_our_variables_and_our_tags_alone(self, world: Any, bring: Any) -> None:
        full = _full_definition()
        given = [{"key": "cost-center", "value": "7"}, {"key": "aws:cloudformation:stack-name", "value": "loans"}]
        cluster = world.stand_in.cluster
        cluster.services["loans"].definition = cluster.register(full, given)
        live = bring(world.open(spool_volume=False), world.release(1))
        made = cluster.definitions[live.revision]
        differing = {key for key in full if made[key] != full[key]}
        assert differing == {"containerDefinitions"}
        (before,), (after,) = full["containerDefinitions"], made["containerDefinitions"]
        assert {key for key in before | after if before.get(key) != after.get(key)} == {"image", "environment"}
        assert after["environment"][0] == before["environment"][0]
        tags = {one["key"]: one["value"] for one in cluster.tags[live.revision]}
        assert tags.pop("modelway:release") == world.release(1).id
        assert tags.pop("modelway:configuration") == live.configuration
        assert tags == {"cost-center": "7"}

    def test_deregistered_revision_comes_back_whole(self, world: Any, bring: Any) -> None:
        cluster = world.stand_in.cluster
        cluster.services["loans"].definition = cluster.register(_full_definition(), [{"key": "team", "value": "risk"}])
        first = bring(world.open(), world.release(1))
        bring(world.open(container="name"), world.release(2))  # other settings, so another base
        _deregister(world, first.revision)
        known = world.release(1).model_copy(update={"revision": first.revision})
        target = world.open(container="name")
        assert [step.action for step in target.plan(known, target.inspect())] == ["restore", "deploy"]
        back = bring(target, known)
        assert (back.release, back.configuration) == (first.release, first.configuration)
        old, new = cluster.definitions[first.revision], cluster.definitions[back.revision]
        of_ecs = {"taskDefinitionArn", "revision", "status", "registeredAt"}
        assert {key for key in old | new if old.get(key) != new.get(key)} == of_ecs
        assert cluster.tags[back.revision] == cluster.tags[first.revision]


class TestDeregistered:
    """Terraform and CDK deregister a revision as they register the next one."""

    def test_half_of_a_way_back_goes_on_with_the_revision_that_it_registered(self, world: Any, bring: Any) -> None:
        first, _ = (bring(world.open(), world.release(number)) for number in (1, 2))
        _deregister(world, first.revision)
        known = world.release(1).model_copy(update={"revision": first.revision})
        target = world.open()
        restore, _ = target.plan(known, target.inspect())
        target.apply(restore)
        registered = len(world.stand_in.cluster.definitions)
        assert bring(target, known).release == known.id
        assert len(world.stand_in.cluster.definitions) == registered

    def test_deregistered_twice_comes_back_twice(self, world: Any, bring: Any) -> None:
        revisions = [bring(world.open(), world.release(number)).revision for number in (1, 2)]
        for _ in range(2):
            for number, revision in enumerate(revisions, 1):
                _deregister(world, world.stand_in.cluster.definition("loans"))
                _deregister(world, revision)
                known = world.release(number).model_copy(update={"revision": revision})
                live = bring(world.open(), known)
                assert live.release == known.id
                assert world.stand_in.cluster.definitions[live.revision]["status"] == "ACTIVE"

    def test_deleted_revision_is_made_from_the_service_as_it_is(self, world: Any, bring: Any) -> None:
        first, *_ = (bring(world.open(), world.release(number)) for number in (1, 2, 3))
        known = world.release(1).model_copy(update={"revision": first.revision})
        for gone in (False, True):
            world.stand_in.cluster.definitions[first.revision]["status"] = "DELETE_IN_PROGRESS"
            if gone:
                del world.stand_in.cluster.definitions[first.revision]
            target = world.open()
            assert [step.action for step in target.plan(known, target.inspect())] == ["register", "deploy"]
        assert bring(target, known).release == known.id


def _deregister(world: Any, revision: str | None) -> None:
    world.stand_in.cluster.definitions[revision]["status"] = "INACTIVE"


def _full_definition() -> dict[str, Any]:
    members = service_model().operation_model("RegisterTaskDefinition").input_shape.members
    return {name: _value(shape, name) for name, shape in members.items() if name != "tags"} | {"family": "loans"}


def _value(shape: Any, name: str) -> Any:
    """Return a value of the shape with every member set; no shape in it contains itself."""
    if shape.type_name == "structure":
        return {key: _value(member, key) for key, member in shape.members.items()}
    if shape.type_name == "list":
        return [_value(shape.member, name)]
    if shape.type_name == "map":
        return {"key": _value(shape.value, name)}
    if getattr(shape, "enum", None):
        return shape.enum[-1]
    return {"string": name, "integer": 7, "long": 7, "double": 7.0, "boolean": True}[shape.type_name]


@pytest.mark.parametrize("told", [(), ("MODELWAY_FLAGS",), tuple(sorted(VARIABLES))], ids=len)
def test_variables_that_a_deploy_no_longer_sets_are_gone_and_others_stay(told: tuple[str, ...]) -> None:
    old = [{"name": name, "value": "old"} for name in ("A", *sorted(VARIABLES), "MODELWAY_LOG_SALT", "Z")]
    containers = [{"name": "server", "environment": old, "cpu": 1}, {"name": "proxy", "environment": old, "image": "p"}]
    base = {"family": "loans", "containerDefinitions": containers}
    options = EcsOptions(kind="ecs", cluster="c", service="s", region="eu-central-1", container="server")
    made = new_definition(base, options.model_copy(update={"spool_volume": False}), "new", dict.fromkeys(told, "now"))
    others = [{"name": name, "value": "old"} for name in ("A", "MODELWAY_LOG_SALT", "Z")]
    ours = [{"name": name, "value": "now"} for name in told]
    assert made == {
        "family": "loans",
        "containerDefinitions": [
            {"name": "server", "environment": [*others, *ours], "cpu": 1, "image": "new"}, containers[1],
        ],
    }  # fmt: skip
