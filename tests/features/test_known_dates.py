"""Dates of a few rows are looked up by their hour; they give the bits of those that are computed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelway.features.dates import KnownDates, number_names, write_dates
from modelway.records.features import DateFeature
from modelway.records.fit import DatePart

HOUR = 3_600_000_000
MOMENTS = st.none() | st.integers(-(10**17), 10**17) | st.integers(0, 50).map(lambda step: step * HOUR // 2)


def feature(parts, *, cyclic):
    names = number_names(parts, cyclic=cyclic)
    width = len(names)
    return DateFeature(
        kind="date", column="when", parts=parts, cyclic=cyclic, origin=20_000.25, indicator=False,
        center=tuple(0.1 + place for place in range(width)), divisor=tuple(3.0 + place for place in range(width)),
        fill=tuple(0.7 * place for place in range(width)),
    )  # fmt: skip


@pytest.mark.parametrize("cyclic", [True, False])
@given(moments=st.lists(MOMENTS, min_size=1, max_size=40))
@example(moments=[2**53 + 1, -(2**53) - 1, HOUR - 1, HOUR, -1, 0, None])
def test_the_bits_are_those_of_all_rows_at_once(cyclic, moments):
    wanted = feature(tuple(DatePart), cyclic=cyclic)
    micros = np.array([moment or 0 for moment in moments])
    missing = np.array([moment is None for moment in moments])
    together = np.zeros((len(moments), len(wanted.center)), dtype=np.float32)
    write_dates(wanted, micros, missing, together)
    known, alone = KnownDates(wanted), np.zeros_like(together)
    for _ in range(2):  # learned, then known
        for row in range(len(moments)):
            known.write(micros[row : row + 1], missing[row : row + 1], alone[row : row + 1])
        assert alone.tobytes() == together.tobytes()
        alone[:] = 0


def test_what_is_remembered_is_bounded():
    known = KnownDates(feature((DatePart.HOUR,), cyclic=True))
    out = np.zeros((1, 2), dtype=np.float32)
    for hour in range(10_000):
        known.write(np.array([hour * HOUR]), np.array([False]), out)
    assert len(known._known) <= 4096
