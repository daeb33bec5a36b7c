"""The short form of the reliability run; `bench/serve_reliability.py` has the long one."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time

import psutil
import pytest

from .malformed import damaged

pytestmark = pytest.mark.slow

SLACK = 2.0
"""Seconds by which a busy machine may be late with a flush, every 0.1 s here."""


class Caller(threading.Thread):
    """Asks with a different age each time, on one connection, and keeps the id of every answer and each wrong one."""

    def __init__(self, port: int, row: dict, ending: threading.Event) -> None:
        super().__init__()
        self._port, self._row, self._ending = port, row, ending
        self.ids: dict[str, int] = {}
        self.moments: dict[str, float] = {}
        self.wrong: list[object] = []
        self.lost = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._ending.is_set():
            age = random.randrange(101)
            body = json.dumps({"dataframe_records": [{**self._row, "age": age}]})
            try:
                connection.request("POST", "/predict", body, {"content-type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException):
                self.lost += 1
                connection.close()
                continue
            if response.status != 200 or answer["predictions"] != ["yes" if age >= 50 else "no"]:
                self.wrong.append((response.status, answer))
            id_ = response.headers["x-prediction-id"]
            self.ids[id_], self.moments[id_] = age, time.monotonic()


def _workers(server) -> list[int]:
    return [worker["pid"] for worker in server.admin("GET", "/status").json["workers"] if worker["ready"]]


def test_no_wrong_answer_and_every_record_accounted_for(start, bundle, row, tmp_path, until) -> None:
    server = start(
        "--admin-port", "0", workers__count=2, log__flush_seconds=0.1, log__segment_seconds=0.5, log__spool_bytes=10**9
    )
    ending = threading.Event()
    callers = [Caller(server.port, row, ending) for _ in range(4)]
    for caller in callers:
        caller.start()
    kills: list[float] = []
    log, away = tmp_path / "log", tmp_path / "log.away"
    for version in (4, 5):
        time.sleep(1)
        assert server.admin("POST", "/reload", {"champion": str(bundle(version))}).status == 200
        time.sleep(1)
        victim = _workers(server)[0]
        os.kill(victim, signal.SIGKILL)
        kills.append(time.monotonic())
        until(lambda: victim not in _workers(server) and len(_workers(server)) == 2)  # noqa: B023
        until(log.is_dir)
        log.rename(away)
        log.write_text("away")
        until(lambda: server.metric("modelway_log_away") > 0)
        log.unlink()
        away.rename(log)
        until(lambda: server.metric("modelway_log_away") == 0)
    ending.set()
    for caller in callers:
        caller.join()
    assert server.stop() == 0
    answered = {id_: age for caller in callers for id_, age in caller.ids.items()}
    logged = {line["id"]: line["features"]["age"] for line in server.lines()}
    assert [caller.wrong for caller in callers] == [[], [], [], []]
    assert sum(caller.lost for caller in callers) <= 2 * len(callers)  # requests of the killed workers
    assert len(server.lines()) == len(logged)  # no record twice
    killed = {event["child"] for event in server.events("worker_ended")}
    assert len(killed) == 2
    # What the killed workers had not flushed is missing; of everything else each record is there once, as answered.
    moments = {id_: moment for caller in callers for id_, moment in caller.moments.items()}
    missing = answered.keys() - logged.keys()
    assert len({id_.partition("-")[0] for id_ in missing}) <= 2  # the processes that had answered
    assert all(any(-0.1 <= kill - moments[id_] <= 0.1 + SLACK for kill in kills) for id_ in missing)
    assert all(logged[id_] == age for id_, age in answered.items() if id_ in logged)
    assert len(logged.keys() - answered.keys()) <= 2 * len(callers)


def test_malformed_bodies_give_no_server_error_and_cost_no_memory(start, trained) -> None:
    server = start("--admin-port", "0", champion=trained.bundle, real=True, log__enabled=False)
    source = random.Random(7)
    example = json.loads((trained.bundle / "serving_input_example.json").read_bytes())["dataframe_split"]
    row = dict(zip(example["columns"], example["data"][0], strict=True))
    whole = json.dumps({"dataframe_records": [row, row]}).encode()
    values = [json.dumps(value).encode() for value in row.values()]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    process = psutil.Process(_workers(server)[0])
    statuses: dict[int, int] = {}
    memory = []
    for number in range(10_000):
        path = source.choice(["/predict", "/invocations", "/v2/models/loans/infer"])
        kind = source.choice(["application/json", "application/json", "text/csv"])
        connection.request("POST", path, damaged(whole, values, source), {"content-type": kind})
        response = connection.getresponse()
        response.read()
        statuses[response.status] = statuses.get(response.status, 0) + 1
        if number in {2000, 9999}:
            memory.append(process.memory_info().rss)
    assert max(statuses) < 500, (server.root / "stderr").read_text()[-3000:]
    assert statuses.keys() <= {200, 400, 413, 415, 422}
    assert memory[1] - memory[0] < 10 * 2**20
