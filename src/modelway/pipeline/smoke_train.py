"""The `smoke-train` part of `ci`: a small training, and whether what came out can be used at all."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, write_artifact
from modelway.atomic import scratch_directory
from modelway.data import prepare_data, save_prepared
from modelway.data.prepare import find_files
from modelway.errors import InputError, OutsideError
from modelway.escaping import log_text
from modelway.evaluate import check_options
from modelway.pipeline import smoke_probe
from modelway.pipeline.evaluate import evaluate_into, inputs_of
from modelway.pipeline.faults import failed
from modelway.pipeline.fit import fit_prepared, write_model
from modelway.pipeline.part import leave_report
from modelway.pipeline.prepare import cache_of
from modelway.pipeline.stopwatch import Stopwatch
from modelway.records.checks import CheckResult, Severity
from modelway.records.fit import CustomEstimatorOptions
from modelway.records.progress import Progress, silent
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.data import Prepared
    from modelway.records.checks import PartReport
    from modelway.records.data import PrepareOptions
    from modelway.records.evaluate import Evaluation
    from modelway.records.fit import Fit, FitOptions
    from modelway.records.settings import Settings
    from modelway.records.smoke_train import SmokeTrainOptions

PART = "smoke-train"
TRACEBACK = "traceback.txt"


def smoke_train(
    settings: Settings,
    root: Path,
    output: Path,
    *,
    commit: str | None = None,
    progress: Progress = silent,
) -> PartReport:
    """Train a little, to a directory of its own, and check what came out. No registry is asked.

    The quality gates are shown and fail nothing: a model of one epoch may be bad.

    Args:
        settings: the whole settings; `smoke_train` says how little.
        root: the directory of the settings file.
        output: where the artifact directory goes: model/, metrics.json, report.html, checks.json, junit.xml.
        commit: the revision of the user's code, for the report.
        progress: told where it is.

    Raises:
        InputError: there are no data.
        SettingsError: the settings name columns or metrics that there are not.
        OutsideError: s3:// or the disk fails.
    """
    check_replaceable(output)
    prepare, fit = small_data(settings.prepare, settings.smoke_train), small_fit(settings.fit, settings.smoke_train)
    small = settings.model_copy(update={"prepare": prepare, "fit": fit})
    find_files(prepare.data, prepare, root, cache_of(root), progress)  # without any, there is nothing to report on
    try:
        data = prepare_data(prepare, root, cache_of(root), progress)
    except InputError as error:
        with write_artifact(output, PART) as directory:
            return leave_report(directory, PART, _refused(error, settings.smoke_train), {})
    check_options(settings.evaluate, data.dataset)
    with write_artifact(output, PART, inputs_of(data.dataset)) as directory:
        training = _Training(small, root, directory, commit, progress)
        checks = [*training.run(data), *_checks_of(training, data, progress)]
        return leave_report(directory, PART, checks, training.reports())


def small_data(options: PrepareOptions, smoke: SmokeTrainOptions) -> PrepareOptions:
    """The same data set, cut to a sample, without the benchmarks."""
    sample = min(smoke.rows, options.sample or smoke.rows)
    return options.model_copy(update={"sample": sample, "benchmarks": {}})


def small_fit(options: FitOptions, smoke: SmokeTrainOptions) -> FitOptions:
    """The same model, fitted for a little while, without a search; what its kind does not know is left out."""
    wanted = {"epochs": smoke.epochs, "batch_size": smoke.batch_size}
    known = {key: value for key, value in wanted.items() if key in type(options.estimator).model_fields}
    return options.model_copy(
        update={
            "estimator": options.estimator.model_copy(update=known),
            "search": options.search.model_copy(update={"trials": 0}),
        }
    )


@dataclass
class _Training:
    """A training that may fail anywhere, with what it left until then."""

    settings: Settings
    root: Path
    directory: Path
    commit: str | None
    progress: Progress
    evaluation: Evaluation | None = None

    @property
    def has_model(self) -> bool:
        return (self.directory / "model").is_dir()

    def run(self, data: Prepared) -> list[CheckResult]:
        """Fit and evaluate; gives whether that went through."""
        doing, stopwatch = "fit", Stopwatch()
        try:
            with stopwatch.step("fit"):
                fitted = fit_prepared(self.settings.fit, self.root, data, self.progress)
                write_model(fitted, data.dataset, self.settings.fit, self.directory / "model")
            doing = "evaluate"
            self.evaluation = evaluate_into(
                self.directory,
                self.settings.evaluate,
                self.settings.name,
                data,
                None,
                stopwatch,
                commit=self.commit,
                trusted=self.settings.fit.trusted,
                progress=self.progress,
            )
        except OutsideError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's estimator may raise anything
            text = "".join(traceback.format_exception(error))
            (self.directory / TRACEBACK).write_text(log_text(text), encoding="utf-8")
            return [failed("trains", doing, error, self.root)]
        reason = _what_was_fitted(fitted.fit, data)
        return [CheckResult(check="trains", verdict=Verdict.PASS, reason=reason)]

    def reports(self) -> dict[str, str]:
        """What it left, by what it is."""
        names = {"model": "model", "metrics": "metrics.json", "report": "report.html", "traceback": TRACEBACK}
        return {what: name for what, name in names.items() if (self.directory / name).exists()}


def _checks_of(training: _Training, data: Prepared, progress: Progress) -> list[CheckResult]:
    if not training.has_model:
        return smoke_probe.skipped(smoke_probe.CHECKS, "there is no model")
    with scratch_directory() as folder:
        save_prepared(data, folder)
        progress("smoke", 0, 1, "asking the model in a fresh process")
        threshold = training.settings.evaluate.threshold
        checks = smoke_probe.probe(training.directory, folder, threshold, training.root, training.settings.fit.trusted)
        progress("smoke", 1, 1, "asked")
    return [*checks, _gates(training.evaluation)] if training.evaluation else checks


def _gates(evaluation: Evaluation) -> CheckResult:
    """The quality gates, as a warning."""
    judged = [gate for gate in evaluation.gates if not gate.waived]
    bad = [f"{gate.gate}: {gate.verdict}" for gate in judged if gate.verdict is not Verdict.PASS]
    reason = f"{', '.join(bad)}; so little training may give a bad model" if bad else "the model would pass already"
    return CheckResult(check="gates", verdict=evaluation.verdict, reason=reason, severity=Severity.WARN)


def _what_was_fitted(fit: Fit, data: Prepared) -> str:
    options = fit.estimator
    rows = sum(data.tables[part].num_rows for part in ("train", "validation"))
    if isinstance(options, CustomEstimatorOptions):
        return f"{options.function} was fitted on {rows:,} rows; how long is its own affair"
    batches = getattr(options, "batch_size", None)
    steps = f" in batches of {batches:,}" if batches else ", which has no batches,"
    return (
        f"{options.epochs:,} {'epoch' if options.epochs == 1 else 'epochs'} of {options.kind}{steps} on {rows:,} rows"
    )


def _refused(error: InputError, smoke: SmokeTrainOptions) -> list[CheckResult]:
    where = f"{error.where}: " if error.where else ""
    reason = f"the data were refused, in a sample of {smoke.rows:,} rows: {where}{error.what}"
    trains = CheckResult(check="trains", verdict=Verdict.ERROR, reason=reason)
    return [trains, *smoke_probe.skipped(smoke_probe.CHECKS, "there is no model")]
