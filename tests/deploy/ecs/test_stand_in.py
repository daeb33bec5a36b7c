"""The stand-in itself: it is held to botocore's service model, and the rules that ECS's documentation states."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from ecs_stand_in import Cluster, StandIn
from ecs_stand_in.wire import ModelError, check, service_model


@pytest.fixture
def stand_in() -> Any:
    cluster = Cluster("main")
    cluster.register({"family": "f", "containerDefinitions": [{"name": "c", "image": "one"}]}, [])
    cluster.register({"family": "f", "containerDefinitions": [{"name": "c", "image": "two"}]}, [])
    cluster.create_service("s", "f:1", 2)
    with StandIn(cluster) as made:
        yield made


@pytest.fixture
def client(stand_in: Any) -> Any:
    return boto3.client(
        "ecs",
        endpoint_url=stand_in.url,
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": [{"serviceName": 7}]},
        {"services": [{"noSuchField": "x"}]},
        {"services": [{"launchType": "MAINFRAME"}]},
        {"services": [{"deployments": [{"rolloutState": "DONE"}]}]},
        {"services": [{"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True}}}]},
    ],
)
def test_an_answer_that_ecs_does_not_have_is_noticed(wrong: Any) -> None:
    shape = service_model().operation_model("DescribeServices").output_shape
    check(shape, {"services": [], "failures": []}, "right")
    with pytest.raises(ModelError):
        check(shape, wrong, "wrong")


def test_botocores_own_waiter_sees_a_deployment_end(stand_in: Any, client: Any) -> None:
    client.get_waiter("services_stable").wait(
        cluster="main", services=["s"], WaiterConfig={"Delay": 0, "MaxAttempts": 20}
    )
    client.update_service(cluster="main", service="s", taskDefinition="f:2")
    (service,) = client.describe_services(cluster="main", services=["s"])["services"]
    assert service["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    client.get_waiter("services_stable").wait(
        cluster="main", services=["s"], WaiterConfig={"Delay": 0, "MaxAttempts": 20}
    )
    assert stand_in.cluster.serving("s") == {"two": 100.0}
    assert not stand_in.wrong


def test_the_same_task_definition_begins_no_deployment_unless_forced(stand_in: Any, client: Any) -> None:
    service = stand_in.cluster.services["s"]
    client.update_service(cluster="main", service="s", taskDefinition="f:1", desiredCount=3)
    assert (len(service.deployments), service.desired) == (1, 3)
    client.update_service(cluster="main", service="s", taskDefinition="f:1", forceNewDeployment=True)
    assert len(service.deployments) == 2


@pytest.mark.parametrize(
    "configuration",
    [
        {"strategy": "ROLLING", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1}},
        {"strategy": "CANARY", "deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        {
            "strategy": "CANARY",
            "lifecycleHooks": [{"targetType": "PAUSE", "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}],
        },
    ],
)
def test_what_ecs_refuses_is_refused(client: Any, configuration: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterException"):
        client.update_service(cluster="main", service="s", taskDefinition="f:2", deploymentConfiguration=configuration)
