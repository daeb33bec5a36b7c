"""A run of batch inference with each step failing: what is published is whole, and the next start ends it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.batch.finishing import Latest, is_published, publish, settle
from modelway.batch.partition import Partition
from modelway.batch.place import Place
from modelway.batch.run import Request, run_batch
from modelway.bundle import Bundle
from modelway.errors import OutsideError
from modelway.records.batch import BatchOptions, BatchTimings, PartitionSetup, PartRecord, Unit
from modelway.records.data import DataOptions
from tests.every_step import Fault, Operation
from tests.stores import EACH_STORE_AND_FAULT, Store, name_of

NOW, BEFORE, LATER = (f"2026-11-2{day}T02:00:00+00:00" for day in (6, 5, 7))
FILES = [f"{folder}/part-0000{number}" for folder in ("predictions", "rejects") for number in (0, 1)]


def _score_here(
    setup: PartitionSetup, bundle: Bundle, units: Iterator[Unit], workers: int, done: Callable[[PartRecord], None]
) -> None:
    """Score in this process, where steps are counted."""
    partition = Partition(setup, bundle)
    for unit in units:
        done(partition.run(unit))


@pytest.fixture
def source(loans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small files, a unit each, with a row each that is refused."""
    monkeypatch.setattr("modelway.batch.cutting.UNIT_FILES", 1)
    monkeypatch.setattr("modelway.batch.run.run_locally", _score_here)
    header, *lines = loans.read_text().splitlines(keepends=True)
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        bad = lines[number].replace(lines[number].split(",")[1], "old", 1)
        (folder / f"{number}.csv").write_text("".join([header, *lines[10 * number + 2 : 10 * number + 12], bad]))
    return folder


class Runs:
    """One run in a store, and what it publishes where nothing disturbs it."""

    def __init__(self, store: Store, bundle: Path, source: Path) -> None:
        self.store = store
        self._bundle = bundle
        self._source = source
        self._expected: dict[str, bytes] = {}

    def __call__(self, root: Path) -> None:
        request = Request(
            options=BatchOptions(memory="2GB", workers=1, max_rejects=5, slices=("purpose",)),
            source=DataOptions(uri=str(self._source)),
            bundle=self._bundle,
            output=self.store.uri(root, "out"),
            run="one",
            now=NOW,
            keys=(),
            s3=self.store.options,
        )
        if (error := run_batch(request).error) is not None:
            raise error

    def published(self, root: Path) -> dict[str, bytes]:
        """Each file of the run that is published, but for those that tell time."""
        names = [name.removeprefix("out/one/") for name in self.store.names(root) if name.startswith("out/one/")]
        found = {name: self.store.get(root, f"out/one/{name}") for name in names if not name.startswith("_run")}
        return {name: content for name, content in found.items() if content is not None and name != "timings.json"}

    def check(self, root: Path, done: bool) -> None:
        """Nothing is published before all is there, and then it is what an undisturbed run publishes."""
        latest = json.loads(self.store.get(root, "out/_latest.json") or b"{}").get("run")
        whole = self.store.get(root, "out/one/_SUCCESS") is not None
        assert whole or not done
        assert latest in ({"one"} if done else {"zero", "one"} if whole else {"zero"})
        if whole:
            found = self.published(root)
            self._expected = self._expected or found  # the first is undisturbed
            assert found == self._expected
            assert {name.partition(".")[0] for name in found} > set(FILES)

    def start(self, root: Path) -> None:
        latest = {"schema_version": 1, "run": "zero", "started": BEFORE}
        self.store.put(root, "out/_latest.json", json.dumps(latest).encode())


@EACH_STORE_AND_FAULT
@pytest.mark.parametrize("every", [pytest.param(2, marks=pytest.mark.slow, id="most"), pytest.param(9, id="some")])
def test_run_batch_with_each_step_failing_publishes_all_or_nothing(
    store: Store, tmp_path: Path, bundle: Path, source: Path, fault: Fault, every: int
) -> None:
    runs = Runs(store, bundle, source)
    operation = Operation(runs.start, runs, runs.check, store.names, place=name_of, at_least=20 if store.s3 else 50)
    operation.with_each_step(tmp_path / "runs", fault, every=every)


def _interrupt(*_: Any) -> None:
    raise OutsideError("interrupted", where="the test")


@pytest.mark.parametrize("store", ["files"], indirect=True)
@pytest.mark.parametrize("name", FILES)
def test_run_batch_writes_a_part_of_the_same_size_and_other_bytes_again(
    store: Store, tmp_path: Path, bundle: Path, source: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Runs(store, bundle, source)
    for folder in ("whole", "harmed"):
        runs.start(tmp_path / folder)
    runs(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr("modelway.batch.run.publish", _interrupt)
        with pytest.raises(OutsideError, match="interrupted"):
            runs(tmp_path / "harmed")
    (part,) = (tmp_path / "harmed/out/one").glob(f"{name}.*")
    content = part.read_bytes()
    part.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    others = {path: path.stat().st_mtime_ns for path in part.parent.glob("part-*") if path != part}
    runs(tmp_path / "harmed")
    assert runs.published(tmp_path / "harmed") == runs.published(tmp_path / "whole")
    assert {path: path.stat().st_mtime_ns for path in others} == others


@EACH_STORE_AND_FAULT
@pytest.mark.parametrize("latest", [BEFORE, LATER], ids=["the newest run", "an older run"])
def test_publish_and_settle_with_each_step_failing_have_all_files_before_success(
    store: Store, tmp_path: Path, fault: Fault, latest: str
) -> None:
    """And the latest is the newest run: this one, or another."""
    plan: Any = SimpleNamespace(run="one", started=NOW, bundle_digest="d", files=())
    summary: Any = SimpleNamespace(plan=plan, rows=3, rejects=1, to_json=lambda: '{"rows": 3}')
    expected = "one" if latest == BEFORE else "two"

    def start(root: Path) -> None:
        store.put(root, "_latest.json", Latest(run="two", started=latest).to_json().encode())
        for number in range(2):
            store.put(root, f"one/_run/part-0000{number}.json", b"{}")

    def run(root: Path) -> None:
        place, runs = Place(store.uri(root, "one"), store.options), Place(store.uri(root), store.options)
        if not is_published(place):
            publish(place, summary, (), BatchTimings(seconds=1.0, workers=1, scored_rows=3))
        settle(place, runs, plan)

    def check(root: Path, done: bool) -> None:
        success = store.get(root, "one/_SUCCESS")
        found = json.loads(store.get(root, "_latest.json") or b"{}")["run"]
        parts = [name for name in store.names(root) if name.startswith("one/_run/part")]
        if success is None:
            assert (found, len(parts), done) == ("two", 2, False)
            return
        assert json.loads(success) == {"run": "one", "rows": 3, "rejects": 1}
        content = store.get(root, "one/batch.json") or b""
        manifest = json.loads(store.get(root, "one/manifest.json") or b"{}")
        assert manifest["files"] == {"batch.json": hashlib.sha256(content).hexdigest()}
        assert json.loads(store.get(root, "one/timings.json") or b"{}")["seconds"] == 1.0
        assert found in ({expected} if done else {expected, "two"})
        assert not done or not parts
        assert len(parts) == 2 or found == expected

    operation = Operation(start, run, check, store.names, place=name_of, at_least=8)
    operation.with_each_step(tmp_path, fault, every=3 if store.s3 else 2)
