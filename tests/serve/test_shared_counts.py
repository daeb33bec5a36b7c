"""Counters of all workers as one: they never go backwards, and what dies with a worker is counted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

from modelway.serve.metrics import Arm
from modelway.serve.shared import SharedCounts


def _counts(requests: int, in_memory: int = 0) -> dict[str, Any]:
    dropped = {stream: {"killed": 0, "memory_full": 0} for stream in ("predictions", "statistics")}
    return {
        "requests": requests,
        "log": {"dropped": dropped},
        "log_memory": {"predictions": in_memory, "statistics": 1},
        "gauges": {"workers": 1},
        "maxima": {"oldest": float(requests)},
    }


def test_total_of_two_workers_in_turn_never_decreases() -> None:
    shared, counted, seen = SharedCounts(2), [0, 0], []
    for turn in range(40):
        worker = turn % 2
        counted[worker] += 3 - worker
        shared.write(worker, 100 + worker, _counts(counted[worker]))
        total = shared.total()
        seen.append(total["requests"])
        assert (total["gauges"], total["maxima"]) == ({"workers": min(turn + 1, 2)}, {"oldest": max(counted)})

    assert all(before < after for before, after in pairwise(seen))
    assert seen[-1] == sum(counted)


def test_latency_sum_over_workers_and_their_ends_is_exact() -> None:
    shared, random = SharedCounts(3), Random(7)
    sums = []
    for number in range(60):
        arm = Arm(())
        for _ in range(20):
            arm.request(200, random.random() * 100)
        shared.write(number % 3, number, {**_counts(0), "latency_sum": arm.counts()["latency_sum"]})
        sums.append(arm.counts()["latency_sum"])
        before = shared.total()["latency_sum"]
        shared.retire(number % 3)
        assert shared.total()["latency_sum"] == before == sum(sums)


def test_retire_twice_in_one_slot_keeps_each_process_once() -> None:
    shared = SharedCounts(1)
    for number in range(3):
        shared.write(0, 100 + number, _counts(10, in_memory=number))
        before = shared.total()["requests"]
        shared.retire(0)
        total = shared.total()
        assert total["requests"] == before == 10 * (number + 1)
        assert total["log"]["dropped"]["predictions"] == {"killed": sum(range(number + 1)), "memory_full": 0}
        assert total["log"]["dropped"]["statistics"]["killed"] == number + 1
        assert not {"gauges", "maxima", "log_memory"} & total.keys()


def test_records_in_the_memory_of_a_killed_worker_are_counted(start: Any, until: Callable[..., Any]) -> None:
    server = start("--admin-port", "0", workers__count=1, log__flush_seconds=3600, log__segment_seconds=3600)
    for _ in range(2):
        before = server.metric("modelway_log_dropped_records_total", stream="predictions", reason="killed")
        for _ in range(5):
            server.predict()
        until(lambda: server.metric("modelway_log_undelivered_records", stream="predictions") == 5)
        [worker] = [one["pid"] for one in server.admin("GET", "/status").json["workers"] if one["ready"]]
        os.kill(worker, signal.SIGKILL)
        until(
            lambda before=before: (
                server.metric("modelway_log_dropped_records_total", stream="predictions", reason="killed") == before + 5
            )
        )
    assert server.metric("modelway_log_records_total", stream="predictions") == 10
    assert server.lines() == []
