"""Writes, removals and copies with each step failing, on local files and on S3."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modelway.storage import (
    Document,
    abort_uploads,
    objects,
    remove_below,
    remove_hours,
    sync,
    upload,
    write_bytes,
)
from tests.every_step import Fault, Operation
from tests.stores import EACH_STORE_AND_FAULT, Store, name_of

OLD, NEW = b"old " * 500, b"new " * 500
OVER = ("date=2026-11-20/hour=22", "date=2026-11-20/hour=23", "date=2026-11-21/hour=00")
LATER = ("date=2026-11-21/hour=01", "date=2026-11-22/hour=00")
BEFORE = datetime(2026, 11, 21, 1, 30, tzinfo=UTC).timestamp()


def _new_or(store: Store, *before: bytes | None) -> Callable[[Path, bool], None]:
    """A check that the state is the new one, or before the operation is through one of these."""

    def check(root: Path, done: bool) -> None:
        assert store.get(root, "state") in {NEW, *(() if done else before)}

    return check


@EACH_STORE_AND_FAULT
@pytest.mark.parametrize("before", [OLD, None], ids=["over another", "first"])
def test_write_bytes_leaves_the_old_or_the_new(
    store: Store, tmp_path: Path, fault: Fault, before: bytes | None
) -> None:
    def start(root: Path) -> None:
        if before is not None:
            store.put(root, "state", before)

    def run(root: Path) -> None:
        write_bytes(store.uri(root, "state"), NEW, s3=store.options)

    least = 1 if store.s3 else 5
    Operation(start, run, _new_or(store, before), store.names, place=name_of, at_least=least, tidy=True).with_each_step(
        tmp_path, fault
    )


@EACH_STORE_AND_FAULT
def test_document_change_leaves_the_old_or_the_new(store: Store, tmp_path: Path, fault: Fault) -> None:
    def run(root: Path) -> None:
        document = Document(
            store.uri(root, "state"), "the state", lambda found: found, lambda one: one or b"", store.options
        )
        written, mine = document.change(lambda found: None if found == NEW else NEW)
        assert (written, mine) in {(NEW, True), (NEW, False)}

    def start(root: Path) -> None:
        store.put(root, "state", OLD)
        store.put(root, ".state.lock", b"")

    least = 2 if store.s3 else 6
    Operation(start, run, _new_or(store, OLD), store.names, place=name_of, at_least=least, tidy=True).with_each_step(
        tmp_path, fault
    )


@EACH_STORE_AND_FAULT
def test_remove_below_removes_no_others(store: Store, tmp_path: Path, fault: Fault) -> None:
    def start(root: Path) -> None:
        for name in ("in/a", "in/b", "in/c", "in/stays"):
            store.put(root, name, OLD)

    def run(root: Path) -> None:
        remove_below(store.uri(root, "in"), ["a", "b", "c", "was never there"], store.options)

    def check(root: Path, done: bool) -> None:
        assert store.get(root, "in/stays") == OLD
        assert not done or not {"in/a", "in/b", "in/c"} & set(store.names(root))

    least = 1 if store.s3 else 4
    Operation(start, run, check, store.names, place=name_of, at_least=least).with_each_step(tmp_path, fault)


@EACH_STORE_AND_FAULT
def test_remove_hours_removes_no_newer_ones(store: Store, tmp_path: Path, fault: Fault) -> None:
    def start(root: Path) -> None:
        for hour in (*OVER, *LATER):
            store.put(root, f"log/{hour}/compacted/one", OLD)

    def run(root: Path) -> None:
        while not remove_hours(store.uri(root, "log"), BEFORE, store.options, requests=50)[1]:
            pass

    def check(root: Path, done: bool) -> None:
        found = [name for name in store.names(root) if name.endswith("/one")]
        assert {f"log/{hour}/compacted/one" for hour in LATER} <= set(found)
        assert not done or len(found) == len(LATER)
        assert not done or not (root / "log/date=2026-11-20").exists()

    least = 2 if store.s3 else 7
    Operation(start, run, check, store.names, place=name_of, at_least=least).with_each_step(tmp_path, fault)


@pytest.mark.parametrize("store", ["s3"], indirect=True)
@pytest.mark.parametrize(
    "fault", [Fault.LOST, *(pytest.param(one, marks=pytest.mark.slow) for one in (Fault.BROKEN, Fault.KILLED))]
)
def test_upload_in_parts_leaves_the_whole_object_or_none(
    store: Store, tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_SINGLE", 5 << 20)  # S3 takes no smaller parts
    content = os.urandom(5 << 20) + b"end"
    (tmp_path / "large").write_bytes(content)

    def run(root: Path) -> None:
        abort_uploads(store.uri(root), store.options)
        upload(tmp_path / "large", store.uri(root, "state"), store.options)

    def check(root: Path, done: bool) -> None:
        assert store.get(root, "state") in {content, *(() if done else (None,))}

    Operation(lambda _: None, run, check, store.names, place=name_of, at_least=6).with_each_step(
        tmp_path / "runs", fault
    )


@pytest.mark.parametrize("store", ["s3"], indirect=True)
@pytest.mark.parametrize(
    "fault",
    [
        Fault.FULL,
        Fault.LOST,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (Fault.STAYS_FULL, Fault.BROKEN, Fault.KILLED)),
    ],
)
def test_sync_leaves_old_or_new_copies(store: Store, tmp_path: Path, fault: Fault) -> None:
    def run(root: Path) -> None:
        sync(store.uri(root, "in"), root / "copy", s3=store.options, remove=True)

    def start(root: Path) -> None:
        for name in ("a.csv", "gone.csv"):
            store.put(root, f"in/{name}", OLD)
        run(root)
        store.client.delete_object(Bucket="bucket", Key=f"{root.name}/in/gone.csv")
        store.put(root, "in/a.csv", NEW)

    def check(root: Path, done: bool) -> None:
        assert (root / "copy/a.csv").read_bytes() in {NEW, *(() if done else (OLD,))}
        assert not (done and (root / "copy/gone.csv").exists())

    Operation(start, run, check, store.names, place=name_of, at_least=15).with_each_step(tmp_path, fault)
