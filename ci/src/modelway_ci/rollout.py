"""A rollout's tick: the release that carries both bundles is delivered first, where none is under way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagger import dag

from modelway_ci.deliver import environment_container, version_flags
from modelway_ci.images import OWNER
from modelway_ci.publish import publish
from modelway_ci.stage import ARTIFACT, Outcome, run_stage

if TYPE_CHECKING:
    import dagger

    from modelway_ci.project import Project


@dataclass(frozen=True)
class Wanted:
    """What is to be rolled out.

    Attributes:
        environment: where.
        champion: its version.
        challenger: its version; the settings' when absent.
        image: the digest of an image that holds both; built where none is named.
        argv: further flags of `rollout`.
    """

    environment: str
    champion: str
    challenger: str | None
    image: str | None
    argv: list[str]


async def roll_out(
    project: Project, wanted: Wanted, private_key: dagger.Secret | None = None, *, plan: bool = False
) -> list[Outcome]:
    """Look once: begin a rollout, its image built by the engine, or take the one that is under way on.

    Args:
        project: whose model.
        wanted: what, and where.
        private_key: what bundles are signed with.
        plan: only tell what would be done.
    """
    container, flags = await environment_container(project, wanted.environment, private_key)
    words = ["rollout", *wanted.argv, "--env", wanted.environment, "--model-version", wanted.champion, *flags, "--json"]
    words += [] if wanted.challenger is None else ["--challenger", wanted.challenger]
    asked = await run_stage("rollout", container, [*words, "--plan"])
    told = json.loads(asked.stdout) if asked.exit_code == 0 else {}
    if plan or asked.exit_code or "nothing" in told:
        return [asked]
    done: list[Outcome] = []
    image = wanted.image
    if told["begins"] and image is None:
        versions = version_flags(wanted.champion, [told["challenger"]])
        published = await publish(project, wanted.environment, versions, private_key)
        done.append(published.outcome)
        if published.outcome.exit_code:
            return done
        image = published.image
    words += [] if image is None else ["--image", image]
    container, _ = await environment_container(project, wanted.environment, private_key)
    container = container.with_directory(ARTIFACT, dag.directory(), owner=OWNER)
    once = [*words, "--once", "--output-dir", ARTIFACT]
    return [*done, await run_stage("rollout", container, once, leaves_report=True)]


async def act_on(project: Project, environment: str, action: str) -> Outcome:
    """See, pause, resume or end a rollout; its page is left as it is by then."""
    container, flags = await environment_container(project, environment)
    container = container.with_directory(ARTIFACT, dag.directory(), owner=OWNER)
    argv = ["rollout", action, "--env", environment, *flags, "--output-dir", ARTIFACT, "--json"]
    return await run_stage("rollout", container, argv, leaves_report=True)
