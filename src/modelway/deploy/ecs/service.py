"""The service as ECS describes it: one look, in ECS's own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelway.deploy.aws import translated
from modelway.deploy.ecs.definitions import read_tags, registration
from modelway.errors import UsageError

if TYPE_CHECKING:
    from modelway.records.ecs import EcsOptions

ROLLBACK = ("ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "STOP_REQUESTED")
"""What a deployment is called that goes, or went, back to the revision before."""
_KEPT = 10
"""How many of a family's newest revisions are looked through."""
_OF_ECS = frozenset({"ServiceSchedulerInitiated", "UserInitiated"})
"""Why tasks stop that did nothing wrong."""


@dataclass(frozen=True)
class Deployment:
    """A deployment of the service.

    Attributes:
        arn: its own name.
        status: ECS's word.
        aim: the task definition (ARN) that it brings, or goes back to.
        tried: the task definition that it was begun for.
        source: the task definitions that ran before it.
        running: the aim's tasks that run; None where ECS does not say.
        raw: all that ECS says.
    """

    arn: str
    status: str
    aim: str
    tried: str
    source: tuple[str, ...]
    running: int | None
    raw: dict[str, Any] = field(repr=False)

    @property
    def hook(self) -> dict[str, Any] | None:
        """The pause that waits for us."""
        details = self.raw.get("lifecycleHookDetails", [])
        return next((one for one in details if _waits(one)), None)


class Service:
    """Describes the service and its task definitions, and registers revisions.

    Args:
        client: boto3's, of ECS.
        options: which service.
    """

    def __init__(self, client: Any, options: EcsOptions) -> None:
        self._client = client
        self._options = options
        self.where = f"{options.cluster}/{options.service}"

    def describe(self) -> dict[str, Any]:
        """The service.

        Raises:
            UsageError: there is none.
            OutsideError: ECS fails or refuses.
        """
        with translated(self.where):
            answer = self._client.describe_services(cluster=self._options.cluster, services=[self._options.service])
        found: list[dict[str, Any]] = [one for one in answer["services"] if one["status"] == "ACTIVE"]
        if not found:
            raise UsageError(
                "there is no such service",
                where=self.where,
                remedy="Correct the target's cluster, service and region; a deploy creates neither.",
            )
        return found[0]

    def deployment(self, service: dict[str, Any]) -> Deployment | None:
        """The newest deployment; None where the service is older than ECS's memory of them."""
        with translated(self.where):
            arn = service.get("currentServiceDeployment") or self._newest()
            if arn is None:
                return None
            told = self._client.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return self._deployment(told[0]) if told else None

    def definition(self, arn: str) -> tuple[dict[str, Any], dict[str, str]]:
        """A task definition and its tags."""
        with translated(arn):
            answer = self._client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        return answer["taskDefinition"], read_tags(answer)

    def is_active(self, revision: str) -> bool | None:
        """Return whether a task definition (ARN) can run; None where ECS has deleted it, or is deleting it."""
        with translated(revision):
            try:
                described = self._client.describe_task_definition(taskDefinition=revision)["taskDefinition"]
            except self._client.exceptions.ClientException:
                return None
        return None if described["status"] == "DELETE_IN_PROGRESS" else bool(described["status"] == "ACTIVE")

    def register(self, definition: dict[str, Any], tags: dict[str, str]) -> None:
        """Register a revision that is like the definition."""
        operation = self._client.meta.service_model.operation_model("RegisterTaskDefinition")
        told = registration(definition, tags, operation.input_shape.members)
        with translated(definition["family"]):
            self._client.register_task_definition(**told)

    def find_revision(self, family: str, tags: dict[str, str]) -> str | None:
        """The newest revision with these tags, if the family has one that is still in use."""
        with translated(family):
            answer = self._client.list_task_definitions(
                familyPrefix=family, status="ACTIVE", sort="DESC", maxResults=_KEPT
            )
        for arn in answer["taskDefinitionArns"]:
            found = self.definition(arn)[1]
            if all(found.get(key) == value for key, value in tags.items()):
                return str(arn)
        return None

    def why_tasks_stopped(self, revision: str) -> str:
        """What the last task of a revision died of, in ECS's words; empty where none did."""
        options = self._options
        with translated(self.where):
            listed = self._client.list_tasks(
                cluster=options.cluster, serviceName=options.service, desiredStatus="STOPPED", maxResults=20
            )["taskArns"]
            if not listed:
                return ""
            tasks = self._client.describe_tasks(cluster=options.cluster, tasks=listed)["tasks"]
        died = [one for one in tasks if one["taskDefinitionArn"] == revision and one.get("stopCode") not in _OF_ECS]
        if not died:
            return ""
        last = max(died, key=lambda task: str(task.get("stoppedAt", "")))
        told = [last.get("stoppedReason", "")]
        for container in last.get("containers", []):
            code = f"exit code {container['exitCode']}" if "exitCode" in container else ""
            words = " ".join(text for text in (code, container.get("reason", "")) if text)
            told += [f"container {container['name']}: {words}"] if words else []
        return "; ".join(text for text in told if text)

    def _newest(self) -> str | None:
        options = self._options
        listed = self._client.list_service_deployments(cluster=options.cluster, service=options.service)
        briefs = listed["serviceDeployments"]
        return str(max(briefs, key=lambda one: one["createdAt"])["serviceDeploymentArn"]) if briefs else None

    def _deployment(self, raw: dict[str, Any]) -> Deployment:
        tried = raw["targetServiceRevision"]
        sources = raw.get("sourceServiceRevisions", [])
        back = raw.get("rollback", {}).get("serviceRevisionArn") if raw["status"] in ROLLBACK else None
        summaries = {one["arn"]: one for one in (*sources, tried)}
        aim = back or tried["arn"]
        names = self._task_definitions({aim, *summaries})
        return Deployment(
            arn=raw["serviceDeploymentArn"],
            status=raw["status"],
            aim=names[aim],
            tried=names[tried["arn"]],
            source=tuple(names[one["arn"]] for one in sources),
            running=summaries.get(aim, {}).get("runningTaskCount"),
            raw=raw,
        )

    def _task_definitions(self, revisions: set[str]) -> dict[str, str]:
        with translated(self.where):
            answer = self._client.describe_service_revisions(serviceRevisionArns=sorted(revisions))
        return {one["serviceRevisionArn"]: one["taskDefinition"] for one in answer["serviceRevisions"]}


def _waits(hook: dict[str, Any]) -> bool:
    return hook.get("targetType") == "PAUSE" and hook.get("status") == "AWAITING_ACTION"
