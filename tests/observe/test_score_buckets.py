"""Buckets of answers: equal widths of probabilities, classes, or quantiles of the champion's values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.observe.baseline import distribution
from modelway.observe.score_buckets import NOTHING, ScoreBuckets
from modelway.records.data import ColumnType, Task
from modelway.records.observe import Baseline
from modelway.records.rollout_seen import SCORE_BUCKETS


def baseline(task: Task | None, classes: tuple[str, ...] = (), values: np.ndarray | None = None) -> Baseline:
    import pyarrow as pa

    predictions = None if values is None else distribution(ColumnType.NUMBER, pa.chunked_array([values]))
    return Baseline(rows=1, columns={}, predictions=predictions, metrics={}, task=task, target="y", classes=classes)


def codes(buckets: ScoreBuckets, *numbers: float) -> list[int]:
    return buckets.codes(np.array(numbers, float)).tolist()


def test_probabilities_have_equal_widths() -> None:
    buckets = ScoreBuckets.of(baseline(Task.CLASSIFICATION, ("no", "yes")))
    assert buckets.binary
    assert codes(buckets, 0.0, 0.0499, 0.05, 0.5, 0.95, 1.0, np.nan) == [0, 0, 1, 10, 19, 19, NOTHING]


def test_classes_are_buckets_the_last_one_for_all_beyond() -> None:
    buckets = ScoreBuckets.of(baseline(Task.CLASSIFICATION, tuple(f"c{at:02}" for at in range(25))))
    assert not buckets.binary
    assert codes(buckets, 0, 7, 19, 24, np.nan) == [0, 7, 19, 19, NOTHING]


@given(st.integers(0, 2**32), st.sampled_from(["normal", "lognormal", "exponential"]))
def test_values_are_cut_by_the_champions_quantiles(seed, kind) -> None:
    random = np.random.default_rng(seed)
    values = getattr(random, kind)(size=4000)
    buckets = ScoreBuckets.of(baseline(Task.REGRESSION, values=values))
    assert len(buckets.bounds) == SCORE_BUCKETS - 1
    assert list(buckets.bounds) == sorted(buckets.bounds)
    counts = np.bincount(buckets.codes(values), minlength=SCORE_BUCKETS)
    # A bin of the baseline holds more than one bucket's share at the most.
    assert counts.sum() == 4000
    assert counts.max() <= 4000 / SCORE_BUCKETS * 2
    assert codes(buckets, -1e9, 1e9) == [0, SCORE_BUCKETS - 1]


@pytest.mark.parametrize(
    "known", [baseline(None), baseline(Task.REGRESSION), baseline(Task.CLASSIFICATION), baseline(None, ("a", "b"))]
)
def test_a_baseline_that_does_not_know_gives_nothing(known) -> None:
    assert ScoreBuckets.of(known).task is None
