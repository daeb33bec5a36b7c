"""How two distributions of a column differ."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from modelway.observe.cells import CATEGORIES, Cells, parts_of
from modelway.observe.significance import chi_square, ks_p_value, shares_p_value
from modelway.observe.tallies import bounded_of
from modelway.records.data import ColumnType
from modelway.records.drift import Picture, Shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.observe import Distribution

    Floats = NDArray[np.float64]

_CATEGORIES = {ColumnType.CATEGORY, ColumnType.BOOLEAN}
_KS_MEAN = math.sqrt(math.pi / 2) * math.log(2)
"""Mean of the Kolmogorov distribution."""
_SMOOTHING = 0.5
"""Rows that every part is given in PSI, which would be infinite for an empty one."""


def compare(before: Distribution, now: Distribution) -> Shift | None:
    """How a column's values now differ from those before; None where either side has nothing to compare.

    Args:
        before: the baseline's; 0 rows mean a whole population of which shares or moments are known.
        now: counted over the same edges.
    """
    present = now.rows - now.missing
    if not present or now.rows == 0 or (before.rows and before.rows == before.missing):
        return None
    if before.type in _CATEGORIES:
        found = _of_categories(before, now) if before.categories else None
    elif before.edges and now.edges:
        found = _of_numbers(before, now)
    else:
        found = _of_moments(before, now) if before.mean is not None and before.std is not None else None
    if found is None:
        return None
    return Shift.model_validate({**found, **_of_missing(before, now)})


def picture(before: Distribution, now: Distribution) -> Picture | None:
    """The shares of both in a few cells, for people to look at."""
    if before.type in _CATEGORIES:
        names, ours, theirs = _category_counts(before, now)
        order = np.argsort(-(ours / max(ours.sum(), 1) + theirs / max(theirs.sum(), 1)), kind="stable")[:CATEGORIES]
        return Picture(
            cells=tuple(names[at] for at in order),
            before=tuple((ours[order] / max(ours.sum(), 1e-300)).tolist()),
            now=tuple((theirs[order] / max(theirs.sum(), 1)).tolist()),
        )
    if not (before.edges and now.edges):
        return None
    ours, theirs = _parts(before, now)
    return Picture(
        cells=Cells.of(before).names[:-1],
        before=tuple((ours / ours.sum()).tolist()),
        now=tuple((theirs / theirs.sum()).tolist()),
    )


def ks_noise(before: float, now: float) -> float:
    """What the greatest difference of two distribution functions is on average if nothing moved."""
    return _KS_MEAN * math.sqrt(1 / before + 1 / now)


def shares_noise(pooled: Floats, before: float, now: float) -> float:
    """What half the sum of the differences of shares is on average if nothing moved."""
    return float(0.5 * np.sqrt(2 / math.pi * pooled * (1 - pooled) * (1 / before + 1 / now)).sum())


def _of_numbers(before: Distribution, now: Distribution) -> dict[str, object]:
    ours, theirs = np.array(before.counts, np.float64), np.array(now.counts, np.float64)
    rows, present = ours.sum(), now.rows - now.missing
    below = np.append(0.0, np.cumsum(ours)) / rows
    beneath = np.append(now.below, now.below + np.cumsum(theirs)) / present
    # What the baseline's sketch may be off is no difference.
    distance = max(float(np.abs(below - beneath).max()) - before.error / rows, 0.0)
    parts = _parts(before, now)
    psi, divergence = _information(*parts)
    std = before.std or 0.0
    return {
        "statistic": "ks",
        "value": distance,
        "p_value": ks_p_value(distance, float(rows), present),
        "effect": distance,
        "noise": ks_noise(float(rows), present),
        "psi": psi,
        "jensen_shannon": divergence,
        "wasserstein": min(_wasserstein(before, now, below, beneath) / std, 1e300) if std else None,
        "unseen": (now.below + now.above) / present,
    }


def _of_categories(before: Distribution, now: Distribution) -> dict[str, object]:
    _, ours, theirs = _category_counts(before, now)
    rows, present = ours.sum(), theirs.sum()
    population = not before.rows
    statistic, p_value = chi_square(ours, theirs, population=population)
    size = math.inf if population else float(rows)
    pooled = ours / rows if population else (ours + theirs) / (rows + present)
    psi, divergence = _information(ours * (1e9 if population else 1), theirs)
    unseen = theirs[-1] / present if not before.other else None
    return {
        "statistic": "chi_square",
        "value": min(statistic, 1e300),
        "p_value": p_value,
        "effect": float(0.5 * np.abs(ours / rows - theirs / present).sum()),
        "noise": shares_noise(pooled, size, float(present)),
        "psi": psi,
        "jensen_shannon": divergence,
        "unseen": None if unseen is None else float(unseen),
    }


def _of_moments(before: Distribution, now: Distribution) -> dict[str, object] | None:
    """The shift of the mean; its effect is that of two normal distributions as far apart."""
    if now.mean is None or not before.std:
        return None
    present = now.rows - now.missing
    rows = (before.rows - before.missing) or math.inf
    apart = abs(now.mean - (before.mean or 0.0)) / before.std
    spread = math.sqrt(1 / rows + (now.std or 0.0) ** 2 / before.std**2 / present)
    z = apart / spread if spread else (math.inf if apart else 0.0)
    unit = math.sqrt(2 / math.pi) * math.sqrt(1 / rows + 1 / present)
    return {
        "statistic": "mean",
        "value": min(z, 1e300),
        "p_value": math.erfc(z / math.sqrt(2)),
        "effect": math.erf(apart / 2 / math.sqrt(2)),
        "noise": math.erf(unit / 2 / math.sqrt(2)),
    }


def _of_missing(before: Distribution, now: Distribution) -> dict[str, object]:
    rows = before.rows or math.inf
    shares = before.missing / before.rows if before.rows else 0.0, now.missing / now.rows
    pooled = (before.missing + now.missing) / (before.rows + now.rows) if before.rows else shares[1]
    return {
        "missing_before": shares[0],
        "missing_now": shares[1],
        "missing_p": shares_p_value(shares[0], rows, shares[1], now.rows),
        "missing_noise": math.sqrt(2 / math.pi * pooled * (1 - pooled) * (1 / rows + 1 / now.rows)),
    }


def _category_counts(before: Distribution, now: Distribution) -> tuple[list[str], Floats, Floats]:
    """Names and counts of the baseline's categories; the last ones are all others."""
    names = list(before.categories)
    others = now.other + sum(count for name, count in now.categories.items() if name not in before.categories)
    ours = [*before.categories.values(), before.other]
    theirs = [*(now.categories.get(name, 0) for name in names), others]
    return [*names, "others"], np.array(ours, np.float64), np.array(theirs, np.float64)


