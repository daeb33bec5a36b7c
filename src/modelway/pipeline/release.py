"""The `release` stage: a registered version in, its GitHub release out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.artifacts import read_manifest
from modelway.atomic import scratch_directory
from modelway.errors import InputError
from modelway.github import publish
from modelway.github.archive import pack
from modelway.github.notes import plan_release
from modelway.pipeline import fit as fit_stage
from modelway.records.evaluate import Evaluation
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.github import GitHub
    from modelway.records.github import Published
    from modelway.records.register import Version
    from modelway.registry import Registry

METRICS = "metrics.json"
REPORT = "report.html"


def release(
    registry: Registry, github: GitHub, reference: str, progress: Progress = silent
) -> tuple[Version, Published]:
    """Publish a registered version as the GitHub release `NAME-v<number>`: the model, its metrics and its report.

    Args:
        registry: the model's registry.
        github: the repository.
        reference: the version's number, alias or run.
        progress: told after each part.

    Raises:
        UsageError: there is no such version, or the release's tag is another model's.
        InputError: the version's files are missing or not those that were registered.
        OutsideError: the registry or GitHub fails.
    """
    version = registry.get(reference)
    with scratch_directory() as directory:
        work = directory
        model = work / "model"
        model.mkdir()
        registry.download(str(version.number), model)
        read_manifest(model, fit_stage.KIND)
        registry.download_kept(str(version.number), (METRICS, REPORT), work)
        evaluation = _read_evaluation(work / METRICS, version)
        archive = work / f"{version.tag}.zip"
        pack(model, archive)
        files = (archive, work / METRICS, work / REPORT)
        return version, publish(github, plan_release(version, evaluation), files, progress)


def _read_evaluation(path: Path, version: Version) -> Evaluation:
    try:
        evaluation = Evaluation.from_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(
            "the metrics can't be read",
            where=f"{METRICS} of version {version.number}",
            remedy="Restore the files of the version's run from a copy.",
        ) from error
    if evaluation.model_digest != version.model_digest:
        raise InputError(
            "the metrics are another model's",
            where=f"{METRICS} of version {version.number}",
            remedy="Restore the files of the version's run from a copy.",
        )
    return evaluation
