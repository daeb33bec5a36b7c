"""Compaction with each step failing, on files and on S3: each record is there exactly once, at every moment."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelway.observe import log_compaction
from modelway.observe.log_compaction import compact_hours
from modelway.observe.log_hours import STREAMS, LogPlace
from modelway.observe.log_tables import LogReader
from modelway.records.progress import silent
from tests.every_step import Fault, Operation
from tests.stores import EACH_STORE_AND_FAULT, Store, name_of

HOUR = datetime(2026, 11, 25, 10, tzinfo=UTC)
FOLDER = "date=2026-11-25/hour=10"
LINES = [json.dumps({"id": f"r{number}", "row": 0}).encode() for number in range(6)]


@EACH_STORE_AND_FAULT
@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow, id="each"), pytest.param(4, id="some")])
def test_compact_hours_with_each_step_failing_keeps_each_record_once(
    store: Store, tmp_path: Path, fault: Fault, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_compaction, "TOGETHER", 2 * len(b"\n".join(LINES[:2])))  # two files

    def place(root: Path, cache: Path) -> LogPlace:
        return LogPlace(store.uri(root, "log"), store.options, cache, silent)

    def start(root: Path) -> None:
        for at in range(3):
            content = gzip.compress(b"".join(line + b"\n" for line in LINES[2 * at : 2 * at + 2]))
            store.put(root, f"log/predictions/{FOLDER}/host-{at}.jsonl.gz", content)

    def run(root: Path) -> None:
        compact_hours(place(root, root / "cache"), [HOUR])

    def check(root: Path, done: bool) -> None:
        reader = LogReader(place(root, tmp_path / "reader" / root.name), STREAMS[0])
        assert Counter(line for text in reader.texts([HOUR]) for line in text.lines) == Counter(LINES)
        assert not reader.unreadable
        assert not done or not [name for name in traces(root) if name.endswith(".gz")]

    def traces(root: Path) -> list[str]:
        # Copies of the log's files may stay: readers remove them with the hour.
        return [name for name in store.names(root) if name.startswith("log/")]

    operation = Operation(start, run, check, traces, place=name_of, at_least=8)
    operation.with_each_step(tmp_path / "runs", fault, every=every)
