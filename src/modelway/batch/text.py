"""Where rows end in the text of CSV and JSON Lines files, so that a file can be cut without reading it as a whole."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from modelway.data.suite.lines import LONGEST, long_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK = 1 << 20
"""Bytes of text that are parsed at a time; another size would give other bytes of the output."""
_BLANK = re.compile(rb"(?:\A|\n)\r?\n")


class RowEnds:
    """Finds where rows end in text that begins with a row.

    Args:
        delimiter: what separates the values of CSV; None for JSON Lines, where a line is a row.
    """

    def __init__(self, delimiter: str | None) -> None:
        self._delimiter = delimiter

    def last(self, text: bytes) -> int:
        """How many bytes the complete rows have together; a row without its line break is none."""
        ends = self._within_quotes(text)
        if ends is None:
            return text.rfind(b"\n") + 1
        return ends[-1] if ends else 0

    def count(self, text: bytes) -> int:
        """How many rows there are; blank lines are none, a last row without a line break is one."""
        ends = self._within_quotes(text)
        if ends is None and _BLANK.search(text) is None:
            return text.count(b"\n") + (not text.endswith(b"\n") and bool(text.strip()))
        if ends is None:
            return sum(1 for line in text.split(b"\n") if line.strip(b"\r"))
        starts = [0, *ends]
        return sum(1 for start, end in zip(starts, [*ends, len(text)], strict=True) if text[start:end].strip(b"\r\n"))

    def spans_lines(self, text: bytes) -> bool:
        """Whether a value may contain a line break, which costs Arrow's parser time."""
        return self._delimiter is not None and _spanning(self._delimiter).search(text) is not None

    def _within_quotes(self, text: bytes) -> list[int] | None:
        """The end of each complete row, where a quoted value may span lines; None where none does."""
        if self._delimiter is None or not self.spans_lines(text):
            return None
        opening, closing = _quotes(self._delimiter)
        ends: list[int] = []
        at = 0
        while True:
            found = opening.search(text, at)
            ends += _line_ends(text, at, found.start() + 1 if found else len(text))
            if found is None:
                return ends
            closed = closing.match(text, found.end())
            if closed is None:
                return ends
            at = closed.end()


def text_blocks(
    read: Callable[[int, int], bytes], start: int, end: int, ends: RowEnds, file: str, row: int
) -> Iterator[bytes]:
    """The text between two places, in blocks of whole rows.

    Args:
        read: gives the bytes from one place to another.
        start: where a row begins.
        end: where a row ends, or the file.
        ends: finds the ends of rows.
        file: its name in messages.
        row: the number of the row before the first, for messages.

    Raises:
        InputError: a row is longer than 4 MiB.
    """
    rest, at = b"", start
    while at < end or rest:
        more = read(at, min(end, at + BLOCK))
        at = at + len(more) if more else end
        text = rest + more
        cut = len(text) if at >= end else ends.last(text)
        if not cut and len(text) > LONGEST:
            raise long_line(file, row + 1)
        if cut:
            yield text[:cut]
        rest = text[cut:]


@lru_cache(maxsize=8)
def _spanning(delimiter: str) -> re.Pattern[bytes]:
    """A quote that may open a value, and a line break before the next one; it may find too much, never too little."""
    mark = re.escape(delimiter.encode())
    return re.compile(rb"(?:\A|[\r\n]|" + mark + rb')"(?:[^"\n]|"")*\n')


@lru_cache(maxsize=8)
def _quotes(delimiter: str) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """A quote that opens a value, where none is open; and the rest of that value, with the quote that closes it."""
    mark = re.escape(delimiter.encode())
    return re.compile(rb"(?:\A|[\r\n]|" + mark + rb')"'), re.compile(rb'(?:[^"]+|"")*+"')


def _line_ends(text: bytes, start: int, end: int) -> list[int]:
    ends = []
    at = text.find(b"\n", start, end)
    while at >= 0:
        ends.append(at + 1)
        at = text.find(b"\n", at + 1, end)
    return ends
