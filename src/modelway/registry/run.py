"""One training as an MLflow run: parameters, metrics, files and the model."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modelway.atomic import scratch_directory
from modelway.registry.packaging import DATA, write_mlflow_model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlflow import MlflowClient
    from mlflow.entities import Metric

    from modelway.records.evaluate import Estimate, Evaluation
    from modelway.records.fit import Fit
    from modelway.registry.candidate import Candidate

ARTIFACT = "model"
"""Where the MLflow model lies among the run's files."""
_BATCH = 1000
"""As many metrics as MLflow takes in one request."""
_LONGEST_PARAMETER = 6000


@contextmanager
def new_run(client: MlflowClient, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator[str]:
    """Give the id of a new run; it ends as finished, or as failed if anything is raised, an interruption too."""
    run = client.create_run(experiment, run_name=name, tags=dict(tags))
    try:
        yield run.info.run_id
        client.set_terminated(run.info.run_id, status="FINISHED")
    except BaseException:
        # What went wrong is more telling than that the run can't be marked either.
        with suppress(Exception):
            client.set_terminated(run.info.run_id, status="FAILED")
        raise


def log_values(client: MlflowClient, run_id: str, candidate: Candidate) -> None:
    """Log parameters, metrics with their intervals, and the losses epoch by epoch."""
    from mlflow.entities import Param

    parameters = [Param(key, value[:_LONGEST_PARAMETER]) for key, value in parameters_of(candidate.fit).items()]
    client.log_batch(run_id, params=parameters)
    metrics = [*_metrics(candidate.evaluation), *_history(candidate.fit)]
    for begin in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[begin : begin + _BATCH])


def log_files(client: MlflowClient, run_id: str, candidate: Candidate, texts: Mapping[str, str]) -> None:
    """Upload reports, metrics and plots, further texts by name, then the model as an MLflow model."""
    for name, text in texts.items():
        client.log_text(run_id, text, name)
    for path in candidate.extras:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), path.name)
        else:
            client.log_artifact(run_id, str(path))
    with scratch_directory() as work:
        write_mlflow_model(candidate, work)
        client.log_artifacts(run_id, str(work), ARTIFACT)
    client.log_artifacts(run_id, str(candidate.model), f"{ARTIFACT}/{DATA}")


def parameters_of(fit: Fit) -> dict[str, str]:
    """The estimator's options, the seed, and how long the final model was fitted."""
    parameters = {key: str(value) for key, value in fit.estimator.model_dump(mode="json").items()}
    parameters["seed"] = str(fit.seed)
    if fit.epochs is not None:
        parameters["fitted_epochs"] = str(fit.epochs)
    if fit.loss is not None:
        parameters["loss"] = fit.loss
    return parameters


def _metrics(evaluation: Evaluation) -> list[Metric]:
    values = _with_intervals("", evaluation.metrics)
    for part in evaluation.benchmarks:
        values |= _with_intervals(f"benchmarks/{part.name}/", part.metrics)
    return [_metric(key, value, 0) for key, value in values.items()]


def _with_intervals(prefix: str, metrics: Mapping[str, Estimate]) -> dict[str, float]:
    values: dict[str, float] = {}
    for name, estimate in metrics.items():
        parts = {"": estimate.value, "_low": estimate.low, "_high": estimate.high}
        values |= {f"{prefix}{name}{suffix}": value for suffix, value in parts.items() if value is not None}
    return values


def _history(fit: Fit) -> list[Metric]:
    return [
        _metric(key, value, epoch.epoch)
        for epoch in fit.history
        for key, value in (("train_loss", epoch.train_loss), ("validation_loss", epoch.validation_loss))
        if value is not None
    ]


def _metric(key: str, value: float, step: int) -> Metric:
    from mlflow.entities import Metric

    # Names of benchmarks are the user's; MLflow takes letters, digits and these signs.
    return Metric(re.sub(r"[^\w\-. /]", "_", key), value, int(time.time() * 1000), step)
