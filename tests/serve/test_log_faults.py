"""Each system call of the log fails once, and at each the process is killed once: every record ends in one place."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import OutsideError
from modelway.records.data import S3Options
from modelway.records.serve import LogOptions
from modelway.serve.log import Journal
from modelway.serve.log.delivery import Delivery
from tests.every_step import READS, Failing, Fault, Operation, failing, killed
from tests.stores import REMOTE_FAULTS, Store, name_of

NOON = 1_700_000_000 // 3600 * 3600.0
MOST = 400
"""No scenario makes so many calls."""


class Log:
    """A log whose threads are the test's own steps."""

    def __init__(self, root: Path) -> None:
        self.root = root
        options = LogOptions(uri=str(root / "log"), spool=str(root / "spool"))
        self.journal = Journal(options, S3Options(), "me")
        self.appended = 0

    def append(self, number: int) -> None:
        for _ in range(number):
            line = json.dumps({"n": self.appended, "much": "x" * 50}).encode()
            self.journal.append("predictions", line, NOON + 3600 * (self.appended % 2))
            self.appended += 1

    def flush(self, *, closes: bool) -> None:
        self.journal._flush(closes=closes)

    def deliver(self) -> None:
        self.journal._delivery._looked = float("-inf")
        try:
            self.journal._delivery.deliver()
        except OSError as error:  # the thread's own net
            self.journal._delivery._trouble.begin(error)

    def away(self, is_away: bool) -> None:
        """The store takes nothing: a file is where its folder was."""
        log, aside = self.root / "log", self.root / "aside"
        if is_away:
            log.rename(aside) if log.exists() else aside.mkdir()
            log.write_text("away")
        else:
            log.unlink()
            aside.rename(log)

    @property
    def dropped(self) -> Counter[str]:
        return Counter(self.journal.counts()["dropped"]["predictions"])

    @property
    def waiting(self) -> int:
        return self.journal.backlog().records.get("predictions", 0)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Journal, "_run", lambda _: None)
    monkeypatch.setattr(Delivery, "_run", lambda _: None)


