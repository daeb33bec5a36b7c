"""The rows of a prediction log, many files at a time, in the types that the baseline has."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from modelway.errors import InputError
from modelway.observe.log_hours import hours_between
from modelway.observe.log_tables import LogReader, field_of, is_answered
from modelway.observe.profile import PREDICTIONS
from modelway.observe.watch import LABEL, SCORE
from modelway.records.data import ColumnType, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modelway.observe.log_hours import LogPlace
    from modelway.records.observe import Baseline

_JSON_TYPES = {
    ColumnType.INTEGER: pa.float64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.CATEGORY: pa.string(),
    ColumnType.TEXT: pa.string(),
    ColumnType.DATE: pa.timestamp("us", tz="UTC"),
}
_ABOUT = {
    "id": pa.string(),
    "request": pa.string(),
    "time": pa.timestamp("us", tz="UTC"),
    "key": pa.string(),
    "variant": pa.string(),
    "version": pa.string(),
    "status": pa.int64(),
    "rows": pa.int64(),
}


@dataclass
class LogRows:
    """The rows of a log.

    Attributes:
        kinds: the columns to read, with their types.
        baseline: says which classes there are.
        since: rows before are passed over.
        until: as are those from then on.
        unreadable: files that could not be read, with the reason; grows while the rows are read.
        files: how many segments were read.
    """

    kinds: Mapping[str, ColumnType]
    baseline: Baseline
    since: datetime
    until: datetime
    unreadable: list[str] = field(default_factory=list)
    files: int = 0

    def tables(self, place: LogPlace, step: str) -> Iterator[pa.Table]:
        """The rows that lie in the time asked for: what the log says about them, and `features`.

        Args:
            place: the log.
            step: what its progress is told as.

        Raises:
            InputError: there is no log, or not one of its files can be read.
            OutsideError: S3 or the file system fails.
        """
        place.require()
        reader = LogReader(place, "predictions", unreadable=self.unreadable)
        hours = list(hours_between(self.since.timestamp(), self.until.timestamp()))

        def told() -> Iterator[datetime]:
            for done, hour in enumerate(hours, start=1):
                yield hour
                place.progress(step, done, len(hours), f"{hour:%H}:00")

        for table in reader.tables(told(), (self._schema(),)):
            self.files = reader.files
            yield table.filter(self._inside(table))
        self.files = reader.files
        if self.unreadable and not self.files:
            raise InputError(
                f"none of {len(self.unreadable)} files of the prediction log can be read",
                where=self.unreadable[0],
                remedy="See whether they are what `serve` wrote, and of this model.",
            )

    def outputs(self, table: pa.Table) -> pa.Table:
        """What the champion answered, a line for each row; null where something else answered, or nothing."""
        answered = pc.and_(pc.equal(table["variant"], "champion"), is_answered(table))
        nothing = pa.scalar(None)

        def only(values: pa.ChunkedArray) -> pa.ChunkedArray:
            return pc.if_else(answered, values, nothing.cast(values.type))

        baseline, columns = self.baseline, {}
        prediction = only(table["prediction"])
        if baseline.task is Task.REGRESSION:
            return pa.table({PREDICTIONS: prediction})
        columns[LABEL] = prediction
        scores = {name: only(field_of(table["probabilities"], name)) for name in baseline.classes}
        if len(baseline.classes) == 2:
            columns[PREDICTIONS] = scores[baseline.classes[1]]
        else:
            columns[PREDICTIONS] = prediction
            columns |= {SCORE + name: values for name, values in scores.items()}
        return pa.table(columns)

    def _schema(self) -> pa.Schema:
        features = pa.struct([(name, _JSON_TYPES[kind]) for name, kind in self.kinds.items()])
        fields = [*_ABOUT.items(), ("features", features)]
        if self.baseline.task is not None:
            number = self.baseline.task is Task.REGRESSION
            fields.append(("prediction", pa.float64() if number else pa.string()))
        if self.baseline.classes:
            fields.append(("probabilities", pa.struct([(name, pa.float64()) for name in self.baseline.classes])))
        return pa.schema(fields)

    def _inside(self, table: pa.Table) -> pa.ChunkedArray:
        kind = table["time"].type
        since, until = pa.scalar(self.since, kind), pa.scalar(self.until, kind)
        return pc.and_(pc.greater_equal(table["time"], since), pc.less(table["time"], until))


def features_of(table: pa.Table, kinds: Mapping[str, ColumnType]) -> pa.Table:
    """The columns of the requests' rows that at least one row has; requests that were refused have none."""
    found = {name: field_of(table["features"], name) for name in kinds}
    return pa.table({name: values for name, values in found.items() if values.null_count < len(values)})


def windows_of(table: pa.Table, since: datetime, hours: float) -> Iterator[tuple[str, pa.Table]]:
    """The rows by window: its beginning as ISO 8601, and its rows."""
    if not table.num_rows:
        return
    step = int(hours * 3_600_000_000)
    begin = int(since.timestamp() * 1_000_000)
    number = pc.divide(pc.subtract(table["time"].cast(pa.int64()), begin), step)
    for value in sorted(pc.unique(number).to_pylist()):
        start = since.astimezone(UTC) + timedelta(hours=hours * value)
        rows = table if pc.all(pc.equal(number, value)).as_py() else table.filter(pc.equal(number, value))
        yield start.isoformat(timespec="seconds").replace("+00:00", "Z"), rows
