"""Load on real servers while everything that they stand on fails in turn; every record of the prediction log counted.

`python bench/serve_reliability.py [MINUTES] [TROUBLE ...]` runs it alone and exits with 4 where an aim is missed. A
trouble is named by a part of its name ("killed", "clock"); all of them run by default. `troubles.py` says what is done,
`serve_books.py` how the books are compared.

What was answered (a client saw 200, counted by prediction id and row) has to be in the log once. A record may be
missing in two cases: its process was killed within the second after (`serve.log.flush_seconds`), or the counter
`modelway_log_dropped_records_total` has it. Honest clients ask at a fixed rate right through, and each trouble answers
for what was asked while it lasted. More servers then run on the same spool: one is told to end under load, another is
killed with all its workers and started again.
"""

from __future__ import annotations

import json
import secrets
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from accounts import DROPPED, Log, Scraper, Verdict, read_log
from honest import Asked, Body, Honest, bodies_of, post, probabilities
from records import record
from serve_books import Books, Span, report
from servers import OURS, SERVERS, Running, Server, free_port, modelway, running
from stands import Clock, Disk, Store
from troubles import TROUBLES, Ground, Trouble

from serve import make_bundle

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTES, RATE = 10.0, 80.0
FLUSH, SEGMENT = 1.0, 2.0
NAME = "serving-trouble"
_LEAST_SECONDS, _ROUND_MINUTES = 8.0, 3.5
_SPOOL_BYTES, _DISK_MIB = 3_000_000, 24


def measure(minutes: float = MINUTES, names: tuple[str, ...] = ()) -> str:
    """Run it and give its lines of the results."""
    return judged(minutes, names)[0]


def judged(minutes: float, names: tuple[str, ...]) -> tuple[str, list[str]]:
    """The lines of the results, and which aims were missed."""
    chosen = [one for one in TROUBLES if not names or any(name in one.name for name in names)]
    verdict = Verdict(lambda *values, **more: record(NAME, *values, **more))
    with tempfile.TemporaryDirectory() as name, _standing(Path(name)) as stands:
        run = _Run(Path(name), *stands)
        run.troubles(chosen, minutes)
        run.told_to_end()
        run.killed_whole()
        return report(run.books(), verdict, minutes), verdict.missed


@contextmanager
def _standing(work: Path) -> Iterator[tuple[Store, Disk, Clock]]:
    store, disk, clock = Store(free_port(), work), Disk(work / "spool", _DISK_MIB), Clock(work)
    try:
        yield store, disk, clock
    finally:
        disk.end()
        store.end()


