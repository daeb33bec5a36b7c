"""Where rows end: compared with Python's own csv module on text that was made up."""

from __future__ import annotations

import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from modelway.batch.text import RowEnds, text_blocks

CELLS = st.text(alphabet='ab",\n\r x', max_size=6)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=3), min_size=1, max_size=8)


def written(table: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    return text.getvalue().replace("\r", "").encode()


@given(TABLES)
@settings(max_examples=300, deadline=None)
def test_ends_are_those_of_the_csv_module(table) -> None:
    text = written(table)
    rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
    ends = RowEnds(",")
    assert ends.last(text) == len(text)
    assert ends.count(text) == len([row for row in rows if row])


@given(TABLES, st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_text_cut_anywhere_ends_with_a_whole_row(table, cut) -> None:
    text = written(table)
    ends = RowEnds(",")
    head = text[: ends.last(text[:cut])]
    whole = list(csv.reader(io.StringIO(text.decode(), newline="")))
    first = list(csv.reader(io.StringIO(head.decode(), newline="")))
    rest = list(csv.reader(io.StringIO(text[len(head) :].decode(), newline="")))
    assert first + rest == whole


def test_blocks_are_the_whole_text() -> None:
    text = b"".join(b'%d,"a\nb",c\n' % number for number in range(1000))
    blocks = list(text_blocks(lambda start, end: text[start:end], 0, len(text), RowEnds(","), "f", 0))
    assert b"".join(blocks) == text


def test_a_stray_quote_opens_nothing() -> None:
    text = b'1,5" pipe\n2,"quoted, yes"\n'
    assert RowEnds(",").last(text) == len(text)
    assert RowEnds(",").count(text) == 2
