"""How alike the groups of a sensitive column are treated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as oracle

from modelway.evaluate import stage
from modelway.evaluate.bias import bias_of
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.rows import Problem, rows_of
from modelway.records.evaluate import Scores

ROOM = SimpleNamespace(stage=stage)


def test_bias_is_fairlearns(world: Any) -> None:
    from fairlearn import metrics as fairlearn

    _, table, target = world.binary_world()
    scores = world.binary_scores(target, 1.0)
    rows = rows_of(Problem.BINARY, target, scores, 0.5)
    metric = METRICS[Problem.BINARY]["roc_auc"]
    found = bias_of("colour", table["colour"], rows, metric, 50)
    known = {"sensitive_features": np.array(table["colour"].to_pylist())}
    predicted = rows.predicted.astype(int)

    parity = fairlearn.demographic_parity_difference(target, predicted, **known)
    odds = fairlearn.equalized_odds_difference(target, predicted, **known)
    assert found.demographic_parity == pytest.approx(parity, abs=1e-12)
    assert found.equalized_odds == pytest.approx(odds, abs=1e-12)
    worst = min(group.primary for group in found.groups)
    assert found.worst_group == pytest.approx(oracle.roc_auc_score(target, rows.score) - worst, abs=1e-12)


def biased(groups: dict[str, tuple[int, int, int, int]], min_rows: int = 10) -> Any:
    """Groups of so many true negatives, false positives, false negatives and true positives, by their accuracy."""
    counts = np.array(list(groups.values()))
    target = np.concatenate([np.repeat([0, 0, 1, 1], line) for line in counts])
    positive = np.concatenate([np.repeat([0.1, 0.9, 0.1, 0.9], line) for line in counts])
    names = np.repeat(list(groups), counts.sum(axis=1))
    rows = rows_of(Problem.BINARY, target, Scores(target, np.column_stack([1 - positive, positive])), 0.5)
    metric = METRICS[Problem.BINARY]["accuracy"]
    return bias_of("group", pa.chunked_array([pa.array(names)]), rows, metric, min_rows)


@pytest.mark.parametrize(
    ("groups", "parity", "odds", "worst"),
    [
        ({"a": (10, 0, 0, 10), "b": (10, 0, 0, 10)}, 0.0, 0.0, 0.0),
        ({"a": (10, 0, 0, 10), "b": (5, 5, 0, 10)}, 0.25, 0.5, 35 / 40 - 15 / 20),  # false positives
        ({"a": (10, 0, 0, 10), "b": (10, 0, 5, 5)}, 0.25, 0.5, 35 / 40 - 15 / 20),  # true positives
        ({"a": (10, 0, 0, 10), "b": (9, 1, 2, 8)}, 0.05, 0.2, 37 / 40 - 17 / 20),  # the greater one of both
        ({"a": (10, 0, 0, 10), "b": (8, 2, 1, 9)}, 0.05, 0.2, 37 / 40 - 17 / 20),
        ({"a": (10, 0, 0, 10), "b": (20, 0, 0, 0)}, 0.5, None, 0.0),  # no positive row
        ({"a": (10, 0, 0, 10), "b": (0, 0, 0, 20)}, 0.5, None, 0.0),  # no negative row
        # A group that is too small to judge counts in the whole alone.
        ({"a": (10, 0, 0, 10), "b": (10, 0, 0, 10), "c": (0, 9, 0, 0)}, 0.0, 0.0, 0.0),
        ({"a": (5, 5, 0, 10), "b": (10, 0, 0, 10), "c": (0, 9, 0, 0)}, 0.25, 0.5, 0.0),
        ({"a": (5, 5, 0, 10), "b": (10, 0, 0, 10), "c": (9, 0, 0, 0)}, 0.25, 0.5, 44 / 49 - 15 / 20),
        ({"a": (10, 0, 0, 10), "b": (9, 0, 0, 0)}, None, None, None),  # one group alone can be judged
        ({"a": (10, 0, 0, 10), "b": (10, 0, 0, 0)}, 0.5, None, 0.0),  # exactly as many rows as it takes
    ],
)
def test_bias_is_that_of_the_groups_with_rows_enough(
    groups: dict[str, tuple[int, int, int, int]], parity: float | None, odds: float | None, worst: float | None
) -> None:
    """Expected are the definitions in fairlearn's user guide, on counts of few rows."""
    found = biased(groups)
    expected = [parity, odds, worst]
    values = [found.demographic_parity, found.equalized_odds, found.worst_group]
    assert [value is None for value in values] == [value is None for value in expected]
    assert [value for value in values if value is not None] == pytest.approx(
        [one for one in expected if one is not None]
    )
    for group in found.groups:
        negative, false, missed, hits = groups[group.value]
        total = negative + false + missed + hits
        rates = (group.selection_rate, group.true_positive_rate, group.false_positive_rate)
        assert rates == (
            pytest.approx((false + hits) / total),
            pytest.approx(hits / (missed + hits)) if missed + hits else None,
            pytest.approx(false / (negative + false)) if negative + false else None,
        )
        assert (group.rows, group.primary) == (total, pytest.approx((negative + hits) / total))
        assert group.judged is (total >= 10)


def test_bias_shows_the_largest_of_many_small_groups() -> None:
    sizes = {f"g{at:02}": (at % 9 + 1, 0, 0, 0) for at in range(40)}
    found = biased({"a": (10, 0, 0, 10), "b": (5, 5, 0, 10), **sizes})
    shown = [group.rows for group in found.groups if not group.judged]
    assert len(shown) == 20
    assert sorted(shown) == sorted(sum(line) for line in sizes.values())[-20:]
    small = sum(sum(line) for line in sizes.values())  # all of them are rows of the whole
    assert found.worst_group == pytest.approx((35 + small) / (40 + small) - 15 / 20)


def test_bias_of_other_tasks_has_the_worst_group_alone(world: Any) -> None:
    for made, scores in (
        (world.number_world(), world.number_scores(world.number_world()[2], 0.3)),
        (world.class_world(), world.class_scores(world.class_world()[2], 2.0)),
    ):
        found = world.run(ROOM, made, scores, sensitive=("sex",))

        assert found.bias[0].worst_group is not None
        assert found.bias[0].demographic_parity is None
        assert [verdict.gate for verdict in found.gates if verdict.gate.startswith("bias")] == ["bias.sex.worst_group"]
