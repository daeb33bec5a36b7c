"""What counts as moved, and what does not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelway.observe.baseline import distribution
from modelway.observe.drift import judge_columns, moved_by
from modelway.observe.profile import PREDICTIONS, Slices
from modelway.observe.slice_drift import judge_slices
from modelway.observe.watch import Watch, Watched
from modelway.records.data import ColumnType
from modelway.records.drift import State
from modelway.records.monitor import DriftOptions
from modelway.records.observe import Baseline

KINDS = {
    "x": ColumnType.NUMBER,
    "y": ColumnType.NUMBER,
    "z": ColumnType.NUMBER,
    "c": ColumnType.CATEGORY,
    "d": ColumnType.CATEGORY,
}


def make(random: np.random.Generator, rows: int, **moved: float) -> pa.Table:
    """Rows, with each column of `moved` moved that far."""

    def letters(by: float) -> list[str]:
        return random.choice(["a", "b", "c"], rows, p=[0.6 - by, 0.3 + by, 0.1]).tolist()

    holes = random.random(rows) < 0.02 + moved.get("holes", 0.0)
    return pa.table(
        {
            "x": random.normal(moved.get("x", 0.0), 1, rows),
            "y": random.normal(0, 1 + moved.get("y", 0.0), rows),
            "z": pa.array(np.where(holes, None, random.exponential(size=rows)), pa.float64()),
            "c": letters(moved.get("c", 0.0)),
            "d": letters(moved.get("d", 0.0)),
        }
    )


def baseline(rows: int = 20_000, importance: dict[str, float] | None = None, slices: tuple[str, ...] = ()) -> Baseline:
    table = make(np.random.default_rng(0), rows)
    columns = {name: distribution(kind, table.column(name)) for name, kind in KINDS.items()}
    predictions = distribution(ColumnType.NUMBER, pa.chunked_array([np.random.default_rng(1).random(rows)]))
    sliced = Slices.over(slices, {**columns, PREDICTIONS: predictions})
    sliced.add(table, pa.array(np.random.default_rng(1).random(rows)))
    return Baseline(
        rows=rows,
        columns=columns,
        predictions=predictions,
        metrics={},
        importance=importance or {},
        slices=sliced.finish(),
    )


def judge(*windows: pa.Table, options: DriftOptions = DriftOptions(), reference: Baseline | None = None):  # noqa: B008
    watch = Watch(Watched.of(reference or baseline()))
    for at, table in enumerate(windows):
        watch.add(f"{at:03}", table)
    return watch, judge_columns(watch, options)


def moved(judged) -> set[str]:
    return {one.name for one in judged.columns if one.state is State.MOVED}


@pytest.mark.parametrize(
    ("shift", "column"), [({"x": 0.2}, "x"), ({"y": 0.3}, "y"), ({"c": 0.08}, "c"), ({"holes": 0.05}, "z")]
)
def test_what_moved_is_found_and_nothing_besides(shift: dict[str, float], column: str) -> None:
    _, judged = judge(make(np.random.default_rng(7), 20_000, **shift))
    assert moved(judged) == {column}
    assert judged.unmeasured == {"predictions": "the rows do not have it"}


def test_a_million_rows_make_a_trifle_significant_and_still_a_trifle() -> None:
    _, judged = judge(make(np.random.default_rng(7), 400_000, x=0.06))
    (found,) = [one for one in judged.columns if one.name == "x"]
    assert found.q_value is not None
    assert found.q_value < 1e-3
    assert found.state is State.STILL
    assert "less than 0.03" in found.reason


def test_few_rows_move_by_chance_and_are_not_said_to() -> None:
    random = np.random.default_rng(11)
    said = [moved(judge(make(random, 500))[1]) for _ in range(150)]
    effects = [one.shift.effect for one in judge(make(random, 500))[1].columns]
    assert max(effects) > 0.03  # the least effect alone would have said so
    assert sum(bool(names) for names in said) <= 4  # 1.5 expected


def test_200_windows_without_drift_give_no_alarm() -> None:
    random, reference, options = np.random.default_rng(17), baseline(slices=("c",)), DriftOptions()
    named = 0
    for _ in range(200):
        watch = Watch(Watched.of(reference))
        watch.add("", make(random, 2000), pa.table({PREDICTIONS: random.random(2000)}))
        judged = judge_columns(watch, options)
        assert judged.score is not None
        assert judged.score < 0.2  # the lowest threshold that anybody here uses: one column of five
        named += bool(moved(judged) or judge_slices(watch, judged, options)[0])
    assert named <= 6  # 2 expected for the columns, 2 for the slices


def test_a_column_that_moved_in_one_window_of_several_is_no_drift() -> None:
    random = np.random.default_rng(3)
    quiet = [make(random, 3000) for _ in range(3)]
    _, judged = judge(*quiet, make(random, 3000, x=0.9))
    (found,) = [one for one in judged.columns if one.name == "x"]
    assert (found.state, moved(judged)) == (State.ONCE, set())
    assert "in 1 of 4 windows only" in found.reason
    _, judged = judge(*quiet[:2], make(random, 3000, x=0.5), make(random, 3000, x=0.5))
    assert moved(judged) == {"x"}
    assert [window.judged for window in judged.windows] == [True] * 4


def test_one_window_alone_needs_no_persistence_and_small_ones_have_no_say() -> None:
    random = np.random.default_rng(3)
    _, judged = judge(make(random, 3000, x=0.5), make(random, 100))
    assert moved(judged) == {"x"}
    assert [window.judged for window in judged.windows] == [True, False]


def test_the_score_is_the_importance_that_moved() -> None:
    random = np.random.default_rng(5)
    weights = {"x": 0.5, "y": 0.25, "c": 0.25}
    _, judged = judge(make(random, 9000, x=0.5), reference=baseline(importance=weights))
    assert (judged.score, judged.measured) == (pytest.approx(0.5), 1.0)
    _, judged = judge(make(random, 9000, x=0.5))
    assert judged.score == pytest.approx(0.2)  # no importance is known: each of five weighs the same
    _, judged = judge(make(random, 9000, x=0.5).select(["x", "d"]), reference=baseline(importance=weights))
    assert (judged.score, judged.measured) == (1.0, 0.5)


def test_predictions_that_moved_lift_the_score() -> None:
    watch = Watch(Watched.of(baseline()))
    random = np.random.default_rng(4)
    watch.add("0", make(random, 5000), pa.table({PREDICTIONS: random.random(5000) ** 2}))
    judged = judge_columns(watch, DriftOptions())
    assert moved(judged) == {"predictions"}
    assert judged.score == 0.5


def test_rows_without_an_answer_are_no_predictions() -> None:
    watch = Watch(Watched.of(baseline()))
    random = np.random.default_rng(4)
    answers = [value if at % 2 else None for at, value in enumerate(random.random(5000).tolist())]
    watch.add("0", make(random, 5000), pa.table({PREDICTIONS: answers}))
    (found,) = [one for one in judge_columns(watch, DriftOptions()).columns if one.name == "predictions"]
    assert (found.rows, found.shift.missing_now, found.state) == (2500, 0, State.STILL)


def test_a_slice_that_moved_alone_is_named() -> None:
    random = np.random.default_rng(8)
    table = make(random, 20_000)
    x = np.array(table.column("x"))
    inside = np.array(table.column("d").to_pylist()) == "c"  # a tenth of the rows
    table = table.set_column(0, "x", pa.array(np.where(inside, x + 0.4, x)))
    watch, judged = judge(table, reference=baseline(slices=("d",)))
    slices, tested = judge_slices(watch, judged, DriftOptions())
    assert moved(judged) == set()
    assert [(one.column, one.value, one.moved, one.alone) for one in slices] == [("d", "c", "x", True)]
    assert tested == 12  # three values, each with four other columns
    watch, judged = judge(make(random, 20_000), reference=baseline(slices=("d",)))
    assert judge_slices(watch, judged, DriftOptions())[0] == ()


def test_all_values_gone_is_a_move() -> None:
    table = make(np.random.default_rng(1), 2000)
    table = table.set_column(0, "x", pa.nulls(2000, pa.float64()))
    _, judged = judge(table)
    assert moved(judged) == {"x"}
    found = judged.columns[0].shift
    assert (found.missing_before, found.missing_now, found.missing_p < 1e-9) == (0, 1, True)
    assert (found.value, found.p_value, found.effect, found.unseen) == (0, 1, 0, None)


def test_columns_come_with_those_that_moved_first_and_then_the_farthest() -> None:
    random = np.random.default_rng(3)
    quiet, reference = [make(random, 3000) for _ in range(3)], baseline()
    _, judged = judge(
        *(make(random, 3000, y=at / 2, c=0.1) for at in (1, 2, 2)),
        make(random, 3000, x=0.9),
        *quiet,
        reference=reference,
    )
    order = [State.MOVED, State.ONCE, State.STILL, State.UNJUDGED]
    found = [(order.index(one.state), -moved_by(one.shift)) for one in judged.columns]
    assert found == sorted(found)
    assert {one.state for one in judged.columns} >= {State.MOVED, State.ONCE, State.STILL}


def test_what_is_to_be_ignored_is_not_looked_at() -> None:
    watch = Watch(Watched.of(baseline(), ("x",)))
    watch.add("", make(np.random.default_rng(7), 5000, x=1.0))
    judged = judge_columns(watch, DriftOptions())
    assert "x" not in {one.name for one in judged.columns}
    assert judged.score == 0
