"""What is counted while a part is made."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from modelway.batch.tallies import MISSING, merge, merge_slices, output_values, tally
from modelway.records.batch import Example, PartRecord, PartSeconds, Tally
from modelway.records.tables import labels_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelway.records.batch import PartFile, Unit
    from modelway.records.bundle import Signature
    from modelway.records.evaluate import Scores

_EXAMPLES = 20
_KINDS = 100
_SEVERAL = "others"


class Counts:
    """Counts rows, refusals and predictions of one part.

    Args:
        signature: the model's.
        slices: columns whose values are counted one by one.
        edges: of the bins of the predictions.
    """

    def __init__(self, signature: Signature, slices: Sequence[str], edges: Sequence[float]) -> None:
        self._signature = signature
        self._slices = slices
        self._edges = edges
        self._rows = self._rejects = 0
        self._reasons: dict[str, int] = {}
        self._examples: list[Example] = []
        self._ignored: dict[str, None] = {}
        self._tallies: list[Tally] = []
        self._sliced: dict[str, list[dict[str, Tally]]] = {name: [] for name in slices}
        self._seconds = dict.fromkeys(("reading", "scoring", "writing"), 0.0)

    @contextmanager
    def watch(self, step: str) -> Iterator[None]:
        """Measure a step; each is of one thread alone."""
        begin = time.perf_counter()
        yield
        self._seconds[step] += time.perf_counter() - begin

    def read(self, rows: int, rejects: int, ignored: Sequence[str]) -> None:
        """Rows that were read, how many of them were refused, and the columns that nobody wants."""
        self._rows += rows
        self._rejects += rejects
        self._ignored |= dict.fromkeys(ignored)

    def refuse(self, kind: str, rows: int) -> None:
        """Rows that were refused for one reason."""
        kind = kind if kind in self._reasons or len(self._reasons) < _KINDS else _SEVERAL
        self._reasons[kind] = self._reasons.get(kind, 0) + rows

    def example(self, file: str, row: int, reason: str) -> None:
        """Keep the first refused rows."""
        if len(self._examples) < _EXAMPLES:
            self._examples.append(Example(file=file, row=row, reason=reason))

    def add(self, table: pa.Table, scores: Scores) -> None:
        """Rows with their predictions."""
        self._tallies.append(tally(self._signature, scores, self._edges))
        for name in self._slices:
            self._sliced[name].append(self._of_slice(table.column(name), scores))

    def record(self, unit: Unit, files: tuple[PartFile, ...], seconds: float) -> PartRecord:
        """All of it."""
        return PartRecord(
            unit=unit,
            rows=self._rows,
            rejects=self._rejects,
            files=files,
            predictions=merge(self._tallies),
            slices={name: merge_slices(found) for name, found in self._sliced.items()},
            reasons=dict(sorted(self._reasons.items())),
            examples=tuple(self._examples),
            ignored=tuple(sorted(self._ignored)),
            seconds=PartSeconds(**self._seconds, whole=seconds),
        )

    def _of_slice(self, values: pa.ChunkedArray, scores: Scores) -> dict[str, Tally]:
        coded = values if pa.types.is_dictionary(values.type) else values.cast(pa.string()).dictionary_encode()
        coded = coded.chunk(0) if coded.num_chunks == 1 else coded.combine_chunks()
        names, places = labels_in(coded)
        rows = np.bincount(places, minlength=len(names)).tolist()
        numbers = output_values(self._signature, scores)
        totals = [0.0] * len(names) if numbers is None else np.bincount(places, numbers, len(names)).tolist()
        # A dictionary may hold values that no row has, and the same one twice.
        return merge_slices(
            {MISSING if name is None else name: Tally(rows=count, total=total)}
            for name, count, total in zip(names, rows, totals, strict=True)
            if count
        )
