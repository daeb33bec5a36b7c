"""Check the data, train, and score, as an Airflow DAG (Airflow 3).

Airflow and modelway stay apart: each task runs the `modelway` of an environment of its own, and its exit code decides.

    export MODELWAY=/opt/modelway/bin/modelway MODELWAY_PROJECT=/srv/loans
    cp retrain.py "$AIRFLOW_HOME/dags/"

Secrets are variables of the workers (docs/accounts.md); nothing secret is in the DAG.
"""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

PROGRAM = os.environ.get("MODELWAY", "modelway")
PROJECT = os.environ.get("MODELWAY_PROJECT", ".")
INCONCLUSIVE, OUTSIDE = 5, 6


def modelway(*words: str) -> dict[str, Any]:
    """Run a command in the project and give its record; its exit code becomes what Airflow does."""
    done = subprocess.run([PROGRAM, *words, "--json"], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    said = f"`modelway {' '.join(words)}` ended with {done.returncode}"
    if done.returncode == 0:
        record: dict[str, Any] = json.loads(done.stdout)
        return record
    if done.returncode == INCONCLUSIVE:
        # Nothing is wrong, and nothing follows: what comes after it is skipped, too.
        raise AirflowSkipException(f"{said}: not enough evidence to decide")
    if done.returncode == OUTSIDE:
        raise AirflowException(f"{said}: something outside failed; Airflow tries again")
    # 2, 3, 4, 7: the same again would end the same way.
    raise AirflowFailException(said)


@dag(
    schedule="0 3 * * 1",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # one that registers is not to be overtaken
    default_args={"retries": 2, "retry_delay": timedelta(minutes=int(os.environ.get("RETRY_MINUTES", "5")))},
    tags=["modelway"],
)
def retrain() -> None:
    """Every Monday at three."""

    @task
    def check_data() -> None:
        modelway("check-data")

    @task
    def train() -> int:
        """The version that is registered now; the gates decided (4 fails, and is not tried again)."""
        version: int = modelway("train")["version"]
        return version

    @task
    def score(version: int) -> None:
        """The run's name makes it go on where it was, when Airflow tries again."""
        modelway("batch", "--sample", "--model-version", str(version), "--run", f"version-{version}")

    version = train()
    check_data() >> version
    score(version)


retrain()
