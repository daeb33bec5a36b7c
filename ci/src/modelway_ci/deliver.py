"""Delivery: what takes a registered version to where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway_ci.project import Project, with_registry
from modelway_ci.services import with_environment, with_github
from modelway_ci.stage import run_stage

if TYPE_CHECKING:
    from modelway_ci.stage import Outcome


async def release(project: Project, version: str, repository: str | None, api_url: str | None) -> Outcome:
    """Publish a registered version on GitHub; asked again, it completes what is missing."""
    container, flags = await with_registry(project, "release", reads=False)
    container = await with_github(container, project.outside)
    argv = ["release", version, *flags, "--json"]
    for flag, value in (("--repository", repository), ("--api-url", api_url)):
        if value is not None:
            argv += [flag, value]
    return await run_stage("release", container, argv)


async def change_environment(project: Project, command: str, environment: str, argv: list[str]) -> Outcome:
    """Run a command of an environment: deploy, rollback, flags, status. It runs each time, whatever ran before."""
    container, flags = await with_registry(project, "deploy", reads=False)
    container, more = await with_environment(container, project.outside, environment)
    return await run_stage("deploy", container, [command, *argv, "--env", environment, *flags, *more, "--json"])
