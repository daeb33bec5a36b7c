"""The profile of a column: from its tally, and what the tally lacks from the sample of the rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from modelway.data.suite.sample import LENGTH, rank_error
from modelway.data.suite.tally import as_text
from modelway.data.suite.values import NUMERIC, TEXTS
from modelway.records.data import ColumnType
from modelway.records.data_docs import ColumnSummary, DataHistogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.data.suite.tally import ColumnTally

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_BINS = 20
_TOP = 50


def summarize(tally: ColumnTally, sample: pl.DataFrame, rows: int, *, whole: bool) -> ColumnSummary:
    """The profile of a column.

    Args:
        tally: what was added up over all rows.
        sample: the sampled rows, as `RowSample` gives them.
        rows: of the data set.
        whole: whether the sample holds all rows.
    """
    kind = tally.kind
    base = ColumnSummary(
        name=tally.name,
        type=kind.type,
        declared=kind.declared,
        stored=kind.stored,
        missing=tally.missing,
        unreadable=tally.unreadable,
    )
    if kind.type is None or not tally.present:
        return base
    found: dict[str, object] = {
        "distinct": tally.distinct[0],
        "distinct_exact": tally.distinct[1],
        "min": tally.least,
        "max": tally.most,
    }
    if kind.type in NUMERIC and math.isfinite(tally.mean):
        found |= {"mean": tally.mean, "std": tally.std}
    numbers = _numbers(sample, tally.name, kind.type)
    if numbers is not None and len(numbers):
        if kind.type not in TEXTS:
            found |= _quantiles(tally, numbers, whole=whole)
        found["histogram"] = _histogram(tally, numbers, whole=whole)
    return base.model_copy(update=found | _top(tally, sample[tally.name], rows, whole=whole))


def _numbers(sample: pl.DataFrame, name: str, kind: ColumnType) -> NDArray[np.float64] | None:
    """The sampled values as numbers: of dates seconds since 1970, of texts their lengths."""
    present = sample[LENGTH + name if kind in TEXTS else name].drop_nulls()
    if kind in NUMERIC:
        return present.filter(present.is_finite()).cast(pl.Float64).to_numpy()
    if kind is ColumnType.DATE:
        return np.asarray(present.to_physical().to_numpy() / 1e6, np.float64)
    if kind in TEXTS:
        return present.cast(pl.Float64).to_numpy()
    return None


def _quantiles(tally: ColumnTally, numbers: NDArray[np.float64], *, whole: bool) -> dict[str, object]:
    if tally.sketch is not None:
        found = {str(q): tally.sketch.quantile(q).value for q in QUANTILES}
        return {"quantiles": found, "quantile_error": tally.sketch.error}
    with np.errstate(over="ignore"):
        values = np.quantile(numbers, QUANTILES).tolist()
    found = {str(q): value for q, value in zip(QUANTILES, values, strict=True) if math.isfinite(value)}
    return {"quantiles": found, "quantile_error": 0.0 if whole else rank_error(len(numbers))}


def _histogram(tally: ColumnTally, numbers: NDArray[np.float64], *, whole: bool) -> DataHistogram | None:
    least, most = float(numbers.min()), float(numbers.max())
    if tally.kind.type not in TEXTS and tally.least is not None and tally.most is not None:
        least, most = min(least, tally.least), max(most, tally.most)
    if not np.isfinite(most - least):
        return None
    if least == most:
        return DataHistogram(edges=(least, most), counts=(len(numbers),), sampled=not whole)
    counts, edges = np.histogram(numbers, _BINS, (least, most))
    return DataHistogram(edges=tuple(edges.tolist()), counts=tuple(counts.tolist()), sampled=not whole)


def _top(tally: ColumnTally, sample: pl.Series, rows: int, *, whole: bool) -> dict[str, object]:
    """The most frequent values: counted, or those that the sample has more than once, scaled up."""
    if (values := tally.values) is not None:
        pairs = sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))
        return {"top": tuple(pairs[:_TOP]), "top_exact": True}
    if tally.kind.type is ColumnType.NUMBER or tally.kind.type is ColumnType.DATE:
        return {}
    counts = sample.drop_nulls().value_counts(name="rows").filter(pl.col("rows") > 1)
    scale = 1.0 if whole or not len(sample) else rows / len(sample)
    pairs = sorted(
        ((as_text(value), count) for value, count in counts.iter_rows()), key=lambda pair: (-pair[1], pair[0])
    )
    return {"top": tuple((value, round(count * scale)) for value, count in pairs[:_TOP]), "top_exact": whole}
