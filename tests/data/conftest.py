"""A small data set with a column of every type, in three formats."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.data import read_table
from modelway.errors import InputError
from modelway.records.data import PrepareOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"type": "integer"},
    "x": {"type": "number", "min": -10, "max": 10},
    "flag": {"type": "boolean", "nullable": True},
    "kind": {"type": "category", "values": ["red", "blue"], "nullable": True},
    "note": {"type": "text", "nullable": True},
    "day": {"type": "date", "nullable": True},
    "y": {"type": "category"},
}


def build(**changes: Any) -> PrepareOptions:
    settings: dict[str, Any] = {
        "task": "classification",
        "target": "y",
        "data": {"uri": "data.csv"},
        "columns": COLUMNS,
        "ignore": ["junk"],
    }
    return PrepareOptions.from_json(json.dumps(settings | changes))


@pytest.fixture(scope="session")
def make_options() -> Callable[..., PrepareOptions]:
    """The options of the small data set, with changes."""
    return build


@pytest.fixture
def read(tmp_path) -> Callable[..., pa.Table]:
    """Write content into a file of the temporary folder and read it; `source` changes the data options."""

    def run(name: str, content: bytes, source: dict[str, Any] | None = None, **changes: Any) -> pa.Table:
        (tmp_path / name).write_bytes(content)
        options = build(data={"uri": name} | (source or {}), **changes)
        return read_table(options, options.data, [(name, tmp_path / name)])

    return run


def _rows(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": at,
            "x": (at * 37 % 100) / 8 - 5,
            "flag": None if at % 7 == 3 else at % 2 == 0,
            "kind": ["red", "blue", None][at % 3],
            "note": None if at % 11 == 5 else f"the {at % 13}th, with a comma and ü",
            "day": f"2026-0{at % 9 + 1}-11",
            "y": "yes" if at % 3 else "no",
        }
        for at in range(count)
    ]


@pytest.fixture(scope="session")
def make_rows() -> Callable[[int], list[dict[str, Any]]]:
    """So many rows of the small data set, as Python values."""
    return _rows


@pytest.fixture(scope="session")
def write_rows() -> Callable[[Path, list[dict[str, Any]]], Path]:
    """Write rows in the format that the file's ending names."""

    def write(path: Path, rows: list[dict[str, Any]]) -> Path:
        if path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        elif path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)
        else:
            text = ",".join(rows[0]) + "\n"
            for row in rows:
                cells = ["" if value is None else str(value) for value in row.values()]
                text += ",".join(f'"{cell}"' if "," in cell else cell for cell in cells) + "\n"
            path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def check_refused(read) -> Callable[..., None]:
    """Check that a file is refused, and what the error says."""

    def check(
        name: str, content: bytes, what: str, where: str, remedy: str, source: dict[str, Any] | None = None
    ) -> None:
        with pytest.raises(InputError) as error:
            read(name, content, source)
        assert what in error.value.what
        assert where in error.value.where
        assert remedy in error.value.remedy

    return check
