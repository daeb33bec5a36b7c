"""For each key of `serve`: a value that is not its default, and what a server that has it does otherwise."""

from __future__ import annotations

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
from serving_launch import until

from modelway.flags import with_shares
from modelway.records.flags import Shares

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving_launch import Server, Store

HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
HEALTH = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
SOON = 8.0
"""Seconds within which something set to half a second has happened, and what stays at its default has not."""
Probe = tuple[Any, "Callable[[Server], Any]"]


@dataclass(frozen=True)
class Group:
    """Keys that one server shows.

    Attributes:
        keys: the value of each key, and whether a server shows it; asked in this order.
        ended: the same, asked when the server has ended.
        context: further values that make it visible, and that are no proof.
        shares: the flags in force; a group with flags has a challenger.
        before: prepares the store.
        unreachable: whether the store is away.
    """

    keys: dict[str, Probe] = field(default_factory=dict)
    ended: dict[str, Probe] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    shares: Shares | None = None
    before: Callable[[Store], None] | None = None
    unreachable: bool = False


def status(connection: socket.socket) -> int:
    """The status of what the server says, or 0 where it closes without a word or says nothing soon."""
    connection.settimeout(SOON)
    try:
        head = connection.recv(65536)
    except OSError:
        return 0
    return int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else 0


def closes(connection: socket.socket) -> bool:
    """Whether the server closes it soon."""
    connection.settimeout(SOON)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def takes_an_unknown_column(server: Server) -> bool:
    return server.predict(server.row | {"unknown": 1})[0] == 200


def refuses_nan(server: Server) -> bool:
    return server.predict(server.row | {"credit_history_years": float("nan")})[0] == 422


def refuses(rows: int) -> Callable[[Server], bool]:
    return lambda server: server.predict(server.row)[0] == 200 and server.predict(*[server.row] * rows)[0] == 413


def refuses_a_long_body(server: Server) -> bool:
    return server.predict(server.row | {"note": "x" * 7000})[0] == 413


def names_one_fault(server: Server) -> bool:
    found = server.predict(server.row | {"age": "x", "income": "x", "amount": "x"})[1]
    return len(found["faults"]) == 1 and found["more_faults"] == 2


def logs_what_a_header_holds(server: Server) -> bool:
    """Keys are logged as hashes; requests with one key have one of them."""
    keys = {line["request"]: line["key"] for line in server.store.lines()}
    return keys["by-header"] is not None and keys["by-header"] == keys["by-header-again"] != keys["by-column"]


def routed(server: Server) -> bool:
    """Three requests, told apart in the log by their own ids; asked for before the server ends."""
    answers = [
        server.predict(x_request_id="by-header", x_customer="a"),
        server.predict(x_request_id="by-header-again", x_customer="a"),
        server.predict(x_request_id="by-column"),
    ]
    return all(answer[0] == 200 for answer in answers)


def logs_the_column_as_key(server: Server) -> bool:
    keys = {line["request"]: line["key"] for line in server.store.lines()}
    return keys["by-column"] is not None


def features(server: Server) -> list[dict[str, Any]]:
    return [line["features"] for line in server.store.lines() if line["features"]]


def logs_two_columns(server: Server) -> bool:
    found = features(server)
    return bool(found) and all(set(one) == {"age", "note"} for one in found)


def logs_a_hash(server: Server) -> bool:
    found = features(server)
    return bool(found) and all(server.row["note"] != one["note"] and len(one["note"]) == 16 for one in found)


def logs_the_probability(server: Server) -> bool:
    found = [line["probability"] for line in server.store.lines() if line["status"] == 200]
    return bool(found) and set(found) == {0.999}


def counts_in_longer_buckets(server: Server) -> bool:
    found = server.store.lines("statistics")
    return bool(found) and {line["seconds"] for line in found} == {7.0}


def logs_each_request(server: Server) -> bool:
    server.predict()
    return bool(until(lambda: server.events("request"), SOON))


def keeps_records_in_memory(server: Server) -> bool:
    """A record that is on local disk soon by default is not."""
    server.predict()

    def written() -> bool:
        return any(path.stat().st_size for path in server.spool.rglob("predictions~*"))

    return not until(lambda: written() or server.store.names("here/log/predictions/"), SOON)


def drops_for_lack_of_memory(server: Server) -> bool:
    for _ in range(20):
        server.predict()
    return server.metric("modelway_log_dropped_records_total", reason="memory_full") > 0


