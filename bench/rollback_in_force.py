"""How soon a rollback is in force at every replica: `python bench/rollback_in_force.py [ROUNDS]`.

Four servers, each with a challenger that answers everything, poll one flag document, on disk or in an object store
(moto's server). Each is asked without a pause by a client of its own. What `modelway rollback` does first, before it
waits for any lock, is to switch the flags off; measured is from there to a server's last answer by the challenger.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from local_switch import prepare
from records import at_most, record

from modelway.deploy.executor import switch_off
from modelway.flags import update_flags, with_shares
from modelway.records.data import S3Options
from modelway.records.flags import Shares

ROUNDS, REPLICAS, PORT = 20, 4, 18950
BOUND = 2.0
_JSON = {"content-type": "application/json"}


@dataclass
class Client:
    """Asks one server, one request after the other; who answered, with the moment of the answer."""

    port: int
    body: bytes
    version: str = ""
    last: dict[str, float] = field(default_factory=dict)
    failures: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def drive(self) -> None:
        """Ask until it is ended."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.ended.is_set():
            try:
                connection.request("POST", "/predict", self.body, _JSON)
                answer = connection.getresponse()
                told = json.loads(answer.read())
                self.version = str(told["model_version"])
                self.last[self.version] = time.perf_counter()
            except (OSError, http.client.HTTPException, ValueError, KeyError):
                self.failures += 1
                connection.close()
                time.sleep(0.1)
            time.sleep(0.005)


def measure(rounds: int = ROUNDS) -> str:
    """Run it and tell what was seen, as Markdown."""
    with tempfile.TemporaryDirectory(prefix="modelway.") as work:
        root = Path(work)
        flow, releases, body = prepare(root)
        bundles = [flow.place.bundles / one.champion.digest for one in releases]
        rows = []
        for kind, flags, s3, stop in (_on_disk(root), _in_a_store()):
            try:
                place = replace(flow.place, flags=flags, options=flow.place.options.model_copy(update={"s3": s3}))
                rows.append(_row(kind, *_rounds(place, bundles, body, rounds)))
            finally:
                stop()
    lines = [
        f"{REPLICAS} replicas that poll one document, {rounds} rollbacks each, by `python bench/rollback_in_force.py`;",
        f"seconds from the rollback's beginning to the last answer by the challenger, bound {BOUND:g}.",
        "",
        "| the flag document | median | slowest replica, median of the rounds | the slowest of all | failed requests |",
        "|---|---|---|---|---|",
        *rows,
    ]
    return "\n".join(lines)


def _row(kind: str, seconds: list[list[float]], failures: int) -> str:
    every = statistics.median(one for round_ in seconds for one in round_)
    slowest = [max(round_) for round_ in seconds]
    for number, round_ in enumerate(seconds, start=1):
        for value in round_:
            what = "rollback to a replica's last answer by the challenger"
            record("rolling-back", what, value, "s", case=kind, round=number, aim=at_most(BOUND, of="each"))
    record("rolling-back", "failed requests", failures, case=kind, aim=at_most(0))
    return f"| {kind} | {every:.2f} | {statistics.median(slowest):.2f} | {max(slowest):.2f} | {failures} |"


def _rounds(place: Any, bundles: list[Path], body: bytes, rounds: int) -> tuple[list[list[float]], int]:
    """By round, how long each replica took."""
    update_flags(place.flags, lambda _: with_shares(None, Shares(new_model=1.0)), s3=place.options.s3)
    more = [f"--set=serve.s3.endpoint_url={place.options.s3.endpoint_url}", "--set=serve.s3.path_style=true"]
    argv = [sys.executable, "-m", "modelway", "serve", "--bundle", str(bundles[0]), "--challenger", str(bundles[1])]
    argv += ["--flags", place.flags, "--workers", "1", "--set=serve.log.enabled=false"]
    argv += more if place.options.s3.endpoint_url else []
    ports = [PORT + number for number in range(REPLICAS)]
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with tempfile.TemporaryDirectory(prefix="modelway.") as empty:
        servers = [subprocess.Popen([*argv, "--port", str(port)], cwd=empty, **quiet) for port in ports]
        clients = [Client(port, body) for port in ports]
        threads = [threading.Thread(target=client.drive) for client in clients]
        try:
            for thread in threads:
                thread.start()
            _until_all(clients, "2", 300.0)
            for client in clients:
                client.failures = 0  # until a server listens, it can't answer
            return [_round(place, clients) for _ in range(rounds)], sum(client.failures for client in clients)
        finally:
            for client in clients:
                client.ended.set()
            for thread in threads:
                thread.join()
            for server in servers:
                server.terminate()
            for server in servers:
                server.wait()


def _round(place: Any, clients: list[Client]) -> list[float]:
    update_flags(place.flags, lambda document: with_shares(document, Shares(new_model=1.0)), s3=place.options.s3)
    _until_all(clients, "2", 60.0)
    began = time.perf_counter()
    switch_off(place)
    _until_all(clients, "1", 60.0)
    time.sleep(1.0)  # whoever would turn back is seen
    return [max(0.0, client.last["2"] - began) for client in clients]


def _until_all(clients: list[Client], version: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while any(client.version != version for client in clients):
        if time.monotonic() > deadline:
            raise TimeoutError([client.version for client in clients])
        time.sleep(0.01)


def _on_disk(root: Path) -> tuple[str, str, S3Options, Any]:
    return "a file", str(root / "flags.json"), S3Options(), lambda: None


def _in_a_store() -> tuple[str, str, S3Options, Any]:
    from moto.server import ThreadedMotoServer

    from modelway.storage.s3 import s3_client

    os.environ |= {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    options = S3Options(endpoint_url=f"http://{host}:{port}", path_style=True)
    s3_client(options).create_bucket(Bucket="flags")
    return "an object in S3", "s3://flags/flags.json", options, server.stop


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
