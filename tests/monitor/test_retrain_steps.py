"""A retraining with each step of its request failing: at most one starts, and what did not start is not counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.errors import InputError
from modelway.pipeline.monitor import read_history
from modelway.pipeline.monitor_actions import retrain
from modelway.records.monitor import MonitorOptions
from modelway.storage import write_bytes
from tests.every_step import Fault, Operation
from tests.stores import name_of

NOW = 1_800_000_000.0


# Not LOST: a start that reports an error is given back, and whether it started nevertheless only its receiver knows.
@pytest.mark.parametrize("fault", [Fault.FULL, Fault.STAYS_FULL, Fault.BROKEN, Fault.KILLED])
def test_retrain_with_each_step_failing_starts_one_at_most_and_counts_it(tmp_path: Path, fault: Fault) -> None:
    def started(root: Path) -> int:
        return len(list(root.glob("training-*")))

    def run(root: Path) -> None:
        uri = str(root / "history.json")
        if retrain(uri, MonitorOptions(), NOW, lambda: write_bytes(f"{root}/training-{started(root)}", b"started")):
            assert started(root) == 1

    def check(root: Path, done: bool) -> None:
        counted = len(read_history(str(root / "history.json")).retrainings)
        assert max(started(root), counted) <= 1
        assert counted == 1 or not done
        if fault in {Fault.FULL, Fault.BROKEN}:  # otherwise nothing can be given back
            assert counted == started(root)

    def traces(root: Path) -> object:
        return sorted(path.name for path in root.iterdir() if "training-" not in path.name)

    Operation(lambda _: None, run, check, traces, place=name_of, at_least=10).with_each_step(tmp_path, fault)


def test_read_history_of_a_corrupt_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text('{"retrainings": [1.0')
    with pytest.raises(InputError, match="history of monitoring") as caught:
        read_history(str(tmp_path / "history.json"))
    assert caught.value.where == str(tmp_path / "history.json")
