"""Run all benchmarks and write RESULTS.md: `make bench`."""

from __future__ import annotations

import datetime
from pathlib import Path

import batch_kills
import dagger_train
import deploy_faults
import drift
import drift_bikes
import drift_streams
import help as help_bench
import local_switch
import rollback_in_force
import rollout_end_to_end
import scorecard
import serve_fuzz
import serve_reliability
import train_overhead
from measure import machine

import batch
import check_data
import serve

PREAMBLE = """\
# Benchmark results

Made by `make bench`. Runs of a pair alternate, and ratios are compared pair by pair, so that what else the machine does
falls on both. Not a test: a busy machine gives other numbers.
"""


def main() -> None:
    """Run them and write the file."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    parts = [PREAMBLE, f"{today}, {machine()}.", ""]
    benchmarks = {
        "Training": train_overhead.measure,
        "Checking data": check_data.measure,
        "Command line": help_bench.measure,
        "Dagger": dagger_train.measure,
        "Serving": serve.measure,
        "Serving under trouble": serve_reliability.measure,
        "Serving, fuzzed": serve_fuzz.measure,
        "Batch": batch.measure,
        "Batch, killed": batch_kills.measure,
        "Switching releases": local_switch.measure,
        "Rolling back": rollback_in_force.measure,
        "Deploys with faults": deploy_faults.measure,
        "Rollouts, by a scorecard": scorecard.measure,
        "Rollouts, end to end": rollout_end_to_end.measure,
        "Drift": drift.measure,
        "Drift on simulated streams": drift_streams.measure,
        "Drift of real data": drift_bikes.measure,
    }
    for title, measure in benchmarks.items():
        parts += [f"## {title}", "", measure(), ""]
    text = "\n".join(parts)
    (Path(__file__).parent / "RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