def drops_for_lack_of_disk(server: Server) -> bool:
    def lost() -> bool:
        server.predict()
        return server.metric("modelway_log_dropped_records_total", reason="spool_full") > 0

    return bool(until(lost, SOON))


def logs_nothing(server: Server) -> bool:
    server.predict()
    return server.metric("modelway_log_records_total") == 0 and not server.store.names("here/log/")


def forgets_old_hours(server: Server) -> bool:
    return bool(
        until(lambda: "here/log/predictions/date=2020-01-01/hour=00/old.jsonl.gz" not in server.store.names(), SOON)
    )


def put_an_old_hour(store: Store) -> None:
    store.put("here/log/predictions/date=2020-01-01/hour=00/old.jsonl.gz", b"old")


def has_three_workers(server: Server) -> bool:
    return bool(until(lambda: server.metric("modelway_workers") == 3, SOON))


def refuses_a_second_request(server: Server) -> bool:
    many = [server.row] * 20_000
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: server.predict(*many)[0], range(4)))
    assert 200 in answers
    return 429 in answers


def gives_up_an_upload(server: Server) -> bool:
    with ExitStack() as stack:
        begun = [
            stack.enter_context(server.connect(HEAD + b"content-length: 9900000\r\n\r\n" + bytes(9_000_000)))
            for _ in range(3)
        ]
        return any(status(one) in {408, 429} for one in begun)


def closes_the_silent(server: Server) -> bool:
    with ExitStack() as stack:
        first, *_ = [stack.enter_context(server.connect()) for _ in range(6)]
        return closes(first)


def turns_away_one_client(server: Server) -> bool:
    with ExitStack() as stack:
        return status([stack.enter_context(server.connect()) for _ in range(5)][-1]) == 429


def takes_all_of_a_proxy(server: Server) -> bool:
    with ExitStack() as stack:
        last = [stack.enter_context(server.connect()) for _ in range(3)][-1]
        last.sendall(HEALTH)
        return status(last) == 200


def ends_a_head(server: Server) -> bool:
    with server.connect(b"GET /health HTTP/1.1\r\n") as connection:
        return status(connection) == 408


def ends_a_body(server: Server) -> bool:
    with server.connect(HEAD + b"content-length: 100\r\n\r\n{") as connection:
        return status(connection) == 408


def ends_an_idle_connection(server: Server) -> bool:
    with server.connect(HEALTH) as connection:
        return status(connection) == 200 and closes(connection)


def goes_on_after_the_signal(server: Server) -> bool:
    """It says that it is not ready for as long as it was told to, and then for as long as this looks."""
    server.process.send_signal(signal.SIGTERM)
    gone = until(lambda: _asked(server) is None, 3 * SOON)
    return not gone and _asked(server) == 503


def _asked(server: Server) -> int | None:
    with suppress(OSError):
        return server.ask("GET", "/v2/health/ready")[0]
    return None


def ends_what_is_under_way(server: Server) -> bool:
    with server.connect(HEAD + b"content-length: 100\r\n\r\n{") as connection:
        assert server.ask("GET", "/health")[0] == 200
        server.process.send_signal(signal.SIGTERM)
        return status(connection) == 503


def leaves_a_hanging_worker(server: Server) -> bool:
    """One that does nothing is replaced after six seconds by default."""
    worker = server.first_worker()
    worker.suspend()
    try:
        return not until(lambda: server.events("worker_hangs"), 2.5 * SOON)
    finally:
        with suppress(psutil.NoSuchProcess):
            worker.resume()


def drops_what_its_queue_has_no_room_for(server: Server) -> bool:
    for _ in range(20):
        server.predict()
    return server.metric("modelway_shadow_dropped_total") > 0


def shows_the_challenger_little(server: Server) -> bool:
    """Each time it looks at a request it rests for a second; by default it keeps up with requests one by one."""
    until(lambda: server.predict() and until(lambda: server.metric("modelway_shadow_requests_total"), 2))
    until(lambda: not server.metric("modelway_shadow_queue"))
    started, seen = time.monotonic(), server.metric("modelway_shadow_requests_total")
    for number in range(1, 11):
        server.predict()
        until(lambda n=number: server.metric("modelway_shadow_requests_total") >= seen + n)
    return time.monotonic() - started > SOON


def asks_for_flags_once(server: Server) -> bool:
    """By default it asks twice a second."""

    def count() -> int:
        return len([path for _, path, _, _ in server.store.asked if path.endswith("/flags.json")])

    first = count()
    return first > 0 and not until(lambda: count() > first + 2, SOON)


