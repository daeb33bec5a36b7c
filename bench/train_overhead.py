"""`modelway train` without search against a bare script: 1,000,000 rows x 30 columns, boosted trees."""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import yaml
from bare_train import LEARNING_RATE, LEAVES, ROUNDS
from measure import Run, in_pairs, ratio, run
from records import at_most, record_rounds

ROWS, COLUMNS, PAIRS = 1_000_000, 30, 5
HERE = Path(__file__).resolve().parent
BARE = "bare script"


def write_data(path: Path, rows: int) -> None:
    """A table of normal numbers whose first ten columns decide the target through a logistic model."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(rows, COLUMNS)).round(6)
    logit = matrix[:, :10] @ np.linspace(-1, 1, 10) + np.sin(3 * matrix[:, 10]) - 1
    target = np.where(random.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    table = pa.table({f"x{number}": matrix[:, number] for number in range(COLUMNS)} | {"target": target})
    pyarrow.csv.write_csv(table, path)


def write_settings(path: Path) -> None:
    """Settings that fit the same model as the bare script."""
    columns = {f"x{number}": {"type": "number"} for number in range(COLUMNS)}
    estimator = {
        "kind": "boosted_trees",
        "epochs": ROUNDS,
        "patience": None,
        "learning_rate": LEARNING_RATE,
        "num_leaves": LEAVES,
    }
    settings = {
        "name": "bench",
        "prepare": {
            "task": "classification",
            "target": "target",
            "data": {"uri": "data.csv"},
            "columns": {**columns, "target": {"type": "category"}},
            "split": {"by": "hash", "test": 0.2, "validation": 0.0},
        },
        "fit": {"estimator": estimator},
    }
    path.write_text(yaml.safe_dump(settings))


def measure(rows: int = ROWS, pairs: int = PAIRS) -> str:
    """Run the benchmark and give its rows of the result table."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_data(work / "data.csv", rows)
        write_settings(work / "modelway.yaml")
        command = [str(Path(sys.executable).parent / "modelway"), "train", "--no-register"]

        def ours() -> Run:
            shutil.rmtree(work / "model-artifacts", ignore_errors=True)
            return run(command, work)

        mine, others = in_pairs(
            ours, lambda: run([sys.executable, str(HERE / "bare_train.py"), "data.csv"], work), pairs
        )
    lines = [
        f"`modelway train --no-register` against `bench/bare_train.py`: {rows:,} rows x {COLUMNS} columns of CSV,",
        f"{ROUNDS} rounds of boosted trees; {pairs} pairs after one to warm up.",
        "",
        "| | modelway | bare script | median of the pairs' ratios | bound |",
        "|---|---|---|---|---|",
    ]
    for what, unit, bound in (("seconds", "s", 1.15), ("peak_mib", "MiB", 1.3)):
        a, b = ([getattr(one, what) for one in runs] for runs in (mine, others))
        name = what.replace("_mib", " memory")
        _record(name, unit, a, b, bound, f"{rows:,} rows")
        medians = f"{statistics.median(a):.1f} {unit} | {statistics.median(b):.1f} {unit}"
        lines.append(f"| {name} | {medians} | {ratio(a, b):.2f} | {bound} |")
    return "\n".join(lines)


def _record(what: str, unit: str, ours: list[float], theirs: list[float], bound: float, case: str) -> None:
    record_rounds("training", what, ours, unit, case=case)
    record_rounds("training", what, theirs, unit, way=BARE, case=case)
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    aim = at_most(bound) if case == f"{ROWS:,} rows" else None  # of fewer rows it was not said
    record_rounds("training", f"ratio of {what}, modelway to peer", ratios, way=BARE, case=case, aim=aim)


if __name__ == "__main__":
    print(measure(*(int(number) for number in sys.argv[1:])))