@pytest.fixture
def quick_root() -> Iterator[Path]:
    """A directory in memory, where there is one: thousands of small files are written."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


def _leave_something(root: Path) -> int:
    """What a killed process left: three lines and a half, a closed segment of two lines, a packed one of one."""
    folder = root / "spool" / "7"
    folder.mkdir(parents=True)
    hour = "2023-11-14T22"
    (folder / f"predictions~{hour}~old-1-0.part").write_bytes(b'{"n":-1}\n{"n":-2}\n{"n":-3}\n{"n":-')
    (folder / f"predictions~{hour}~old-1-1~2.jsonl").write_bytes(b'{"n":-4}\n{"n":-5}\n{"n"')
    (folder / f"predictions~{hour}~old-1-2~1.jsonl.gz").write_bytes(gzip.compress(b'{"n":-6}\n'))
    return 6


def _scenario(log: Log) -> Any:
    """All that a log does; yields what is appended, and what is surely on disk or in the store."""
    log.append(20)
    log.flush(closes=False)
    yield log.appended - log.journal.backlog().memory_bytes
    log.append(20)
    log.flush(closes=True)
    yield log.appended
    log.deliver()
    log.append(10)
    log.flush(closes=True)
    yield log.appended
    log.away(True)
    log.deliver()
    log.append(10)
    log.flush(closes=False)
    yield log.appended
    log.away(False)
    log.flush(closes=True)
    log.deliver()


def _stored(root: Path) -> list[int]:
    places = [place for place in (root / "log", root / "aside") if place.is_dir()]
    paths = [path for place in places for path in place.glob("predictions/*/*/*.jsonl.gz")]
    return [json.loads(line)["n"] for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.mark.parametrize("fault", [Fault.FULL, Fault.BROKEN, Fault.LOST])
def test_log_with_each_call_failing_once_loses_and_doubles_nothing(quick_root: Path, fault: Fault) -> None:
    for at in range(MOST):
        root = quick_root / str(at)
        left = _leave_something(root)
        step = Failing(str(root / "spool"), at, fault, reads=True)
        with failing(step):
            log = Log(root)
            for _ in _scenario(log):
                pass
        for _ in range(3):
            log.flush(closes=True)
            log.deliver()
        stored = Counter(_stored(root))
        where = f"call {at}, {step.seen[min(at, len(step.seen) - 1)]}"
        assert set(stored.values()) == {1}, where
        dropped = log.dropped
        assert dropped.pop("cut_off") == 1, where
        assert len(stored) + sum(dropped.values()) + log.waiting == log.appended + left, (where, dropped)
        assert log.waiting == 0, where
        assert not +dropped, where  # one failure alone loses nothing
        assert list((root / "spool").rglob("*~*")) == [], where
        counts = log.journal.counts()
        assert counts["handed"]["predictions"] == log.appended
        assert counts["delivered"]["predictions"] == len(stored), where
        shutil.rmtree(root)
        if not step.hit:
            assert at > 50
            return
    raise AssertionError


def _states(root: Path) -> list[int]:
    """Return the calls to kill the scenario at, and one beyond the last.

    A kill at a call that only reads leaves what one at the next call does, unless that writes half of something; so
    those are left out that another follows.
    """
    _leave_something(root)
    undisturbed = Failing(str(root / "spool"), MOST, Fault.FULL, reads=True)
    with failing(undisturbed):
        list(_scenario(Log(root)))
    only_read = [name in {"open", *READS} for name in undisturbed.seen]
    states = [at for at, pair in enumerate(pairwise([*only_read, False])) if pair != (True, True)]
    return [*states, len(only_read)]


def test_log_of_a_process_killed_at_each_call_keeps_what_was_written(quick_root: Path) -> None:
    states = _states(quick_root / "undisturbed")
    assert len(states) > 50
    for at in states:
        root = quick_root / str(at)
        _leave_something(root)
        reader, writer = os.pipe()

        def run(root: Path = root, writer: int = writer) -> None:
            for safe in _scenario(Log(root)):
                os.write(writer, f"{safe}\n".encode())

        ended_early = killed(run, Failing(str(root / "spool"), at, Fault.KILLED, reads=True))
        assert ended_early == (at < states[-1])
        os.close(writer)
        with os.fdopen(reader) as reported:
            safe = int((reported.read().split() or ["0"])[-1])
        if (root / "aside").exists():
            (root / "log").unlink(missing_ok=True)
            (root / "aside").rename(root / "log")
        log = Log(root)
        for _ in range(3):
            log.deliver()
        stored = Counter(_stored(root))
        assert set(stored.values()) == {1}, at
        assert set(range(-6, 0)) <= set(stored), at
        assert set(range(max(safe, 0))) <= set(stored), (at, safe)
        assert log.waiting == 0
        assert list((root / "spool").rglob("*~*")) == [], at
        shutil.rmtree(root)


@pytest.mark.parametrize("store", ["s3"], indirect=True)
@pytest.mark.parametrize("fault", REMOTE_FAULTS)
def test_log_on_s3_with_each_step_of_a_delivery_failing_loses_and_doubles_nothing(
    store: Store, tmp_path: Path, fault: Fault
) -> None:
    journals: dict[Path, Journal] = {}

    def run(root: Path) -> None:
        if root not in journals:
            options = LogOptions(uri=store.uri(root, "log"), spool=str(root / "spool"))
            journals[root] = Journal(options, store.options, "me")
        delivery = journals[root]._delivery
        delivery._looked = float("-inf")
        delivery.deliver()
        if list((root / "spool").rglob("*~*")):
            raise OutsideError("segments wait", where=store.uri(root))

    def check(root: Path, done: bool) -> None:
        contents = [store.get(root, name) for name in store.names(root) if name.startswith("log/")]
        found = Counter(json.loads(line)["n"] for one in contents for line in gzip.decompress(one or b"").splitlines())
        assert set(found.values()) <= {1}
        assert not done or set(found) == set(range(-6, 0))

    def traces(root: Path) -> object:
        return [name for name in store.names(root) if "~" in name or name.endswith(".tmp")]

    Operation(_leave_something, run, check, traces, place=name_of, at_least=10).with_each_step(tmp_path, fault)
