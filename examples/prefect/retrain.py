"""Check the data, train, and score, as a Prefect flow (Prefect 3).

Prefect and modelway stay apart: each task runs the `modelway` of an environment of its own, and its exit code decides.

    MODELWAY=/opt/modelway/bin/modelway MODELWAY_PROJECT=/srv/loans python retrain.py

Secrets are variables of the worker (docs/accounts.md); nothing secret is in the flow.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from prefect import flow, task
from prefect.states import Completed, State

PROGRAM = os.environ.get("MODELWAY", "modelway")
PROJECT = os.environ.get("MODELWAY_PROJECT", ".")
RETRY_SECONDS = float(os.environ.get("RETRY_SECONDS", "300"))
INCONCLUSIVE, OUTSIDE = 5, 6


class EndedError(Exception):
    """A command that ended with a code other than 0."""

    def __init__(self, words: tuple[str, ...], code: int) -> None:
        super().__init__(f"`modelway {' '.join(words)}` ended with {code}")
        self.code = code


def worth_another_try(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Whether something outside failed; whatever else there is would end the same way again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, EndedError) and error.code == OUTSIDE


@task(task_run_name="{name}", retries=2, retry_delay_seconds=RETRY_SECONDS, retry_condition_fn=worth_another_try)
def modelway(name: str, *words: str) -> dict[str, Any]:
    """Run a command in the project and give its record.

    Raises:
        EndedError: it ended with another code than 0.
    """
    argv = [PROGRAM, name, *words, "--json"]
    done = subprocess.run(argv, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise EndedError((name, *words), done.returncode)
    record: dict[str, Any] = json.loads(done.stdout)
    return record


@flow
def retrain() -> dict[str, Any] | State[Any]:
    """The record of the scoring; a training whose evidence does not decide is no failure, and nothing follows."""
    modelway("check-data")
    try:
        version = str(modelway("train")["version"])
    except EndedError as error:
        if error.code == INCONCLUSIVE:
            return Completed(name="Inconclusive", message=str(error))
        raise  # 4: the gates did not pass
    return modelway("batch", "--sample", "--model-version", version, "--run", f"version-{version}")


if __name__ == "__main__":
    retrain()
