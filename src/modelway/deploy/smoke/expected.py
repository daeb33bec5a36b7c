"""What a bundle says that an endpoint which serves it has to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.bundle.contents import read_contents
from modelway.bundle.layout import INFO, REFERENCE, SERVING_EXAMPLE, SIGNATURE
from modelway.errors import InputError, UsageError
from modelway.parsing import parse_json
from modelway.records.bundle import BundleInfo, Signature
from modelway.records.data import ColumnType, Task

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.bundle import SignatureColumn

_OUTPUT = "output."
_ROWS = 50


@dataclass(frozen=True)
class Expected:
    """One version, as its bundle describes it.

    Attributes:
        name: the model.
        version: its version, as servers write it.
        signature: what it takes and gives.
        example: a body of `/predict`.
        columns: held-out rows, by column, as JSON has them.
        predictions: the class or value that the fitted model gave each row.
        probabilities: its probabilities, in the order of the classes; None for regression.
    """

    name: str
    version: str
    signature: Signature
    example: dict[str, Any]
    columns: dict[str, list[Any]]
    predictions: list[Any]
    probabilities: list[list[float]] | None

    @property
    def rows(self) -> int:
        """How many held-out rows there are."""
        return len(self.predictions)

    def row(self, number: int) -> dict[str, Any]:
        """One of the rows."""
        return {name: values[number] for name, values in self.columns.items()}


def read_expected(directory: Path, digest: str | None = None) -> Expected:
    """Read a bundle's examples and some of its reference rows.

    Args:
        directory: the bundle.
        digest: the SHA-256 that it has to have; any when absent.

    Raises:
        InputError: it is not that bundle, or a file is missing or can't be read.
        UsageError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError("a smoke test reads Parquet", remedy="pip install 'modelway[package]'") from error
    contents = read_contents(directory, digest=digest)
    try:
        info = BundleInfo.from_json(contents.read(INFO))
        signature = Signature.from_json(contents.read(SIGNATURE))
        example = parse_json(contents.read(SERVING_EXAMPLE))
        table = pq.read_table(pa.BufferReader(contents.read(REFERENCE)))
        # Evenly chosen, so that a data set that is sorted shows more than its first class.
        count = min(_ROWS, table.num_rows)
        table = table.take([at * table.num_rows // count for at in range(count)])
        predictions = table.column(f"{_OUTPUT}prediction").to_pylist()
        probabilities = None
        if signature.task is Task.CLASSIFICATION:
            by_class = [table.column(f"{_OUTPUT}probability_{name}").to_pylist() for name in signature.classes]
            probabilities = [list(row) for row in zip(*by_class, strict=True)]
        columns = {column.name: _written(column, table.column(column.name).to_pylist()) for column in signature.columns}
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(
            f"the bundle can't be read: {error}", where=str(directory), remedy="Package the version again."
        ) from error
    return Expected(info.name, str(info.version), signature, example, columns, predictions, probabilities)


def _written(column: SignatureColumn, values: list[Any]) -> list[Any]:
    """Values as JSON has them; dates as the column asks for."""
    if column.type is not ColumnType.DATE:
        return values
    known = [value if value is None else value.replace(tzinfo=None) for value in values]
    if column.format is None:
        return [value if value is None else f"{value.isoformat()}Z" for value in known]
    return [value if value is None else value.strftime(column.format) for value in known]
