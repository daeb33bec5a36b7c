"""What is said of a column or slice, exactly at the limits and for each two conditions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from modelway.observe.baseline import distribution
from modelway.observe.drift import _state, judge_columns
from modelway.observe.profile import PREDICTIONS, Profile, Slices
from modelway.observe.slice_drift import judge_slices
from modelway.observe.watch import Watch, Watched
from modelway.records.data import ColumnType, Task
from modelway.records.drift import Role, Shift, State
from modelway.records.monitor import DriftOptions
from modelway.records.observe import Baseline

OPTIONS = DriftOptions()
RATE, EFFECT, MISSING = OPTIONS.false_discoveries, OPTIONS.effect, OPTIONS.missing
ABOVE, BELOW = 1 + 1e-9, 1 - 1e-9
Levels = tuple[float, float]


def shift(effect: float, missing: float = 0.0) -> Shift:
    return Shift(
        statistic="ks", value=effect, p_value=0.0, effect=effect + 0.5, noise=0.5,
        missing_before=0.5, missing_now=0.5 - missing - 0.25, missing_p=0.0, missing_noise=0.25,
    )  # fmt: skip


class TestStateOfAColumn:
    """A discovery of a test whose own effect is large enough, in windows enough."""

    @pytest.mark.parametrize(
        ("levels", "effect", "missing", "state"),
        [
            ((RATE, 1.0), EFFECT * ABOVE, 0.0, State.MOVED),
            ((RATE * ABOVE, 1.0), EFFECT * ABOVE, 0.0, State.STILL),
            ((RATE, 1.0), EFFECT * BELOW, 0.0, State.STILL),
            ((1.0, RATE), 0.0, MISSING * ABOVE, State.MOVED),
            ((1.0, RATE * ABOVE), 0.0, MISSING * ABOVE, State.STILL),
            ((1.0, RATE), 0.0, MISSING * BELOW, State.STILL),
            ((0.0, 1.0), 0.0, 1.0, State.STILL),  # each test counts for its own effect alone
            ((1.0, 0.0), 1.0, 0.0, State.STILL),
        ],
    )
    def test_test_and_effect_are_of_the_same_kind(
        self, levels: Levels, effect: float, missing: float, state: State
    ) -> None:
        assert _state(shift(effect, missing), levels, (), OPTIONS)[0] is state

    @pytest.mark.parametrize(
        ("windows", "persistence", "state"),
        [
            ((EFFECT, EFFECT), 2, State.MOVED),
            ((EFFECT, EFFECT * BELOW), 2, State.ONCE),
            ((EFFECT, EFFECT * BELOW), 1, State.MOVED),
            ((EFFECT, None), 2, State.MOVED),  # a window that is not judged has no say
            ((0.0, None), 2, State.ONCE),
            ((None, None), 2, State.MOVED),
            ((EFFECT, EFFECT, 0.0), 3, State.ONCE),
            ((EFFECT, EFFECT, EFFECT), 3, State.MOVED),
        ],
    )
    def test_windows_must_show_it_too(self, windows: tuple[float | None, ...], persistence: int, state: State) -> None:
        options = OPTIONS.model_copy(update={"persistence": persistence})
        assert _state(shift(1.0), (0.0, 1.0), windows, options)[0] is state

    @pytest.mark.parametrize(
        ("levels", "effect", "missing", "least"),
        [((0.0, 1.0), 1.0, 0.0, EFFECT), ((1.0, 0.0), 0.0, 0.2, MISSING), ((0.0, 0.0), 1.0, 0.2, EFFECT)],
    )
    def test_windows_are_held_to_the_effect_of_what_moved(
        self, levels: Levels, effect: float, missing: float, least: float
    ) -> None:
        found = [
            _state(shift(effect, missing), levels, (value, value), OPTIONS)[0]
            for value in (least * ABOVE, least * BELOW)
        ]
        assert found == [State.MOVED, State.ONCE]

    @pytest.mark.parametrize(
        ("levels", "effect", "missing", "words"),
        [
            ((0.0, 1.0), 1.0, 0.0, "its distribution moved by 1.500"),
            ((1.0, 0.0), 0.0, 0.2, "missing values went from 50.0% to 5.0%"),
            ((0.0, 0.0), 1.0, 0.2, "its distribution moved by 1.500"),
            ((0.5, 1.0), 1.0, 0.0, "no more than chance: q is 0.5"),
            ((0.0, 1.0), 0.01, 0.0, "it moved by 0.010 beyond chance, which is less than 0.03"),
            (None, 1.0, 0.0, "a date moves on by itself"),
        ],
    )
    def test_reason_names_what_moved(self, levels: Levels | None, effect: float, missing: float, words: str) -> None:
        assert _state(shift(effect, missing), levels, (), OPTIONS)[1].startswith(words)


def table(rows: int, seed: int, **changes: np.ndarray | list) -> pa.Table:
    random = np.random.default_rng(seed)
    made = {
        "x": random.normal(size=rows),
        "z": random.normal(size=rows),
        "c": np.array(["a", "b"])[np.arange(rows) % 2].tolist(),
        "t": random.normal(size=rows),
    }
    return pa.table({**made, **changes})


KINDS = {"x": ColumnType.NUMBER, "z": ColumnType.NUMBER, "c": ColumnType.CATEGORY, "t": ColumnType.NUMBER}


def baseline(rows: int = 4000, **more: object) -> Baseline:
    made = table(rows, 1)
    columns = {name: distribution(kind, made.column(name)) for name, kind in KINDS.items()}
    predictions = distribution(ColumnType.NUMBER, made.column("z"))
    sliced = Slices.over(("c",), {**columns, PREDICTIONS: predictions})
    sliced.add(made, made.column("z"))
    values = {"rows": rows, "columns": columns, "predictions": predictions, "metrics": {}, "slices": sliced.finish()}
    return Baseline.model_validate({**values, **more})


def judged(now: pa.Table, outputs: pa.Table | None = None, reference: Baseline | None = None, **options: object):
    watch = Watch(Watched.of(reference or baseline()))
    watch.add("", now, outputs)
    return watch, judge_columns(watch, DriftOptions.model_validate(options))


class TestScore:
    """The share of the importance that moved, of what was measured; moved outputs count as at least `outputs`."""

    FAR = np.random.default_rng(2).normal(3.0, size=2000)
    SAME = np.random.default_rng(3).normal(size=2000)

    @pytest.mark.parametrize(
        ("moved", "outputs", "importance", "score", "measured"),
        [
            (("x",), False, {"x": 0.2, "z": 0.8}, 0.2, 1.0),
            (("x",), True, {"x": 0.2, "z": 0.8}, 0.5, 1.0),
            (("z",), True, {"x": 0.2, "z": 0.8}, 0.8, 1.0),  # more than the outputs count for
            ((), True, {"x": 0.2, "z": 0.8}, 0.5, 1.0),
            (("t",), False, {"x": 0.2, "z": 0.8}, 0.5, 1.0),  # the target is an output
            (("x",), False, {}, 1 / 3, 1.0),
            (("x",), False, {"x": 0.0, "z": 1.0}, 0.0, 1.0),
            (("x",), False, {"x": 0.0, "z": 0.0, "c": 0.0}, 1 / 3, 1.0),  # no importance at all is none known
            (("x",), False, {"x": 0.3, "z": 0.3, "gone": 0.4}, 0.5, 1.0),  # not a column of the baseline
        ],
    )
    def test_importance_is_weighed(
        self, moved: tuple[str, ...], outputs: bool, importance: dict[str, float], score: float, measured: float
    ) -> None:
        now = table(2000, 5, **dict.fromkeys(moved, self.FAR))
        answers = pa.table({PREDICTIONS: self.FAR if outputs else self.SAME})
        _, found = judged(now, answers, baseline(importance=importance, target="t"))
        assert (found.score, found.measured) == (pytest.approx(score), pytest.approx(measured))

    @pytest.mark.parametrize(("outputs", "score"), [(FAR, 0.5), (SAME, None), (None, None)])
    def test_without_a_measured_feature_outputs_alone_count(
        self, outputs: np.ndarray | None, score: float | None
    ) -> None:
        answers = None if outputs is None else pa.table({PREDICTIONS: outputs})
        _, found = judged(pa.table({"other": self.SAME}), answers)
        assert (found.score, found.measured) == (score, 0.0)

    @pytest.mark.parametrize(("dates", "state", "score"), [(False, State.UNJUDGED, 0.0), (True, State.MOVED, 0.5)])
    def test_dates_are_judged_where_the_options_say_so(self, dates: bool, state: State, score: float) -> None:
        days = np.arange(2000) * 86_400_000_000
        before, now = (pa.array(days + shift, pa.timestamp("us", tz="UTC")) for shift in (0, 10**15))
        columns = {
            "day": distribution(ColumnType.DATE, pa.chunked_array([before])),
            "x": distribution(ColumnType.NUMBER, pa.chunked_array([self.SAME])),
        }
        reference = Baseline(rows=2000, columns=columns, predictions=None, metrics={})
        _, found = judged(pa.table({"day": now, "x": self.SAME}), None, reference, dates=dates)
        by_name = {one.name: one for one in found.columns}
        assert (by_name["day"].state, by_name["day"].q_value is None) == (state, not dates)
        assert (found.score, found.measured) == (score, 1.0)

    @pytest.mark.parametrize(("rows", "judged_"), [(500, True), (499, False)])
    def test_window_is_judged_from_the_least_rows_on(self, rows: int, judged_: bool) -> None:
        watch = Watch(Watched.of(baseline()))
        watch.add("a", table(600, 1))
        watch.add("b", table(rows, 2))
        found = judge_columns(watch, OPTIONS)
        assert [(one.start, one.rows, one.judged) for one in found.windows] == [("a", 600, True), ("b", rows, judged_)]
        assert [effect is None for effect in found.columns[0].windows] == [False, not judged_]

    @pytest.mark.parametrize(("holes", "tests"), [((0, 0), 1), ((0, 40), 2), ((40, 0), 2)])
    def test_missing_values_are_a_test_where_there_are_some(self, holes: tuple[int, int], tests: int) -> None:
        """Each column's tests are one family (Benjamini and Hochberg, 1995)."""
        random = np.random.default_rng(9)
        before, now = (
            pa.array([*random.normal(mean, size=900), *[None] * count], pa.float64())
            for mean, count in zip((0.0, 0.12), holes, strict=True)
        )
        columns = {"x": distribution(ColumnType.NUMBER, pa.chunked_array([before]))}
        reference = Baseline(rows=len(before), columns=columns, predictions=None, metrics={})
        (one,) = judged(pa.table({"x": now}), None, reference)[1].columns
        family = [one.shift.p_value, one.shift.missing_p][:tests]
        assert 1e-6 < one.shift.p_value < 0.3
        assert one.q_value == pytest.approx(min(stats.false_discovery_control(family)), abs=0)

    def test_roles_are_told_by_name_and_target(self) -> None:
        column = distribution(ColumnType.NUMBER, pa.chunked_array([self.SAME]))
        names = ("x", "prediction", "probability_yes", "y")
        given = Baseline(
            rows=1, columns=dict.fromkeys(names, column), predictions=column, labels=None, metrics={}, target="y",
            scores={"a": column}, task=Task.CLASSIFICATION,
        )  # fmt: skip
        assert Watched.of(given).roles == {
            "x": Role.FEATURE,
            "prediction": Role.PREDICTION,
            "probability_yes": Role.SCORE,
            "y": Role.TARGET,
            PREDICTIONS: Role.PREDICTION,
            "score of a": Role.SCORE,
        }