def _parts(before: Distribution, now: Distribution) -> tuple[Floats, Floats]:
    """The rows of both in about ten parts of the baseline; those beyond its range belong to the outer ones."""
    first = parts_of(np.array(before.counts, np.int64))
    ours, theirs = np.array(before.counts, np.float64), np.array(now.counts, np.float64)
    if len(theirs):
        theirs[0] += now.below
        theirs[-1] += now.above
    return np.add.reduceat(ours, first), np.add.reduceat(theirs, first)


def _information(ours: Floats, theirs: Floats) -> tuple[float, float]:
    """PSI, and the Jensen-Shannon distance to base 2."""
    kept = (ours > 0) | (theirs > 0)
    ours, theirs = ours[kept], theirs[kept]
    p, q = ours + _SMOOTHING, theirs + _SMOOTHING
    p, q = p / p.sum(), q / q.sum()
    psi = float(((q - p) * np.log(q / p)).sum())
    p, q = ours / ours.sum(), theirs / theirs.sum()
    middle = (p + q) / 2
    divergence = 0.0
    for side in (p, q):
        there = side > 0
        divergence += 0.5 * float((side[there] * np.log2(side[there] / middle[there])).sum())
    return psi, math.sqrt(max(divergence, 0.0))


def _wasserstein(before: Distribution, now: Distribution, below: Floats, beneath: Floats) -> float:
    """The area between the distribution functions, which run straight between edges; beyond those it is exact."""
    edges = bounded_of(np.array(before.edges))
    gaps = below - beneath
    left, right, widths = gaps[:-1], gaps[1:], np.diff(edges)
    crossing = left * right < 0
    area = np.abs(left + right) / 2
    spread = np.abs(left) + np.abs(right)
    area[crossing] = (left**2 + right**2)[crossing] / (2 * spread[crossing])
    inside = float((area * widths).sum())
    return inside + now.beyond / (now.rows - now.missing)
