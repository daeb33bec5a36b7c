"""The `batch` stage: a data set and a version in, predictions and a report out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, write_artifact
from modelway.batch.place import REPORT, SUMMARY, TIMINGS
from modelway.batch.run import run_batch
from modelway.pipeline.bundles import BundleStore
from modelway.records.progress import Progress, silent
from modelway.report.predictions import render_predictions

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.batch.run import Outcome, Request
    from modelway.records.batch import BatchOptions
    from modelway.records.package import PackageOptions
    from modelway.records.trust import Trust
    from modelway.registry import Registry

KIND = "prediction-report"


def bring_bundle(
    registry: Registry, options: BatchOptions, how: PackageOptions, root: Path, trust: Trust
) -> tuple[Path, tuple[str, ...]]:
    """Return the bundle of the version that is to score, packaged unless it is here already, and what it may use.

    Raises:
        UsageError: there is no such version.
        GateError: its gates did not pass.
        InputError: the bundle does not verify.
        OutsideError: the registry fails.
    """
    store = BundleStore(root / ".modelway" / "bundles", registry, trust, how)
    ref, _ = store.bring(options.model_version)
    return store.directory(ref), ref.trusted


def batch(request: Request, report: Path, progress: Progress = silent) -> Outcome:
    """Score a data set; what came of it is told in `report`, also where the run failed.

    Args:
        request: what is asked for.
        report: where the artifact directory with the report goes.
        progress: told after each part.

    Raises:
        InputError, OutsideError, UsageError: before anything was scored. What fails later is in the outcome.
    """
    check_replaceable(report)
    outcome = run_batch(request, progress)
    result = outcome.result
    failure = str(outcome.error) if outcome.error else None
    page = render_predictions(result.summary, result.timings, result.output, failure)
    with write_artifact(report, KIND, {"bundle": result.summary.plan.bundle_digest}) as directory:
        (directory / REPORT).write_text(page, encoding="utf-8")
        (directory / SUMMARY).write_text(result.summary.to_json(), encoding="utf-8")
        if result.timings is not None:
            (directory / TIMINGS).write_text(result.timings.to_json(), encoding="utf-8")
    return outcome
