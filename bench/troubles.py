"""The troubles of `serve_reliability.py`: what is done to a server, each for some seconds, each undone at its end."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from extremes import as_request, extreme_rows
from honest import Asked, post, probabilities

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from servers import Running
    from stands import Clock, Disk, Store

HOUR = 3600
_HANG_UP_ROWS = 600


@dataclass
class Ground:
    """A server and what it stands on.

    Attributes:
        run: the server.
        admin: the port of its admin routes, and `token` for them.
        bundles: two that answer alike.
        records: rows that it takes.
        columns: of the bundle's signature.
        asked: what troubles themselves asked, beside the honest clients.
        killed: when workers were killed, by the monotonic clock.
        counts: what was done how often.
        settled: how long, in seconds, a store took after a jump of the clock to get a record.
        jumps: when the clock was set to how many seconds from the true time.
    """

    run: Running
    admin: int
    token: str
    bundles: tuple[Path, Path]
    records: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    store: Store
    disk: Disk
    clock: Clock
    segment_seconds: float
    asked: list[Asked] = field(default_factory=list)
    killed: list[float] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    settled: list[tuple[str, float | None]] = field(default_factory=list)
    jumps: list[tuple[float, int]] = field(default_factory=list)
    source: random.Random = field(default_factory=lambda: random.Random(18))
    number: int = 0

    def request_id(self, kind: str) -> str:
        """An id that no other request has."""
        self.number += 1
        return f"{kind}-{self.number}"

    def administer(self, method: str, path: str, body: dict[str, str] | None = None) -> tuple[int, Any]:
        """Ask an admin route."""
        content = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=120) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, None

    def kill_workers(self, most: int) -> None:
        """SIGKILL some workers at once."""
        _, status = self.administer("GET", "/status")
        for worker in status["workers"][:most]:
            with suppress(ProcessLookupError):
                os.kill(worker["pid"], signal.SIGKILL)
                self.killed.append(time.monotonic())
                self.counts["killed workers"] += 1

    def send(self, kind: str, path: str, content_type: str, body: str, rows: int) -> Asked:
        """A request by itself; `wrong` holds the body where its answer was a 5xx."""
        request, due = self.request_id(kind), time.monotonic()
        content = body.encode(errors="surrogatepass")
        status, prediction, wrong, found = 0, "", "", list[float]()
        try:
            headers = {"content-type": content_type, "x-request-id": request}
            status, prediction, answer = post(self.run.port, path, content, headers)
            wrong = f"{status} {answer[:100]!r} for {body[:300]}" if status >= 500 else ""
            found = probabilities(json.loads(answer)) if status == 200 else []
        except OSError as error:
            wrong = type(error).__name__
        one = Asked(request, due, time.monotonic(), status, prediction, rows, wrong, True, kind, found)
        self.asked.append(one)
        return one


@dataclass(frozen=True)
class Trouble:
    """One of them.

    Attributes:
        name: in the report.
        does: what is done, from the ground and for how many seconds.
        needs: `disk` or `clock`, where it can't be without.
    """

    name: str
    does: Callable[[Ground, float], None]
    needs: str = ""


def _calm(_: Ground, seconds: float) -> None:
    time.sleep(seconds)


def _kill_one_by_one(ground: Ground, seconds: float) -> None:
    for _ in range(max(2, int(seconds / 2))):
        ground.kill_workers(1)
        time.sleep(2)


def _kill_all(ground: Ground, seconds: float) -> None:
    for _ in range(max(1, int(seconds / 5))):
        ground.kill_workers(99)
        time.sleep(5)


def _reload(ground: Ground, seconds: float) -> None:
    deadline, number = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        number += 1
        if number % 4 == 3:
            status, _ = ground.administer("POST", "/reload", {"champion": str(ground.bundles[0] / "not there")})
            ground.counts["reloads of a bundle that is not there, and taken"] += status < 400
        elif number % 4 == 2:
            ground.run.process.send_signal(signal.SIGHUP)
        else:
            _reload_once(ground)
        time.sleep(1)


def _reload_once(ground: Ground) -> None:
    bundle = ground.bundles[(ground.counts["reloads"] + 1) % 2]
    status, _ = ground.administer("POST", "/reload", {"champion": str(bundle)})
    ground.counts["reloads" if status < 400 else "reloads that failed"] += 1


def _hang_up(where: str) -> Callable[[Ground, float], None]:
    """Clients that send a request and hang up: before its body, in the body, while rows are scored, in the answer."""

    def does(ground: Ground, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            rows = 1 + ground.source.randrange(_HANG_UP_ROWS)
            request = ground.request_id(f"hang-{where.split(maxsplit=1)[0]}")
            records = [ground.records[number % len(ground.records)] for number in range(rows)]
            body = json.dumps({"dataframe_records": records}).encode()
            due = time.monotonic()
            status, prediction = _hung_up(ground, where, request, body)
            ground.asked.append(Asked(request, due, time.monotonic(), status, prediction, rows, "", True, "hang-up"))
            ground.counts[f"hang-ups {where}"] += 1
            time.sleep(0.05)

    return does


def _hung_up(ground: Ground, where: str, request: str, body: bytes) -> tuple[int, str]:
    """What was seen of the answer's head before the client went: status and prediction id, or 0."""
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nx-request-id: {request}\r\n"
    with suppress(OSError), socket.create_connection(("127.0.0.1", ground.run.port), timeout=20) as client:
        if ground.source.random() < 0.5:
            # With a reset instead of an end.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode())
        if where == "before the body":
            return 0, ""
        if where == "mid-body":
            client.sendall(body[: ground.source.randrange(len(body))])
            return 0, ""
        client.sendall(body)
        if where == "while rows are scored":
            time.sleep(ground.source.choice((0, 0.0005, 0.002, 0.01)))
            return 0, ""
        seen = b""
        while b"\r\n\r\n" not in seen:
            part = client.recv(1024)
            if not part:
                return 0, ""
            seen += part
        fields = dict(line.lower().split(": ", 1) for line in seen.decode("latin-1").split("\r\n") if ": " in line)
        return int(seen.split()[1]), fields.get("x-prediction-id", "")
    return 0, ""


