"""The ECS target: plans revisions and deployments, and asks ECS for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.deploy.aws import aws_client, missing_credentials, translated
from modelway.deploy.ecs.definitions import (
    CONFIGURATION_TAG,
    RELEASE_TAG,
    configuration_of,
    new_definition,
    tags_of,
)
from modelway.deploy.ecs.looking import HOOK, look
from modelway.deploy.ecs.service import Service
from modelway.deploy.ecs.strategy import deployment_configuration, words_of
from modelway.deploy.remote import image_of, server_environment
from modelway.errors import OutsideError
from modelway.records.deploy import Live, LiveState, MissingSecret, Release, Step
from modelway.records.ecs import EcsOptions, RollingOptions

if TYPE_CHECKING:
    from modelway.deploy.target import Place

_UNDER_WAY = ("PENDING", "IN_PROGRESS")
_TRY_AGAIN = ("ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "STOPPED")
"""Deployments that ended without their aim: ECS begins another one to the same revision only when it is forced to."""


class EcsTarget:
    """Runs releases as a service of ECS.

    Args:
        place: which service, and what its servers are told.
    """

    def __init__(self, place: Place) -> None:
        if not isinstance(place.options.target, EcsOptions):
            raise TypeError(place.options.target)
        self._place = place
        self._options = options = place.options.target
        self._client = aws_client("ecs", place.secrets, options.region, options.endpoint_url)
        self._service = Service(self._client, options)

    def missing(self) -> tuple[MissingSecret, ...]:
        """AWS's credentials, where they come from nowhere."""
        return () if self._options.machine_role else missing_credentials(self._place.secrets)

    def inspect(self) -> Live:
        """What the service runs."""
        return look(self._service, self._options)

    def plan(self, wanted: Release | None, live: Live) -> tuple[Step, ...]:
        """A revision, where there is none yet, and a deployment of it."""
        if wanted is None:
            return () if live.wanted == 0 else (_step("stop", f"let {self._options.service} run no task any more"),)
        configuration = configuration_of(self._place, self._options, wanted)
        # A release with a revision is one to come back to, whatever the settings have become.
        known = wanted.revision
        active = self._service.is_active(known) if known and known != live.revision else True
        if active is None:
            known = None
        # One that was deregistered runs under another name once it was brought back.
        same = live.configuration == configuration if known is None else live.revision == known or not active
        if live.release == wanted.id and same and live.state is not LiveState.FAILED:
            return self._go_on(wanted, live)
        deploy = _step(
            "deploy",
            f"let {self._options.service} run {'it again, at once' if known else 'it, ' + words_of(self._options)}",
            release=wanted.id,
            configuration=configuration,
            revision=known,
        )
        if known and active:
            return (deploy,)
        if known:
            what = "register the release's revision again, which was deregistered"
            return (_step("restore", what, release=wanted.id, revision=known), deploy)
        image = image_of(wanted, self._place)
        what = f"register a revision of the task definition with {image}"
        variables: dict[str, Any] = dict(server_environment(self._place, wanted))
        arguments = {"release": wanted.id, "configuration": configuration, "image": image, "variables": variables}
        return (_step("register", what, **arguments), deploy)

    def apply(self, step: Step) -> None:
        """Run a step."""
        actions = {
            "register": self._register,
            "restore": self._restore,
            "deploy": self._deploy,
            "continue": self._continue,
            "scale": self._scale,
            "stop": self._scale,
        }
        actions[step.action](step.arguments)

    def _go_on(self, wanted: Release, live: Live) -> tuple[Step, ...]:
        """What is missing where the release runs, or is on its way."""
        if live.state is LiveState.PAUSED:
            stage = live.details.get("stage", "")
            return (_step("continue", f"let ECS go on from {stage}", release=wanted.id, hook=live.details[HOOK]),)
        count = self._options.replicas
        if count is not None and live.wanted != count:
            return (_step("scale", f"run {count} tasks in the place of {live.wanted}", count=count),)
        return ()

    def _register(self, arguments: dict[str, Any]) -> None:
        base = self._options.task_definition or self._service.describe()["taskDefinition"]
        definition, kept = self._service.definition(base)
        tags = tags_of(arguments["release"], arguments["configuration"])
        if self._service.find_revision(definition["family"], tags):
            return
        changed = new_definition(definition, self._options, arguments["image"], arguments["variables"])
        self._service.register(changed, {**kept, **tags})

    def _restore(self, arguments: dict[str, Any]) -> None:
        """Register the same revision again: ECS runs none that is deregistered."""
        if self._active(arguments["revision"]) is None:
            self._service.register(*self._service.definition(arguments["revision"]))

    def _active(self, revision: str) -> str | None:
        """Return the revision, or the one that took its place as it was deregistered."""
        definition, tags = self._service.definition(revision)
        if definition["status"] == "ACTIVE":
            return revision
        ours = {key: tags[key] for key in (RELEASE_TAG, CONFIGURATION_TAG) if key in tags}
        return self._service.find_revision(definition["family"], ours) if ours else None

    def _deploy(self, arguments: dict[str, Any]) -> None:
        described = self._service.describe()
        back = arguments["revision"] is not None
        revision = self._revision(described, arguments)
        deployment = self._service.deployment(described)
        rolling = isinstance(self._options.strategy, RollingOptions)
        if deployment is not None and back and not rolling and self._turned_back(deployment, revision):
            return
        again = deployment is not None and deployment.status in _TRY_AGAIN and described["taskDefinition"] == revision
        with translated(self._service.where):
            self._client.update_service(
                cluster=self._options.cluster,
                service=self._options.service,
                taskDefinition=revision,
                desiredCount=self._options.replicas or described["desiredCount"] or 1,
                deploymentConfiguration=deployment_configuration(self._options, back=back),
                forceNewDeployment=again,
            )

    def _turned_back(self, deployment: Any, revision: str) -> bool:
        """Whether a shift under way could be told to return; the tasks from before still run, so that is quickest."""
        if deployment.status not in _UNDER_WAY or revision not in deployment.source:
            return False
        with translated(self._service.where):
            if deployment.hook is not None:
                self._client.continue_service_deployment(
                    serviceDeploymentArn=deployment.arn, hookId=deployment.hook["hookId"], action="ROLLBACK"
                )
            else:
                self._client.stop_service_deployment(serviceDeploymentArn=deployment.arn, stopType="ROLLBACK")
        return True

    def _revision(self, described: dict[str, Any], arguments: dict[str, Any]) -> str:
        """Return the revision to run: a known one, or what the step before registered.

        Raises:
            OutsideError: it is gone.
        """
        if arguments["revision"]:
            if found := self._active(arguments["revision"]):
                return found
            raise OutsideError(
                f"the revision of release {arguments['release']} was deregistered",
                where=arguments["revision"],
                remedy="Run it again.",
            )
        base = self._options.task_definition or described["taskDefinition"]
        family = self._service.definition(base)[0]["family"]
        found = self._service.find_revision(family, tags_of(arguments["release"], arguments["configuration"]))
        if found is None:
            raise OutsideError(
                f"the revision of release {arguments['release']} is gone", where=family, remedy="Run it again."
            )
        return found

    def _continue(self, arguments: dict[str, Any]) -> None:
        deployment = self._service.deployment(self._service.describe())
        hook = deployment.hook if deployment else None
        if deployment is None or hook is None or hook["hookId"] != arguments["hook"]:
            return  # it went on already
        with translated(self._service.where):
            self._client.continue_service_deployment(
                serviceDeploymentArn=deployment.arn, hookId=hook["hookId"], action="CONTINUE"
            )

    def _scale(self, arguments: dict[str, Any]) -> None:
        options = self._options
        with translated(self._service.where):
            self._client.update_service(
                cluster=options.cluster, service=options.service, desiredCount=arguments.get("count", 0)
            )


def _step(action: str, what: str, **arguments: Any) -> Step:
    return Step(room="target", action=action, what=what, arguments=arguments)