def test_columns_that_one_part_lacks_are_counted_over_the_others() -> None:
    """A file without a column, first, last or in between, takes nothing away from those that have it."""
    whole, part = table(600, 1), table(300, 2)
    for order in ((whole, part.drop_columns(["x"])), (part.drop_columns(["x"]), whole)):
        profile, other = Profile(KINDS), Profile(KINDS)
        for one in order:
            profile.add(one)
        merged = Profile(KINDS)
        other.add(order[0])
        merged.merge(other)
        other = Profile(KINDS)
        other.add(order[1])
        merged.merge(other)
        for made in (profile, merged):
            found = made.finish()
            assert {name: one.rows for name, one in found.items()} == {"x": 600, "z": 900, "c": 900, "t": 900}
    absent = Profile(KINDS)
    absent.add(part.drop_columns(["x"]))
    assert set(absent.finish()) == {"z", "c", "t"}


class TestSlices:
    """Columns and predictions that moved within the rows of one value."""

    @staticmethod
    def moved_in_a(now: pa.Table, column: str, by: float = 2.0) -> np.ndarray:
        inside = np.array(now.column("c").to_pylist()) == "a"
        return np.array(now.column(column)) + by * inside

    def test_predictions_that_moved_in_a_slice_are_named(self) -> None:
        now = table(3000, 4)
        watch, found = judged(now, pa.table({PREDICTIONS: self.moved_in_a(now, "z")}))
        slices, tested = judge_slices(watch, found, OPTIONS)
        assert [(one.column, one.value, one.moved, one.rows) for one in slices] == [("c", "a", PREDICTIONS, 1500)]
        assert tested == 8  # two values, each with three other columns and the predictions
        whole = next(one for one in found.columns if one.name == "predictions")
        assert slices[0].whole == pytest.approx(whole.shift.effect - whole.shift.noise)
        assert slices[0].alone is (whole.state is not State.MOVED)

    def test_effect_and_chance_of_a_slice_are_scipys(self) -> None:
        now = table(3000, 4)
        now = now.set_column(0, "x", pa.array(self.moved_in_a(now, "x", 0.5)))
        watch, found = judged(now)
        (one,), tested = judge_slices(watch, found, OPTIONS)
        (before,) = [part for part in watch.watched.baseline.slices if part.value == "a"]
        (after,) = [part for part in watch.slices.finish() if part.value == "a"]
        ours, theirs = np.array(before.cells["x"])[:-1], np.array(after.cells["x"])[:-1]
        noise = 0.5 * np.sqrt(
            2 / np.pi * (pooled := (ours + theirs) / (ours.sum() + theirs.sum())) * (1 - pooled)
            * (1 / ours.sum() + 1 / theirs.sum())
        ).sum()  # fmt: skip
        assert one.effect == pytest.approx(0.5 * np.abs(ours / ours.sum() - theirs / theirs.sum()).sum() - noise)
        p_value = stats.chi2_contingency([ours, theirs], correction=False).pvalue
        assert one.q_value == pytest.approx(p_value * tested, rel=1e-3, abs=0)  # the least of all tests

    @pytest.mark.parametrize(
        ("before", "now", "least", "tested"),
        [
            (1000, 1000, 500, 6),
            (1000, 1000, 501, 0),
            (1000, 998, 500, 0),  # a slice of 499 rows now
            (998, 1000, 500, 0),  # and then
            (4000, 1000, 500, 6),
            (1000, 4000, 501, 0),
        ],
    )
    def test_both_sides_need_rows_enough(self, before: int, now: int, least: int, tested: int) -> None:
        watch, found = judged(table(now, 4), reference=baseline(before))
        assert judge_slices(watch, found, OPTIONS.model_copy(update={"min_rows": least}))[1] == tested

    def test_rows_without_an_answer_are_no_rows_of_the_predictions(self) -> None:
        now = table(2000, 4)
        answers = pa.array([value if at % 4 < 2 else None for at, value in enumerate(np.array(now.column("z")))])
        watch, found = judged(now, pa.table({PREDICTIONS: answers}))
        for least, tested in ((500, 8), (501, 6)):  # 1,000 rows a slice, half of them answered
            assert judge_slices(watch, found, OPTIONS.model_copy(update={"min_rows": least}))[1] == tested

    def test_limits_are_those_of_the_options(self) -> None:
        now = table(3000, 4)
        now = now.set_column(0, "x", pa.array(self.moved_in_a(now, "x", 0.5)))
        watch, found = judged(now)
        (one,), _ = judge_slices(watch, found, OPTIONS)
        for update, number in (
            ({"effect": one.effect}, 1),
            ({"effect": one.effect * ABOVE}, 0),
            ({"false_discoveries": one.q_value}, 1),
            ({"false_discoveries": one.q_value * BELOW}, 0),
        ):
            assert len(judge_slices(watch, found, OPTIONS.model_copy(update=update))[0]) == number, update

    def test_what_moved_alone_comes_first_and_then_the_farthest(self) -> None:
        now = table(3000, 4)
        far = {"x": self.moved_in_a(now, "x", 0.6), "z": self.moved_in_a(now, "z", 3.0), "t": np.array(now["t"]) + 2}
        now = pa.table({**{name: now.column(name) for name in ("c",)}, **far})
        watch, found = judged(now)
        found = replace(
            found,
            columns=tuple(
                one.model_copy(update={"state": State.ONCE if one.name == "x" else State.MOVED})
                for one in found.columns
            ),
        )
        slices, _ = judge_slices(watch, found, OPTIONS)
        assert [(one.value, one.moved, one.alone) for one in slices] == [
            ("a", "x", True),
            ("a", "z", False),
            *[(one.value, "t", False) for one in sorted(slices[2:], key=lambda one: -one.effect)],
        ]
        assert {one.value for one in slices[2:]} == {"a", "b"}
