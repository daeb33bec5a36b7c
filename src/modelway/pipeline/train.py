"""Continuous training on the host: prepare, fit, evaluate and register in one process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, write_artifact
from modelway.data import prepare_data
from modelway.errors import GateError, InconclusiveError
from modelway.evaluate import check_options
from modelway.pipeline import evaluate as evaluate_stage
from modelway.pipeline.fit import fit_prepared, write_model
from modelway.pipeline.prepare import cache_of
from modelway.pipeline.register import fetch_champion, register
from modelway.pipeline.stopwatch import Stopwatch
from modelway.records.progress import Progress, silent
from modelway.records.trust import join_names
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from modelway.records.evaluate import Evaluation
    from modelway.records.register import Registration, Version
    from modelway.records.settings import Settings
    from modelway.registry import Registry

_EXIT_CODES = {
    Verdict.PASS: 0,
    Verdict.FAIL: GateError.exit_code,
    Verdict.ERROR: GateError.exit_code,
    Verdict.INCONCLUSIVE: InconclusiveError.exit_code,
}


@dataclass(frozen=True)
class Trained:
    """What `train` did.

    Attributes:
        evaluation: what was measured, and the verdicts.
        registration: what registering did, if it was asked for and the gates passed.
        known: the version that the model is registered as, now or before.
        exit_code: how the command ends.
    """

    evaluation: Evaluation
    registration: Registration | None
    known: Version | None
    exit_code: int


def train(
    settings: Settings,
    registry: Registry,
    root: Path,
    output: Path,
    *,
    registers: bool,
    commit: str | None,
    source: Mapping[str, str] | None = None,
    trusted: Collection[str] = (),
    progress: Progress = silent,
) -> Trained:
    """Train a model, judge it, and register it when its gates pass.

    Args:
        settings: the whole settings.
        registry: the model's registry, asked for the champion in any case.
        root: the directory of the settings file.
        output: where the artifact directory goes: model/, metrics.json, baseline.json, report.html.
        registers: whether to register the model.
        commit: the revision of the user's code.
        source: what else the version is to be known by.
        trusted: types and functions that models may use, besides those of the settings and of the champion's record.
        progress: told where it is.
    """
    check_replaceable(output)
    stopwatch = Stopwatch()
    champion, recorded = fetch_champion(registry, root)
    trusted = join_names(settings.fit.trusted, recorded, trusted)
    with stopwatch.step("prepare"):
        data = prepare_data(settings.prepare, root, cache_of(root), progress)
    # A slip in what is to be measured should show before the fitting, not after it.
    check_options(settings.evaluate, data.dataset)
    with write_artifact(output, evaluate_stage.KIND, evaluate_stage.inputs_of(data.dataset)) as directory:
        with stopwatch.step("fit"):
            fitted = fit_prepared(settings.fit, root, data, progress)
            write_model(fitted, data.dataset, settings.fit, directory / "model")
        evaluation = evaluate_stage.evaluate_into(
            directory,
            settings.evaluate,
            settings.name,
            data,
            evaluate_stage.load_champion(champion, trusted) if champion else None,
            stopwatch,
            commit=commit,
            trusted=trusted,
            progress=progress,
        )

    def registering() -> Registration:
        files = data.dataset.source
        return register(registry, settings, output, commit=commit, source=source, files=files, progress=progress)

    return _conclude(registry, evaluation, registering if registers else None)


def exit_code_of(evaluation: Evaluation) -> int:
    """How a command ends that judged a model."""
    return _EXIT_CODES[evaluation.verdict]


def _conclude(registry: Registry, evaluation: Evaluation, registering: Callable[[], Registration] | None) -> Trained:
    """Register what passed. What is registered already needs no evidence against itself, only gates not failed."""
    code = exit_code_of(evaluation)
    known = None
    if code != GateError.exit_code:
        known = next((found for found in registry.versions() if found.model_digest == evaluation.model_digest), None)
    if known is None and (code or registering is None):
        return Trained(evaluation, None, None, code)
    if registering is None:
        return Trained(evaluation, None, known, 0)
    registration = registering()
    return Trained(evaluation, registration, registration.version, 0)
