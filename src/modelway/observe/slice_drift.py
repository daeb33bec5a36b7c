"""What moved within slices of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelway.observe.shifts import shares_noise
from modelway.observe.significance import adjusted, chi_square
from modelway.records.data import ColumnType
from modelway.records.drift import SliceDrift, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.observe.drift import Judged
    from modelway.observe.watch import Watch
    from modelway.records.monitor import DriftOptions
    from modelway.records.observe import SliceProfile


def judge_slices(watch: Watch, judged: Judged, options: DriftOptions) -> tuple[tuple[SliceDrift, ...], int]:
    """The columns that moved within slices, the farthest first, and how many were tested.

    All tests are one family of their own. A slice is looked at by a few cells, so that what it hides is coarser.
    """
    whole = {("" if one.name == "predictions" else one.name): one for one in judged.columns}
    before = {(one.column, one.value): one for one in watch.watched.baseline.slices}
    tests = [
        test
        for now in watch.slices.finish()
        for test in _tests(before.get((now.column, now.value)), now, watch, options)
    ]
    levels = adjusted([p for _, _, p, _ in tests])
    found = []
    for (now, name, _, effect), level in zip(tests, levels, strict=True):
        if level > options.false_discoveries or effect < options.effect:
            continue
        over_all = whole.get(name)
        found.append(
            SliceDrift(
                column=now.column,
                value=now.value,
                rows=now.rows,
                moved=name,
                effect=effect,
                whole=max(over_all.shift.effect - over_all.shift.noise, 0.0) if over_all else 0.0,
                q_value=level,
                alone=over_all is None or over_all.state is not State.MOVED,
            )
        )
    found.sort(key=lambda one: (not one.alone, -one.effect, one.column, one.value, one.moved))
    return tuple(found), len(tests)


def _tests(
    before: SliceProfile | None, now: SliceProfile, watch: Watch, options: DriftOptions
) -> Iterator[tuple[SliceProfile, str, float, float]]:
    """Slice, column, p-value, and effect less noise, for each column that both sides have rows enough of."""
    if before is None:
        return
    for name, cells in now.cells.items():
        if name not in before.cells or len(before.cells[name]) != len(cells):
            continue
        if not options.dates and watch.watched.distribution(name).type is ColumnType.DATE:
            continue
        ours, theirs = np.array(before.cells[name], np.float64), np.array(cells, np.float64)
        if not name:  # rows without a prediction are no predictions
            ours, theirs = ours[:-1], theirs[:-1]
        if min(ours.sum(), theirs.sum()) < options.min_rows:
            continue
        _, p_value = chi_square(ours, theirs)
        pooled = (ours + theirs) / (ours.sum() + theirs.sum())
        effect = 0.5 * float(np.abs(ours / ours.sum() - theirs / theirs.sum()).sum())
        yield now, name, p_value, max(effect - shares_noise(pooled, float(ours.sum()), float(theirs.sum())), 0.0)
