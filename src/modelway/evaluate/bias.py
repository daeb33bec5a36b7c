"""How alike the groups of a sensitive column are treated, by fairlearn's definitions.

Demographic parity difference: the greatest less the least rate of positive predictions among the groups. Equalized
odds difference: the greater of the same differences in true and in false positive rate. (Bird et al., Fairlearn, 2020;
Agarwal et al., ICML 2018.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.evaluate.groups import groups_of, largest
from modelway.evaluate.measure import Measurement
from modelway.evaluate.rows import BinaryRows
from modelway.records.evaluate import Bias, BiasGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from modelway.evaluate.groups import Group
    from modelway.evaluate.metrics import Metric
    from modelway.evaluate.rows import Rows

MOST_SMALL_GROUPS = 20
"""Of the groups that are too small to judge, only so many are shown."""

Rates = dict[str, float | None]


def bias_of(column: str, values: pa.ChunkedArray, rows: Rows, primary: Metric, min_rows: int) -> Bias:
    """Measure the groups of one sensitive column.

    Args:
        column: its name.
        values: shape (rows,); its values.
        rows: the held-out rows with their scores.
        primary: the metric by which groups are compared.
        min_rows: groups with fewer rows are shown but not judged.
    """
    found = groups_of(values)
    small = largest([group for group in found if len(group.index) < min_rows], MOST_SMALL_GROUPS)
    shown = [group for group in found if len(group.index) >= min_rows or group in small]
    rates = _rates(rows, shown) if isinstance(rows, BinaryRows) and shown else [{} for _ in shown]
    groups = tuple(
        BiasGroup(
            value=group.value,
            rows=len(group.index),
            judged=len(group.index) >= min_rows,
            selection_rate=rate.get("selection_rate"),
            true_positive_rate=rate.get("true_positive_rate"),
            false_positive_rate=rate.get("false_positive_rate"),
            primary=_finite(Measurement(rows.take(group.index)).value(primary)),
        )
        for group, rate in zip(shown, rates, strict=True)
    )
    judged = [group for group in groups if group.judged]
    true_rate = _spread([group.true_positive_rate for group in judged])
    false_rate = _spread([group.false_positive_rate for group in judged])
    return Bias(
        column=column,
        groups=groups,
        demographic_parity=_spread([group.selection_rate for group in judged]),
        equalized_odds=None if true_rate is None or false_rate is None else max(true_rate, false_rate),
        worst_group=_worst([group.primary for group in judged], Measurement(rows).value(primary), primary),
    )


def _rates(rows: BinaryRows, groups: Sequence[Group]) -> list[Rates]:
    """Each group's rates; a rate whose group has no row of the class in question is absent."""
    # Late: it brings pandas and scikit-learn, which a data set without sensitive columns does not need.
    from fairlearn.metrics import (
        MetricFrame,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )

    # Four weighted rows a group stand for all of its rows, so that the frame costs the same at any size.
    counts = np.stack([np.bincount(_outcome(rows, group), minlength=4) for group in groups])
    functions = {
        "selection_rate": selection_rate,
        "true_positive_rate": true_positive_rate,
        "false_positive_rate": false_positive_rate,
    }
    frame = MetricFrame(
        metrics=functions,
        y_true=np.tile([0, 0, 1, 1], len(groups)),
        y_pred=np.tile([0, 1, 0, 1], len(groups)),
        sensitive_features=np.repeat(np.arange(len(groups)), 4),
        sample_params={name: {"sample_weight": counts.ravel().astype(np.float64)} for name in functions},
    ).by_group
    # fairlearn says 0 where a group has no positive (or negative) row; that is no rate.
    defined = {
        "selection_rate": counts.sum(axis=1) > 0,
        "true_positive_rate": counts[:, 2:].sum(axis=1) > 0,
        "false_positive_rate": counts[:, :2].sum(axis=1) > 0,
    }
    return [
        {name: float(frame[name].loc[number]) if defined[name][number] else None for name in functions}
        for number in range(len(groups))
    ]


def _outcome(rows: BinaryRows, group: Group) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """2 * positive + predicted positive, for each row of the group."""
    outcome: np.ndarray[tuple[int], np.dtype[np.int64]]
    outcome = 2 * rows.target[group.index].astype(np.int64) + rows.predicted[group.index]
    return outcome


def _spread(rates: Sequence[float | None]) -> float | None:
    known = [rate for rate in rates if rate is not None]
    if len(rates) < 2 or len(known) < len(rates):
        return None
    return max(known) - min(known)


def _worst(values: Sequence[float | None], overall: float, primary: Metric) -> float | None:
    known = [value for value in values if value is not None]
    if len(values) < 2 or len(known) < len(values) or not np.isfinite(overall):
        return None
    return max(0.0, *(primary.orient(overall - value) for value in known))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
