"""The `evaluate` stage: a model and held-out rows in, measurements and verdicts out."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.artifacts import check_replaceable, read_manifest, write_artifact
from modelway.bundle import Model, load_model, model_digest, write_reference, write_signature
from modelway.data import Prepared, encode_target, load_prepared
from modelway.errors import InputError
from modelway.evaluate import evaluate as judge
from modelway.observe.baseline import make_baseline
from modelway.pipeline import fit as fit_stage
from modelway.pipeline import prepare as prepare_stage
from modelway.pipeline.prepare import data_digest, dataset_digest
from modelway.pipeline.provenance import describe
from modelway.pipeline.stopwatch import Stopwatch
from modelway.records.evaluate import Evaluation, Timings
from modelway.records.fit import Fit
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import NDArray

    from modelway.records.data import Dataset
    from modelway.records.evaluate import EvaluateOptions, Scores

KIND = "training"
BENCHMARKS = "benchmarks/"
LATENCY_ROWS = 200


@dataclass(frozen=True)
class Champion:
    """The model that production serves, with the digest that names it."""

    model: Model
    digest: str


def evaluate(
    options: EvaluateOptions,
    name: str,
    prepared: Path,
    model: Path,
    champion: Path | None,
    output: Path,
    *,
    commit: str | None = None,
    trusted: Collection[str] = (),
    progress: Progress = silent,
) -> Evaluation:
    """Measure a model on held-out rows, and judge it, into an artifact directory that holds the model as well.

    Args:
        options: the settings' `evaluate` section.
        name: the model's name.
        prepared: what the `prepare` stage wrote.
        model: what the `fit` stage wrote.
        champion: the champion's model directory, if there is one.
        output: where the artifact directory goes.
        commit: the revision of the user's code, for the report.
        trusted: types and functions that model and champion may use in addition to modelway's own list.
        progress: told after each part.
    """
    check_replaceable(output)
    read_manifest(prepared, prepare_stage.KIND)
    read_manifest(model, fit_stage.KIND)
    data = load_prepared(prepared)
    with write_artifact(output, KIND, inputs_of(data.dataset)) as directory:
        shutil.copytree(model, directory / "model")
        return evaluate_into(
            directory,
            options,
            name,
            data,
            load_champion(champion, trusted) if champion else None,
            Stopwatch(),
            commit=commit,
            trusted=trusted,
            progress=progress,
        )


def inputs_of(dataset: Dataset) -> dict[str, str]:
    """The digests of what an evaluation is made from."""
    return {"data": data_digest(dataset), "dataset": dataset_digest(dataset)}


def load_champion(directory: Path, trusted: Collection[str]) -> Champion:
    """Load a champion from its model directory; `trusted` is what it may use."""
    return Champion(load_model(directory, trusted), model_digest(directory))


def evaluate_into(
    directory: Path,
    options: EvaluateOptions,
    name: str,
    data: Prepared,
    champion: Champion | None,
    stopwatch: Stopwatch,
    *,
    commit: str | None,
    trusted: Collection[str],
    progress: Progress,
) -> Evaluation:
    """Write everything that is measured of `directory/model` beside it."""
    with stopwatch.step("score"):
        model = load_model(directory / "model", trusted)
        held_out = _score(model, data, "test", options.threshold)
        champion_scores = _champion_scores(champion, data, options.threshold) if champion else None
        benchmarks = {
            part.removeprefix(BENCHMARKS): _score(model, data, part, options.threshold)
            for part in data.tables
            if part.startswith(BENCHMARKS)
        }
    progress("evaluate", 1, 4, "scored")
    with stopwatch.step("measure"):
        evaluation = judge(
            options,
            data.dataset,
            data.tables["test"],
            *held_out,
            champion_scores,
            model_digest=model_digest(directory / "model"),
            champion_digest=champion.digest if champion else None,
            size_bytes=sum(path.stat().st_size for path in (directory / "model").iterdir()),
            inputs=model.info.inputs,
            benchmarks=benchmarks,
        )
        (directory / "metrics.json").write_text(evaluation.to_json(), encoding="utf-8")
        # What a bundle needs of the data, kept while the data are at hand.
        write_signature(directory, model.info, model.spec, data.dataset.columns, options.threshold)
        write_reference(directory, model.info, data.tables["test"], held_out[1])
    progress("evaluate", 2, 4, "measured")
    with stopwatch.step("baseline"):
        values = {metric: estimate.value for metric, estimate in evaluation.metrics.items()}
        baseline = make_baseline(
            data.dataset,
            data.tables["train"],
            data.tables["test"],
            held_out[1],
            values,
            read_fit(directory).importance,
            tuple(dict.fromkeys((*options.slices, *options.sensitive))),
        )
        (directory / "baseline.json").write_text(baseline.to_json(), encoding="utf-8")
    progress("evaluate", 3, 4, "profiled")
    with stopwatch.step("report"):
        timings = Timings(seconds=stopwatch.seconds, latency_ms=_latency(model, data))
        _write_report(directory, name, data, evaluation, timings, commit)
    timings = timings.model_copy(update={"seconds": stopwatch.seconds})
    (directory / "timings.json").write_text(timings.to_json(), encoding="utf-8")
    progress("evaluate", 4, 4, "reported")
    return evaluation


def _score(model: Model, data: Prepared, part: str, threshold: float) -> tuple[NDArray[Any], Scores]:
    """The target of a part of the data, and what the model says of it."""
    table = data.tables[part]
    return encode_target(data.dataset, table), model.predict(table, threshold)


def read_fit(directory: Path) -> Fit:
    """How the model of an evaluated directory came to be."""
    path = directory / "model" / "fit.json"
    if not path.is_file():
        raise InputError("the model directory holds no fit.json", where=str(path), remedy="Run `modelway fit` again.")
    return Fit.from_json(path.read_bytes())


def _champion_scores(champion: Champion, data: Prepared, threshold: float) -> Scores | str:
    """What the champion says of the held-out rows, or why it can't: the data set may have changed since it was made."""
    info, dataset = champion.model.info, data.dataset
    if (info.target, info.task) != (dataset.target, dataset.task):
        return f"it predicts {info.target!r} ({info.task}), not {dataset.target!r} ({dataset.task})"
    if info.classes != dataset.classes:
        return f"it knows the classes {', '.join(info.classes)}; these are {', '.join(dataset.classes)}"
    try:
        return champion.model.predict(data.tables["test"], threshold)
    except InputError as error:
        return f"it can't read these rows: {error.what}"


def _write_report(
    directory: Path, name: str, data: Prepared, evaluation: Evaluation, timings: Timings, commit: str | None
) -> None:
    from modelway.report.plots import render_plots
    from modelway.report.training import render_training

    fit = read_fit(directory)
    provenance = describe(data.dataset, evaluation, commit)
    page = render_training(name, data.dataset, fit, evaluation, timings, provenance)
    (directory / "report.html").write_text(page, encoding="utf-8")
    plots = directory / "plots"
    plots.mkdir()
    for plot, text in render_plots(evaluation, fit).items():
        (plots / plot).write_text(text, encoding="utf-8")


def _latency(model: Model, data: Prepared) -> dict[str, float]:
    """Milliseconds of one prediction of one row: median, 95th and 99th percentile."""
    table = data.tables["test"]
    rows = [table.slice(row % table.num_rows, 1) for row in range(LATENCY_ROWS)]
    model.predict(rows[0])
    times = []
    for row in rows:
        begin = time.perf_counter()
        model.predict(row)
        times.append((time.perf_counter() - begin) * 1000)
    return {f"p{percent}": round(float(np.percentile(times, percent)), 3) for percent in (50, 95, 99)}
