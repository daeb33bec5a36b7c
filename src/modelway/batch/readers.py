"""Rows of any file that is read, by its ending."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from modelway.batch.csv_rows import read_csv
from modelway.batch.json_rows import read_json
from modelway.batch.parquet_rows import read_parquet
from modelway.errors import InputError, OutsideError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.batch.blocks import Block, Wanted
    from modelway.batch.cutting import Piece
    from modelway.records.data import DataOptions


def read_piece(piece: Piece, source: DataOptions, wanted: Wanted) -> Iterator[Block]:
    """The rows of a piece of a file.

    Raises:
        InputError: the file is of no kind that can be read, torn, or lacks a column.
        OutsideError: S3 or the file system fails.
    """
    content, file = piece.content, piece.content.file
    try:
        match PurePosixPath(file.uri).suffix:
            case ".csv":
                yield from read_csv(content, source, wanted, piece.begin, piece.text_end)
            case ".jsonl":
                yield from read_json(content, wanted, piece.begin, piece.text_end)
            case ".parquet":
                yield from read_parquet(content, wanted, piece.begin, piece.end)
            case other:
                raise InputError(
                    f"files of kind {other or file.name!r} can't be read",
                    where=file.name,
                    remedy="Use CSV, Parquet or JSON Lines, named *.csv, *.parquet or *.jsonl.",
                )
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutsideError(f"reading fails: {reason}", where=file.uri, remedy="Check the permissions.") from error