def asks_with(test: Callable[[str, str, str], bool]) -> Callable[[Server], bool]:
    """Whether its requests for its flags are of this kind: path, host, signature."""

    def probe(server: Server) -> bool:
        asked = [rest for _, *rest in server.store.asked if rest[0].endswith("flags.json")]
        return any(test(*one) for one in asked)

    return probe


QUICK = {"workers.notice_seconds": 0, "workers.count": 1}
ON = Shares(shadow=1.0)
GROUPS: dict[str, Group] = {
    "requests": Group(
        keys={
            "input.extra": ("ignore", takes_an_unknown_column),
            "input.nan": ("refuse", refuses_nan),
            "input.max_bytes": (6000, refuses_a_long_body),
            "input.max_rows": (2, refuses(3)),
            "input.max_faults": (1, names_one_fault),
            "access_log": ("all", logs_each_request),
            "routing.poll_seconds": (3600.0, asks_for_flags_once),
        },
        context=QUICK,
    ),
    "log": Group(
        keys={"log.flush_seconds": (3600.0, keeps_records_in_memory)},
        ended={
            "log.columns": (["age", "note"], logs_two_columns),
            "log.hashed": (["note"], logs_a_hash),
            "log.sample": (0.999, logs_the_probability),
            "log.segment_seconds": (7.0, counts_in_longer_buckets),
            "routing.header": ("x-customer", logs_what_a_header_holds),
            "routing.column": ("purpose", logs_the_column_as_key),
        },
        context=QUICK,
    ),
    "memory of the log": Group(
        keys={"log.queue_bytes": (1500, drops_for_lack_of_memory)}, context=QUICK | {"log.flush_seconds": 3600.0}
    ),
    "disk of the log": Group(
        keys={"log.spool_bytes": (3000, drops_for_lack_of_disk)},
        context=QUICK | {"log.flush_seconds": 0.05, "log.segment_seconds": 0.1},
        unreachable=True,
    ),
    "no log": Group(
        keys={"log.enabled": (False, logs_nothing), "workers.notice_seconds": (600.0, goes_on_after_the_signal)},
        context={"workers.count": 1, "log.flush_seconds": 0.05},
    ),
    "old log": Group(
        keys={"log.keep_days": (1.0, forgets_old_hours), "workers.drain_seconds": (1.0, ends_what_is_under_way)},
        context=QUICK | {"log.flush_seconds": 0.05, "log.segment_seconds": 0.1},
        before=put_an_old_hour,
    ),
    "patience": Group(
        keys={
            "input.max_values": (60, refuses(6)),
            "workers.head_seconds": (0.5, ends_a_head),
            "workers.body_seconds": (0.5, ends_a_body),
            "workers.keep_alive_seconds": (0.5, ends_an_idle_connection),
        },
        context=QUICK,
    ),
    "silence": Group(keys={"workers.connections": (2, closes_the_silent)}, context=QUICK),
    "uploads": Group(
        keys={
            "workers.upload_bytes": (21_000_000, gives_up_an_upload),
            "workers.queue": (1, refuses_a_second_request),
        },
        context=QUICK,
    ),
    "clients": Group(keys={"workers.client_connections": (4, turns_away_one_client)}, context=QUICK),
    "workers": Group(
        keys={
            "workers.proxies": (["127.0.0.0/8"], takes_all_of_a_proxy),
            "workers.count": (3, has_three_workers),
            "workers.hang_seconds": (600.0, leaves_a_hanging_worker),
        },
        context={"workers.notice_seconds": 0, "workers.client_connections": 2},
    ),
    "shadow's queue": Group(
        keys={"shadow.queue": (1, drops_what_its_queue_has_no_room_for)},
        context=QUICK | {"shadow.cpu": 0.00001},
        shares=ON,
    ),
    "shadow's processor": Group(keys={"shadow.cpu": (0.00001, shows_the_challenger_little)}, context=QUICK, shares=ON),
    "store": Group(
        keys={
            "s3.endpoint_url": (None, asks_with(lambda path, host, signature: bool(path))),
            "s3.region": (None, asks_with(lambda path, host, signature: "/eu-north-1/s3/" in signature)),
            "s3.path_style": (None, asks_with(lambda path, host, signature: path.startswith("/models/"))),
        },
        context=QUICK,
    ),
}
"""Values of None come from the environment's own `s3`, as `serving_launch.Store.s3` has it."""
FAILING = ("require_signature", "public_key")
"""Keys that decide whether a server starts at all; a test of its own shows them."""


def flag_document(shares: Shares | None) -> bytes:
    return json.dumps(with_shares(None, shares or Shares())).encode()
