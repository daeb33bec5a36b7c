"""All benchmarks, in the order in which `make bench` runs them and `make scorecard` shows them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Benchmark:
    """One of them.

    Attributes:
        name: of its records, `records/NAME.jsonl`.
        title: its heading in RESULTS.md.
        module: the file whose `measure` runs it, without arguments at its full size, and gives its part of RESULTS.md.
        issue: the number of the issue that set its aims.
        about: what is compared, in a sentence.
    """

    name: str
    title: str
    module: str
    issue: int
    about: str

    def load(self) -> Callable[[], str]:
        """Its `measure`; what it imports is imported now."""
        found: Callable[[], str] = importlib.import_module(self.module).measure
        return found


BENCHMARKS = (
    Benchmark(
        "training", "Training", "train_overhead", 3,
        "The training command beside a script that somebody without modelway writes, in pairs.",
    ),
    Benchmark(
        "check-data", "Checking data", "check_data", 5,
        "Twelve checks of one file beside a scan written by hand and three packages, in turn.",
    ),
    Benchmark("help", "Command line", "help", 3, "The help text, from the shell and back."),
    Benchmark(
        "dagger", "Dagger", "dagger_train", 4,
        "A training on an engine: cold, unchanged, and after each kind of change, beside the usual workflow scheme.",
    ),
    Benchmark(
        "serving", "Serving", "serve", 6,
        "The server beside a bare app and three others: one model, one client, one worker each.",
    ),
    Benchmark(
        "serving-trouble", "Serving under trouble", "serve_reliability", 18,
        "Load while all that a server stands on fails in turn; every record counted.",
    ),
    Benchmark(
        "hostile", "Serving, attacked", "hostile", 19,
        "Attacks by body, by protocol and by number, with honest traffic next to each.",
    ),
    Benchmark(
        "serving-fuzzed", "Serving, fuzzed", "serve_fuzz", 6,
        "Schemathesis against the server's own description, and malformed bodies.",
    ),
    Benchmark(
        "batch", "Batch", "batch", 8,
        "Scoring a file beside MLflow's pyfunc, the bare estimator and ONNX Runtime.",
    ),
    Benchmark("batch-killed", "Batch, killed", "batch_kills", 8, "Runs killed at random moments and started again."),
    Benchmark("switching", "Switching releases", "local_switch", 7, "Deploys in a row, under load."),
    Benchmark(
        "rolling-back", "Rolling back", "rollback_in_force", 7,
        "How soon a rollback is in force at every replica.",
    ),
    Benchmark(
        "deploy-faults", "Deploys with faults", "deploy_faults", 7,
        "Deploys on the stand-ins of ECS and Kubernetes, with a fault each.",
    ),
    Benchmark(
        "rollout-decisions", "Rollouts, by a scorecard", "rollout_scorecard", 10,
        "The rollout's decisions on simulated traffic, beside the published rules of others.",
    ),
    Benchmark(
        "rollout-end-to-end", "Rollouts, end to end", "rollout_end_to_end", 10,
        "Whole rollouts of real servers with real requests, decided by nobody.",
    ),
    Benchmark(
        "log-reading", "Reading a log", "log_reading", 18,
        "A day of small segments, read by monitoring and by a rollout's tick, as segments and compacted.",
    ),
    Benchmark("drift", "Drift", "drift", 9, "Drift of one data set against another, beside Evidently and NannyML."),
    Benchmark(
        "drift-streams", "Drift on simulated streams", "drift_streams", 9,
        "Alarms and detections on streams whose truth is known, beside Evidently and NannyML.",
    ),
    Benchmark(
        "drift-bikes", "Drift of real data", "drift_bikes", 9,
        "Bike rentals by season, beside Evidently and NannyML.",
    ),
    Benchmark(
        "first-prediction", "First prediction", "first_prediction", 11,
        "From git init to a served prediction of one's own scikit-learn model: typed lines, commands, minutes.",
    ),
)  # fmt: skip