def _extreme(ground: Ground, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    rows = extreme_rows(ground.columns, ground.records[0], ground.source)
    while time.monotonic() < deadline:
        path, content_type, body = as_request(next(rows), ground.number)
        one = ground.send("extreme", path, content_type, body, 1)
        ground.counts[f"extreme values answered {one.status}"] += 1
        time.sleep(0.005)


def _store_refuses(ground: Ground, seconds: float) -> None:
    ground.store.refuse()
    time.sleep(seconds * 2 / 3)
    ground.store.come_back()
    time.sleep(seconds / 3)


def _store_hangs(ground: Ground, seconds: float) -> None:
    ground.store.hang()
    time.sleep(seconds * 2 / 3)
    ground.store.go_on()
    time.sleep(seconds / 3)


def _over_the_spool(ground: Ground, seconds: float) -> None:
    """Send more than the spool may hold, while the store is away: the oldest are dropped, and have to be counted."""
    ground.store.refuse()
    deadline = time.monotonic() + seconds * 2 / 3
    while time.monotonic() < deadline:
        rows = [{**ground.records[number], "note": secrets.token_hex(10_000)} for number in range(20)]
        ground.send("bulk", "/predict", "application/json", json.dumps({"dataframe_records": rows}), len(rows))
        ground.counts["requests of 400 kB while the store is away"] += 1
        time.sleep(0.05)
    ground.store.come_back()
    time.sleep(seconds / 3)


def _disk_full(ground: Ground, seconds: float) -> None:
    for _ in range(2):
        ground.disk.fill()
        time.sleep(seconds / 3)
        ground.disk.free()
        time.sleep(seconds / 6)
        ground.counts["times that the spool's disk was full"] += 1


def _disk_full_and_store_away(ground: Ground, seconds: float) -> None:
    ground.store.refuse()
    _disk_full(ground, seconds * 2 / 3)
    ground.store.come_back()
    time.sleep(seconds / 3)


def _store_away_and_kills(ground: Ground, seconds: float) -> None:
    ground.store.refuse()
    for number in range(max(2, int(seconds / 4))):
        ground.kill_workers(1 + number % 2)
        time.sleep(2)
    ground.store.come_back()
    time.sleep(seconds / 3)


def _disk_full_and_kills(ground: Ground, seconds: float) -> None:
    ground.disk.fill()
    for _ in range(2):
        time.sleep(seconds / 4)
        ground.kill_workers(1)
    ground.disk.free()
    time.sleep(seconds / 2)


def _reload_and_kills(ground: Ground, seconds: float) -> None:
    for _ in range(max(1, int(seconds / 4))):
        ground.run.process.send_signal(signal.SIGHUP)
        time.sleep(ground.source.random() / 2)
        ground.kill_workers(1)
        time.sleep(1)
        _reload_once(ground)
        time.sleep(2)


def _clock(*offsets: int) -> Callable[[Ground, float], None]:
    """The clock jumps to each of some offsets in turn, and home; after each the log has to go on."""

    def does(ground: Ground, seconds: float) -> None:
        for offset in (*offsets, 0):
            ground.clock.jump(offset)
            now = time.monotonic()
            ground.jumps.append((now, offset))
            ground.counts["jumps of the clock"] += 1
            _wait_for_the_log(ground, f"{offset / HOUR:+g} h", now)
            time.sleep(max(0.0, now + seconds / (len(offsets) + 1) - time.monotonic()))

    return does


def _wait_for_the_log(ground: Ground, name: str, begin: float) -> None:
    """How long it takes until the store gets what was answered after a jump: by then segments have to roll again."""
    patience = 3 * ground.segment_seconds + 10
    known: set[str] = set(ground.store.names("served/predictions/"))
    while time.monotonic() < begin + patience:
        new = set(ground.store.names("served/predictions/")) - known
        # The segments that were open at the jump come first; each of the workers' next ones has to come as well.
        if len(new) >= 4:
            ground.settled.append((name, time.monotonic() - begin))
            return
        time.sleep(0.25)
    ground.settled.append((name, None))


TROUBLES = (
    Trouble("calm", _calm),
    Trouble("workers killed one by one", _kill_one_by_one),
    Trouble("all workers killed at once", _kill_all),
    Trouble("reloads", _reload),
    Trouble("clients hang up before the body", _hang_up("before the body")),
    Trouble("clients hang up mid-body", _hang_up("mid-body")),
    Trouble("clients hang up while rows are scored", _hang_up("while rows are scored")),
    Trouble("clients hang up mid-response", _hang_up("mid-response")),
    Trouble("extreme values", _extreme),
    Trouble("the store refuses connections", _store_refuses),
    Trouble("the store hangs", _store_hangs),
    Trouble("more than the spool may hold", _over_the_spool),
    Trouble("the spool's disk is full twice", _disk_full, needs="disk"),
    Trouble("the disk is full and the store away", _disk_full_and_store_away, needs="disk"),
    Trouble("the clock jumps forward", _clock(3 * HOUR), needs="clock"),
    Trouble("the clock jumps backward", _clock(-5 * HOUR), needs="clock"),
    Trouble("workers killed while the store is away", _store_away_and_kills),
    Trouble("workers killed while the disk is full", _disk_full_and_kills, needs="disk"),
    Trouble("workers killed during reloads", _reload_and_kills),
)
