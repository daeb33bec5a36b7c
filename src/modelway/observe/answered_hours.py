"""What a prediction log says about its requests, hour by hour: an hour that is over is read once, and kept in short."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from modelway.observe.log_tables import LogReader
from modelway.storage import write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from modelway.observe.log_hours import LogPlace

_ABOUT = {
    "id": pa.string(),
    "row": pa.int64(),
    "rows": pa.int64(),
    "key": pa.string(),
    "variant": pa.string(),
    "epoch": pa.string(),
}


@dataclass(frozen=True)
class AnsweredHours:
    """Reads hours into tables of one line a row of a request.

    Outcomes come for days, and are joined again and again. What is kept is named by the files that it was made of, so
    that one that comes late makes the hour be read anew.

    Attributes:
        place: the log.
        kind: the type of a prediction; None where predictions are not wanted.
    """

    place: LogPlace
    kind: pa.DataType | None

    def tables(self, hour: datetime) -> Iterator[pa.Table]:
        """An hour's rows, some files at a time; files that can't be read are passed over.

        Raises:
            OutsideError: S3 or the file system fails.
        """
        kept = self._kept(hour)
        if (table := _read(kept)) is not None:
            yield table
            return
        reader = LogReader(self.place, "predictions", hashed_keys=True)
        tables = []
        for table in reader.tables([hour], (self._schema,)):
            tables.append(table)
            yield table
        if tables and not reader.unreadable and hour + timedelta(hours=1) < datetime.now(UTC):
            self._keep(pa.concat_tables(tables), kept)

    def forget(self, but: Iterable[datetime]) -> None:
        """Remove what was kept of other hours."""
        names = {self._name(hour) for hour in but}
        for path in self.place.own.glob("answered-*.arrow"):
            if path.name[: len(next(iter(names), ""))] not in names:
                path.unlink(missing_ok=True)

    @property
    def _schema(self) -> pa.Schema:
        return pa.schema([*_ABOUT.items(), *([] if self.kind is None else [("prediction", self.kind)])])

    def _name(self, hour: datetime) -> str:
        return f"answered-{hour:%Y-%m-%dT%H}"

    def _kept(self, hour: datetime) -> Path:
        listing = self.place.listed("predictions", hour)
        files = [*listing.segments, *listing.compacted]
        made_of = [f"{one.name} {one.size} {one.tag or one.modified}" for one in files]
        digest = hashlib.sha256("\n".join([str(self.kind), *made_of]).encode()).hexdigest()[:16]
        return self.place.own / f"{self._name(hour)}-{digest}.arrow"

    def _keep(self, table: pa.Table, kept: Path) -> None:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_table(table)
        for path in kept.parent.glob(f"{kept.name.rpartition('-')[0]}-*.arrow"):
            path.unlink(missing_ok=True)
        write_bytes(str(kept), sink.getvalue().to_pybytes())


def _read(kept: Path) -> pa.Table | None:
    """None where nothing is kept, or nothing whole."""
    with suppress(OSError, pa.ArrowInvalid):
        return pa.ipc.open_file(pa.BufferReader(kept.read_bytes())).read_all()
    return None
