"""The code of one partition: a unit of the input becomes a part of the output. Every engine runs this."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modelway.batch.blocks import Wanted
from modelway.batch.counting import Counts
from modelway.batch.cutting import pieces_of
from modelway.batch.judging import judge
from modelway.batch.parts import PredictionWriter, RejectWriter
from modelway.batch.place import PREDICTIONS, REJECTS, STATE, Place, part_name
from modelway.batch.readers import read_piece
from modelway.batch.scoring import score
from modelway.data.ahead import Behind, ahead
from modelway.errors import OutsideError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.batch.blocks import Block
    from modelway.batch.cutting import Piece
    from modelway.bundle import Bundle
    from modelway.records.batch import PartitionSetup, PartRecord, Unit

_FETCHERS = 8


@dataclass
class _Scored:
    block: Block
    kept: pa.Table
    numbers: pa.Int64Array
    scores: Any


class Partition:
    """Scores units of the input.

    Args:
        setup: what is scored, by what, and where it goes.
        bundle: the model.
    """

    def __init__(self, setup: PartitionSetup, bundle: Bundle) -> None:
        self._plan = setup.plan
        self._s3 = setup.s3
        self._edges = setup.edges
        self._bundle = bundle
        self._wanted = Wanted.of(bundle.signature, setup.plan.keys, setup.plan.slices)
        self._place = Place(setup.output, setup.s3, Path(setup.spool) if setup.spool else None)

    def fetch(self, unit: Unit) -> list[Piece]:
        """The pieces of a unit; those on S3 are brought into memory."""
        pieces = pieces_of(unit, self._plan.files, self._s3)
        remote = [piece for piece in pieces if piece.is_remote]
        if remote:
            with ThreadPoolExecutor(min(_FETCHERS, len(remote))) as pool:
                list(pool.map(lambda piece: piece.fetch(), remote))
        return pieces

    def run(self, unit: Unit, pieces: list[Piece] | None = None) -> PartRecord:
        """Write a unit's part; the record of it, written last, says that it is there.

        Raises:
            InputError: a file can't be read, or lacks a column.
            OutsideError: S3 or the file system fails.
        """
        begin = time.perf_counter()
        counts = Counts(self._bundle.signature, self._plan.slices, self._edges)
        predictions = part_name(PREDICTIONS, unit.number, "parquet")
        rejects = part_name(REJECTS, unit.number, "jsonl")
        works = {name: self._place.work_file(name) for name in (predictions, rejects)}
        try:
            refused = self._write(
                self.fetch(unit) if pieces is None else pieces, works[predictions], works[rejects], counts
            )
            files = [self._place.publish(works[rejects], rejects)] if refused else []
            files.insert(0, self._place.publish(works[predictions], predictions))
        except OSError as error:
            raise OutsideError(f"can't write: {error.strerror or error}", where=self._place.uri) from error
        finally:
            for work in works.values():
                with suppress(OSError):  # the next start removes what stays
                    work.unlink(missing_ok=True)
        record = counts.record(unit, tuple(files), time.perf_counter() - begin)
        self._place.write(part_name(STATE, unit.number, "json"), record.to_json().encode())
        return record

    def close(self) -> None:
        """Remove what was on its way."""
        self._place.close()

    def _write(self, pieces: list[Piece], predictions: Path, rejects: Path, counts: Counts) -> int:
        """Read, score and write, each in a thread of its own; gives how many rows were refused."""
        written = PredictionWriter(predictions, self._plan, self._bundle.signature)
        refused = RejectWriter(rejects)

        def write(one: _Scored) -> None:
            with counts.watch("writing"):
                written.add(one.block, one.kept, one.numbers, one.scores)
                counts.add(one.kept, one.scores)

        behind = Behind(write)
        try:
            with closing(ahead(self._blocks(pieces, counts))) as blocks:
                for block in blocks:
                    with counts.watch("scoring"):
                        scored = self._score(block, refused, counts)
                    if scored.kept.num_rows:
                        behind.put(scored)
        finally:
            behind.close()
            refused.close()
        written.close()
        return refused.rows

    def _blocks(self, pieces: list[Piece], counts: Counts) -> Iterator[Block]:
        for piece in pieces:
            blocks = read_piece(piece, self._plan.source, self._wanted)
            while True:
                with counts.watch("reading"):
                    block = next(blocks, None)
                if block is None:
                    break
                yield block

    def _score(self, block: Block, refused: RejectWriter, counts: Counts) -> _Scored:
        refusals = judge(block, self._bundle.signature, self._wanted)
        for kind, rows in refusals.kinds.items():
            counts.refuse(kind, rows)
        for broken in block.broken:
            counts.refuse("can't be read", 1)
            counts.example(block.file, broken.row, broken.reason)
            refused.add(block.file, broken.row, broken.reason, broken.text)
        kept, numbers = block.table, block.row_numbers()
        reasons = {at: "; ".join(found) for at, found in refusals.reasons.items()}
        if reasons:
            kept, numbers = _without(kept, numbers, reasons)
        scores, failed = score(self._bundle, kept, self._plan.batch_size)
        if failed:
            places = _places(block.table.num_rows, reasons)
            reasons |= {places[at]: why for at, why in failed.items()}
            counts.refuse("can't be scored", len(failed))
            kept, numbers = _without(kept, numbers, failed)
        for at in sorted(reasons):
            counts.example(block.file, block.number_of(at), reasons[at])
            refused.add(block.file, block.number_of(at), reasons[at], block.values_of(at))
        counts.read(block.rows, len(reasons) + len(block.broken), block.ignored)
        return _Scored(block, kept, numbers, scores)


def _without(table: pa.Table, numbers: pa.Int64Array, places: dict[int, str]) -> tuple[pa.Table, pa.Int64Array]:
    kept = pa.array(_places(table.num_rows, places), pa.int64())
    return table.take(kept).combine_chunks(), numbers.take(kept)


def _places(rows: int, gone: dict[int, str]) -> list[int]:
    return [at for at in range(rows) if at not in gone]
