"""Batch inference, and watching: the health of a live model, by its prediction log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway_ci.images import CODE, OWNER, WORK
from modelway_ci.project import Project, user_code, with_registry
from modelway_ci.refusal import RefusalError
from modelway_ci.services import with_environment, with_github, with_store
from modelway_ci.stage import ARTIFACT, run_stage

if TYPE_CHECKING:
    import dagger

    from modelway_ci.stage import Outcome


@dataclass(frozen=True)
class Watched:
    """What is watched: each by a folder or file of the host's, or by an address.

    Attributes:
        predictions: the prediction log.
        predictions_uri: its address.
        ground_truth: the labels.
        ground_truth_uri: their address.
        baseline: a baseline.json or train_stats.json; the live champion's when absent.
    """

    predictions: dagger.Directory | None
    predictions_uri: str | None
    ground_truth: dagger.Directory | None
    ground_truth_uri: str | None
    baseline: dagger.File | None


@dataclass(frozen=True)
class Scored:
    """What is scored, by what, and where it goes: folders and files of the host's, or addresses.

    Attributes:
        input: the data set.
        input_uri: its address.
        output_uri: where predictions go; into the result when absent.
        bundle: the model, in the place of a registered version.
        public_key: the key that its signature is checked with.
    """

    input: dagger.Directory | None
    input_uri: str | None
    output_uri: str | None
    bundle: dagger.Directory | None
    public_key: dagger.File | None


async def batch(project: Project, scored: Scored, argv: list[str]) -> Outcome:
    """Score a data set. It runs each time; that a run which is there is not made again, it finds out itself."""
    if scored.input is not None and scored.input_uri is not None:
        raise RefusalError(2, "--input and --input-uri both say what to score: give one of them")
    container, flags = await with_registry(project, "batch", reads=False)
    container, more = await with_store(container, project.outside)
    container, _ = await with_environment(container, project.outside, None)
    if places := await user_code(project):
        folder = project.settings.folder
        code = project.source.filter(include=places)
        container = container.with_mounted_directory(f"{WORK}/code", code.directory(folder) if folder else code)
        container = container.with_env_variable("PYTHONPATH", f"{CODE}:{WORK}/code")
    for flag, place, given in (
        ("--input", f"{WORK}/input", scored.input),
        ("--bundle", f"{WORK}/bundle", scored.bundle),
    ):
        if given is not None:
            container = container.with_mounted_directory(place, given, owner=OWNER)
            argv = [*argv, flag, place]
    if scored.public_key is not None:
        container = container.with_mounted_file(f"{WORK}/key.pem", scored.public_key, owner=OWNER)
        argv = [*argv, "--public-key", f"{WORK}/key.pem"]
    if scored.input_uri is not None:
        argv = [*argv, "--input", scored.input_uri]
    places = ["--output", scored.output_uri or f"{ARTIFACT}/predictions", "--report", f"{ARTIFACT}/report"]
    return await run_stage("batch", container, ["batch", *argv, *flags, *more, *places, "--json"], leaves_report=True)


async def monitor(project: Project, watched: Watched, argv: list[str], *, act: bool) -> Outcome:
    """Watch a live model. It runs each time: the log, the labels, and what time it is, change outside."""
    container, flags = await with_registry(project, "monitor", reads=False, sees_code=act)
    container, more = await with_store(container, project.outside)
    more = [word.replace("prepare.s3", "monitor.s3") for word in more]
    if act:
        container = await with_github(container, project.outside)
        container, _ = await with_environment(container, project.outside, None)
    container, given = _with_inputs(container, watched)
    acting = ["--act"] if act else []
    argv = ["monitor", *argv, *given, *acting, *flags, *more, "--output-dir", ARTIFACT, "--json"]
    return await run_stage("monitor", container, argv)


def _with_inputs(container: dagger.Container, watched: Watched) -> tuple[dagger.Container, list[str]]:
    """Mount what comes from the host, and say where everything is."""
    given = []
    for flag, folder, uri in (
        ("--predictions", watched.predictions, watched.predictions_uri),
        ("--ground-truth", watched.ground_truth, watched.ground_truth_uri),
    ):
        place = f"{WORK}/watched{flag[1:]}"
        if folder is not None:
            container = container.with_mounted_directory(place, folder, owner=OWNER)
        if folder is not None or uri:
            given += [flag, place if folder is not None else str(uri)]
    if watched.baseline is not None:
        place = f"{WORK}/watched/baseline.json"
        container = container.with_mounted_file(place, watched.baseline, owner=OWNER)
        given += ["--baseline", place]
    return container, given
