"""A bound on the length of lines, so that a file without line breaks is refused and not read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 4 << 20
"""Bytes that one line, or one row of CSV, may have."""
ROWS = 1 << 16
"""Rows of a piece, at the most."""
_BLOCK = 1 << 20


def check_first_lines(file: str, path: Path) -> None:
    """Refuse a file whose first two lines are too long; raises `InputError`."""
    _refuse_long_line(file, path, lines=2)


def refuse_long_line(file: str, path: Path) -> None:
    """Refuse a file that has a line which is too long; raises `InputError`."""
    _refuse_long_line(file, path, lines=None)


def long_line(file: str, number: int) -> InputError:
    """The refusal of a line that is too long."""
    return InputError(
        f"the line is longer than {LONGEST >> 20} MiB",
        where=f"{file}, line {number}",
        remedy="Check how the file was written: line breaks may be lost, or a quote may not be closed.",
    )


def long_row(file: str, after: int) -> InputError:
    """The refusal of a row of CSV that is too long, though no line of it is."""
    return InputError(
        f"a row from row {after} on is longer than {LONGEST >> 20} MiB",
        where=file,
        remedy="Close the quote that is open there; it swallows the lines that follow.",
    )


def _refuse_long_line(file: str, path: Path, lines: int | None) -> None:
    """Look for line breaks block by block; a carriage return alone counts as one too, as it does for the CSV reader."""
    number, length = 1, 0
    with path.open("rb") as content:
        while block := content.read(_BLOCK):
            block = block.replace(b"\r", b"\n")
            first = block.find(b"\n")
            length += len(block) if first < 0 else first
            if length > LONGEST:
                raise long_line(file, number)
            if first >= 0:
                number += block.count(b"\n")
                length = len(block) - block.rfind(b"\n") - 1
            if lines is not None and number > lines:
                return
