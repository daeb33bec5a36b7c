"""Faults of ECS's API: what is tried again, and what a person is told."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from ecs_stand_in import Fault

from modelway.deploy.aws import translated
from modelway.deploy.target import open_target
from modelway.errors import OutsideError, RefusedError, UsageError
from modelway.records.deploy import LiveState


@pytest.mark.parametrize("kind", ["throttled", "failed", "lost"])
@pytest.mark.parametrize("operation", ["RegisterTaskDefinition", "UpdateService", "DescribeServices"])
def test_what_fails_for_a_moment_is_tried_again(world: Any, bring: Any, kind: Any, operation: str) -> None:
    world.stand_in.faults.planned = [Fault(kind, operation)]
    live = bring(world.open(), world.release(1))
    assert (live.state, live.release) == (LiveState.STABLE, world.release(1).id)
    assert len(world.stand_in.cluster.services["loans"].deployments) == 2


def test_credentials_that_expire_are_named_and_nothing_is_lost(world: Any, bring: Any) -> None:
    bring(world.open(), world.release(1))
    target = world.open()
    steps = target.plan(world.release(2), target.inspect())
    world.stand_in.faults.planned = [Fault("expired", "UpdateService", times=None)]
    target.apply(steps[0])
    with pytest.raises(OutsideError, match="ExpiredTokenException") as refused:
        target.apply(steps[1])
    assert "AWS_SESSION_TOKEN" in str(refused.value)
    assert target.inspect().release == world.release(1).id
    world.stand_in.faults.planned = []
    assert bring(world.open(), world.release(2)).release == world.release(2).id


def test_request_that_ecs_rejects_for_good_is_not_to_be_tried_again(world: Any) -> None:
    target = world.open()
    with pytest.raises(OutsideError, match="ClientException") as rejected, translated("main/loans"):
        target._client.update_service(cluster="main", service="loans", taskDefinition="nothing:1")
    assert "again." not in str(rejected.value).replace("would be rejected again.", "")
    world.stand_in.faults.planned = [Fault("failed", "DescribeServices", times=None)]
    with pytest.raises(OutsideError, match="Try again"):
        target.inspect()


def test_a_stranger_is_refused(world: Any) -> None:
    target = open_target(world.place({"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "x"}))
    with pytest.raises(OutsideError, match="UnrecognizedClientException"):
        target.inspect()


def test_without_credentials_the_secrets_are_named(world: Any) -> None:
    target = world.open_without_secrets()
    assert [one.name for one in target.missing()] == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    assert target.missing()[0].argument == "--aws-access-key-id env://AWS_ACCESS_KEY_ID"
    with pytest.raises(UsageError, match="no credentials"):
        target.inspect()


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"])
def test_a_profile_or_a_role_is_enough(world: Any, name: str) -> None:
    from modelway.deploy.aws import missing_credentials

    assert missing_credentials({name: "x"}) == ()
    assert [one.name for one in missing_credentials({"AWS_ACCESS_KEY_ID": "x"})] == ["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize("wrong", [{"service": "nobody"}, {"cluster": "nowhere"}])
def test_a_service_that_is_not_there_is_wrong_settings(world: Any, wrong: dict[str, str]) -> None:
    place = world.place({"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "x"})
    options = place.options.model_copy(update={"target": place.options.target.model_copy(update=wrong)})
    from dataclasses import replace

    with pytest.raises(UsageError, match="no such"):
        open_target(replace(place, options=options)).inspect()


def test_an_api_that_does_not_answer_is_an_outside_failure(world: Any) -> None:
    from dataclasses import replace

    place = world.place({"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "x"})
    nowhere = place.options.target.model_copy(update={"endpoint_url": "http://127.0.0.1:9"})
    target = open_target(replace(place, options=place.options.model_copy(update={"target": nowhere})))
    with pytest.raises(OutsideError, match="can't be reached"):
        target.inspect()


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("InvalidParameterException", 400, RefusedError),
        ("ClientException", 400, RefusedError),
        ("AccessDeniedException", 400, RefusedError),
        ("ExpiredTokenException", 400, RefusedError),
        ("ThrottlingException", 400, OutsideError),
        ("RequestTimeout", 408, OutsideError),
        ("ServerException", 500, OutsideError),
    ],
)
def test_what_is_refused_for_good_is_not_to_be_tried_again(code: str, status: int, kind: type[Exception]) -> None:
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(OutsideError) as refused, translated("ecs"):
        raise ClientError(answer, "RegisterTaskDefinition")
    assert type(refused.value) is kind
    assert ("Try again." in str(refused.value)) == (kind is OutsideError)
