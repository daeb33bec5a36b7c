"""Small data sets in all formats, and what checking them gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.data.suite.suite import Checked, check_data_set
from modelway.records.check_data import CheckDataOptions
from modelway.records.data import DataOptions, S3Options
from modelway.records.data_docs import DataCheck, DataProfile

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FORMATS = ("parquet", "csv", "jsonl")
Columns = Mapping[str, Sequence[Any]]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value


def write_columns(path: Path, columns: Columns) -> Path:
    """Write columns in the ending that the file's ending names."""
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if path.suffix == ".parquet":
        pq.write_table(pa.table(dict(columns)), path)
    elif path.suffix == ".jsonl":
        path.write_text(
            "".join(json.dumps({name: _plain(value) for name, value in row.items()}) + "\n" for row in rows)
        )
    else:
        lines = [",".join(columns)]
        for row in rows:
            cells = ["" if value is None else str(_plain(value)) for value in row.values()]
            lines.append(",".join(f'"{cell}"' if set(cell) & set(',"\n') else cell for cell in cells))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class Bench:
    """Checks data sets in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, columns: Columns, ending: str = "parquet", name: str = "data") -> Path:
        """Write a file."""
        return write_columns(self.folder / f"{name}.{ending}", columns)

    def run(
        self,
        data: Columns | Path | Sequence[Path],
        *checks: Mapping[str, Any],
        ending: str = "parquet",
        baseline: DataProfile | None = None,
        source: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Checked:
        """Check a data set: columns, which are written first, or files."""
        if isinstance(data, Path):
            files = [data]
        else:
            files = [self.write(data, ending)] if isinstance(data, Mapping) else list(data)
        parsed = CheckDataOptions.from_json(json.dumps({"checks": checks} | options))
        where = DataOptions.from_json(json.dumps({"uri": "data"} | dict(source or {})))
        return check_data_set(parsed, where, [(path.name, path) for path in files], {}, baseline, NOW)

    def one(self, data: Columns | Path | Sequence[Path], check: Mapping[str, Any], **options: Any) -> DataCheck:
        """What one check of the settings says."""
        (found,) = (one for one in self.run(data, check, **options).result.checks if one.source == "checks")
        return found

    def columns(self, data: Columns | Path | Sequence[Path], **options: Any) -> dict[str, DataCheck]:
        """What the checks of the settings' columns say, by name."""
        return {one.name: one for one in self.run(data, **options).result.checks if one.source == "columns"}

    def failed_rows(self, checked: Checked) -> pl.DataFrame:
        """What `failed_rows.parquet` holds."""
        path = self.folder / "failed_rows.parquet"
        checked.failures.write(path)
        return pl.read_parquet(path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Checks data sets in a folder of their own."""
    return Bench(tmp_path)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Read so many rows, and of text so many bytes, at a time."""

    def cut(rows: int, size: int = 1 << 10) -> None:
        for ending in FORMATS:
            module = f"modelway.data.suite.{ending.replace('jsonl', 'json')}_batches"
            monkeypatch.setattr(f"{module}.ROWS", rows)
            if ending != "parquet":
                monkeypatch.setattr(f"{module}.LONGEST", size)

    return cut


@dataclass(frozen=True)
class Bucket:
    """A bucket on a stand-in of S3 on the loopback."""

    name: str
    options: S3Options

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        from modelway.storage.s3 import s3_client

        s3_client(self.options).put_object(Bucket=self.name, Key=key, Body=content)

    def uri(self, key: str) -> str:
        """An object's address."""
        return f"s3://{self.name}/{key}"


@pytest.fixture
def bucket(empty_moto: str) -> Bucket:
    """An empty bucket."""
    from modelway.storage.s3 import s3_client

    made = Bucket("bucket", S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True))
    s3_client(made.options).create_bucket(Bucket=made.name)
    return made
