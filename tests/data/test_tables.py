"""Between Arrow and numpy without pandas."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelway.records.tables import held_in, number_array, text_array


@pytest.mark.parametrize("texts", [["no", "", "ä€"], []], ids=["some", "none"])
def test_texts_are_what_they_were(texts) -> None:
    found = text_array(texts)
    found.validate(full=True)
    assert found.equals(pa.array(texts, pa.string()))


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float64])
def test_numbers_are_what_they_were_whatever_their_steps_in_memory(kind) -> None:
    values = np.arange(12, dtype=kind).reshape(6, 2)[:, 1]
    assert number_array(values).equals(pa.array(values))


@pytest.mark.parametrize("values", [[5, None, 7, 8, None], [1, 2, 3, 4], [None, None], []])
@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.float64()])
@pytest.mark.parametrize("first", [0, 1])
def test_what_an_array_holds_and_lacks(values, kind, first) -> None:
    held, missing = held_in(pa.array(values, kind)[first:])
    gone = [False] * len(held) if missing is None else missing.tolist()
    assert [None if away else value for value, away in zip(held.tolist(), gone, strict=True)] == values[first:]