class _Run:
    """Servers one after the other on the same store, spool and clock, and what was seen of them."""

    def __init__(self, work: Path, store: Store, disk: Disk, clock: Clock) -> None:
        self._work, self._store, self._disk, self._clock = work, store, disk, clock
        first = [json.loads(body) for body in make_bundle(work)]
        self._records = [body["dataframe_records"][0] for body in first]
        self._columns = json.loads((work / "bundle" / "signature.json").read_text())["columns"]
        self._bodies: list[Body] = []
        self._asked: list[Asked] = []
        self._spans: list[Span] = []
        self._killed: list[float] = []
        self._skipped: list[str] = []
        self._said: list[str] = []
        self._memory: list[float] = []
        self._early: Log | None = None
        self._early_at = 0.0
        self._ground: Ground | None = None
        self._scraper: Scraper | None = None

    def troubles(self, chosen: list[Trouble], minutes: float) -> None:
        """The first server: troubles in rounds, then a calm moment in which the log has to be complete."""
        missing = {"disk": not self._disk.mounted, "clock": bool(self._clock.why_not)}
        able = [one for one in chosen if not missing.get(one.needs, False)]
        why = {"disk": "mounting a tmpfs is not allowed here", "clock": self._clock.why_not}
        self._skipped = [f"{one.name}: {why[one.needs]}" for one in chosen if one not in able]
        rounds = max(1, round(minutes / _ROUND_MINUTES))
        seconds = max(_LEAST_SECONDS, minutes * 60 / rounds / max(1, len(able)))
        token, admin = secrets.token_hex(8), free_port()
        with self._server(token, admin) as server:
            self._learn(server.port)
            self._ground = ground = Ground(
                server, admin, token, (self._work / "bundle", self._work / "challenger"), self._records, self._columns,
                self._store, self._disk, self._clock, SEGMENT, self._asked, self._killed,
            )  # fmt: skip
            self._scraper = scraper = Scraper(server.port, (DROPPED, "modelway_log_away", "modelway_log_spool_bytes"))
            scraper.start()
            honest = Honest(server.port, self._work, self._bodies, RATE, name="a")
            try:
                time.sleep(2)
                for number in range(rounds):
                    for one in able:
                        begin = time.monotonic()
                        one.does(ground, seconds)
                        self._spans.append(Span(one.name, number + 1, begin, time.monotonic()))
                        print(f"round {number + 1}, {one.name}: done", file=sys.stderr)
                    self._memory.append(server.memory_mib())
                self._asked.extend(honest.end())
                time.sleep(FLUSH + SEGMENT + 5)
                scraper.end()
                self._early, self._early_at = read_log(self._store.files()), time.monotonic()
            finally:
                honest.kill()
        self._say()

    def told_to_end(self) -> None:
        """A server that gets SIGTERM under load."""
        with self._server("", None) as server:
            honest = Honest(server.port, self._work, self._bodies, RATE, timeout=5, name="b")
            time.sleep(4)
            begin = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(timeout=60)
            self._asked.extend(honest.end())
            self._spans.append(Span("told to end under load", 1, begin - 2, time.monotonic(), ends=True))
        self._say()

    def killed_whole(self) -> None:
        """A server that is killed with all its workers while the store is away, and one that finds its spool."""
        with self._server("", None) as server:
            honest = Honest(server.port, self._work, self._bodies, RATE, timeout=5, name="c")
            time.sleep(2)
            self._store.refuse()
            begin = time.monotonic()
            time.sleep(4)
            for one in [server.process, *server.process.children(recursive=True)]:
                one.kill()
            killed = time.monotonic()
            self._killed.append(killed)
            psutil.wait_procs([server.process], timeout=30)
            self._asked.extend(honest.end())
            self._spans.append(Span("killed whole and started again", 1, begin, time.monotonic(), ends=True))
            self._store.come_back()
        with self._server("", None) as server:
            time.sleep(FLUSH + SEGMENT + 3)
        self._say()

    def books(self) -> Books:
        """Everything that was seen, the log included."""
        assert self._scraper is not None
        assert self._early is not None
        assert self._ground is not None
        return Books(
            self._asked, read_log(self._store.files()), self._early, self._spans, self._killed, self._scraper,
            self._ground.counts, self._ground.settled, self._ground.jumps, self._memory, self._skipped, self._said,
            FLUSH, SEGMENT, self._early_at,
        )  # fmt: skip

    @contextmanager
    def _server(self, token: str, admin: int | None) -> Iterator[Running]:
        settings = {
            "flush_seconds": FLUSH, "segment_seconds": SEGMENT, "spool": self._disk.path, "spool_bytes": _SPOOL_BYTES,
        }  # fmt: skip
        options = [part for key, value in settings.items() for part in ("--set", f"serve.log.{key}={value}")]
        more = ["--workers", "2", *self._store.options(), *options]
        more += ["--admin-port", str(admin)] if admin else []
        variables = {**self._store.variables, **self._clock.variables, "MODELWAY_ADMIN_TOKEN": token}
        first = json.dumps({"dataframe_records": self._records[:1]}).encode()
        with running(Server(SERVERS[OURS].python, modelway(*more), variables), self._work, first) as server:
            yield server

    def _learn(self, port: int) -> None:
        """What each row is answered while nothing is wrong."""
        expected = []
        for number, row in enumerate(self._records):
            content = json.dumps({"dataframe_records": [row]}).encode()
            headers = {"content-type": "application/json", "x-request-id": f"learn-{number}"}
            begin = time.monotonic()
            status, prediction, answer = post(port, "/predict", content, headers)
            found = probabilities(json.loads(answer))
            self._asked.append(Asked(f"learn-{number}", begin, time.monotonic(), status, prediction, 1, found=found))
            expected += found
        self._bodies = bodies_of(self._records, expected)

    def _say(self) -> None:
        self._said.append((self._work / "server.log").read_text(errors="replace"))


def main(arguments: list[str]) -> int:
    """Measure, print, judge."""
    text, missed = judged(float(arguments[0]) if arguments else MINUTES, tuple(arguments[1:]))
    print(text)
    return 4 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
