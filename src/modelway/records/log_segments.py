"""What a compacted file of the prediction log knows of the segments that it was made of."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record


class CompactedSegment(Record):
    """One segment."""

    name: str
    """Its name below its hour."""
    written: float
    """When the storage got it, by its own clock, in seconds since 1970."""
    records: int
    """How many lines it had."""
    digest: str
    """SHA-256 of its lines, hexadecimal."""


class CompactedSegments(Record):
    """The entry `modelway` of a Parquet file's metadata."""

    version: Literal[1] = 1
    """The layout's version."""
    complete: bool
    """Whether every field of every line has a column of its own; else `_line` alone holds all."""
    segments: tuple[CompactedSegment, ...]
    """In the order of their rows."""
