"""What is counted of requests, at the bounds of the histograms and one condition at a time, held against numpy."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelway.records.serve import HUNG_UP, LATENCY_BOUNDS_MS
from modelway.serve import events as events_module
from modelway.serve.events import say
from modelway.serve.metrics import ROW_BOUNDS, Arm, Metrics
from modelway.serve.recorder import Served
from modelway.serve.release import ReleasePaths
from modelway.serve.reloading import Reload
from modelway.serve.shared import SharedCounts, add
from modelway.serve.statistics import Statistics


def _histogram(values: list[float], bounds: tuple[float, ...]) -> list[int]:
    """How many values are at most the first bound, above it and at most the second, ..., above the last."""
    edges = [-np.inf, *bounds, np.inf]
    return [sum(low < value <= high for value in values) for low, high in itertools.pairwise(edges)]


def _around(bounds: tuple[float, ...]) -> list[float]:
    return [value for bound in bounds for value in (np.nextafter(bound, 0), bound, np.nextafter(bound, np.inf))]


class TestMetrics:
    @pytest.mark.parametrize("rows", [1, 64, 65, 500])
    def test_scores_and_classes_count_alike_however_many_there_are(self, rows: int) -> None:
        bounds = (0.1, 0.25, 0.5, 1.0)
        scores = [float(value) for value in (_around(bounds) * 50)[:rows]]
        classes = [("no", "yes", "maybe")[place % 3] for place in range(rows)]
        arm = Arm(bounds)
        for _ in range(2):
            arm.outcome(classes, scores)
        counts = arm.counts()
        names = ["0.1", "0.25", "0.5", "1.0", "+Inf"]
        assert counts["scores"] == dict(zip(names, [2 * one for one in _histogram(scores, bounds)], strict=True))
        assert counts["score_sum"] == pytest.approx(2 * sum(scores))
        assert counts["classes"] == {name: 2 * number for name, number in Counter(classes).items()}

    def test_latency_and_rows_count_in_the_bucket_that_their_bound_closes(self) -> None:
        metrics, times = Metrics(), _around(tuple(map(float, LATENCY_BOUNDS_MS)))
        arm = metrics.arm("champion", "3")
        for number, value in enumerate(times):
            arm.request((200, 422)[number % 2], value)
        arm.request(HUNG_UP, None)
        assert arm.latency == _histogram(times, LATENCY_BOUNDS_MS)
        assert arm.latency_sum == sum(round(value * 1e6) for value in times)
        assert arm.statuses == {"200": -(-len(times) // 2), "422": len(times) // 2, str(HUNG_UP): 1}
        sizes = [size for bound in ROW_BOUNDS for size in (bound, bound + 1)]
        for size in sizes:
            metrics.batch(size)
        assert (metrics.batch_rows, metrics.batch_sum) == (_histogram(sizes, ROW_BOUNDS), sum(sizes))

    def test_arms_are_apart_by_variant_and_version(self) -> None:
        metrics = Metrics()
        for variant, version, times in (("champion", "3", 1), ("challenger", "3", 2), ("champion", "4", 3)):
            for _ in range(times):
                metrics.arm(variant, version).request(200, 1.0)
        found = metrics.counts({"g": 1.0}, {"l": 1}, {"m": 2.0}, 5)
        assert {(variant, version): arm["statuses"] for variant, arms in found["arms"].items()
                for version, arm in arms.items()} == {
            ("champion", "3"): {"200": 1}, ("challenger", "3"): {"200": 2}, ("champion", "4"): {"200": 3},
        }  # fmt: skip
        assert (found["gauges"], found["log"], found["maxima"]) == ({"g": 1.0}, {"l": 1}, {"m": 2.0})
        assert found["connections_closed"] == 5


COUNTED: list[tuple[int, bool, str | None, bool, dict[str, int]]] = [
    (200, True, None, False, {"requests": 1, "rows": 3, "timed": 1}),
    (399, True, None, False, {"requests": 1, "rows": 3, "timed": 1}),
    (400, True, None, False, {"requests": 1, "refused": 1, "timed": 1}),
    (422, False, None, False, {"requests": 1, "refused": 1, "timed": 1}),
    (HUNG_UP, True, "response", False, {"requests": 1, "hung_up": 1, "rows": 3, "timed": 1}),
    (HUNG_UP, True, "scoring", False, {"requests": 1, "hung_up": 1, "rows": 3, "timed": 1}),
    (HUNG_UP, False, "body", False, {"requests": 1, "hung_up": 1}),
    (500, True, None, False, {"requests": 1, "errors": 1, "timed": 1}),
    (503, False, None, False, {"requests": 1, "errors": 1, "timed": 1}),
    (200, True, None, True, {"smoke": 1}),
    (500, True, None, True, {"smoke": 1}),
]


@pytest.mark.parametrize(("status", "asked", "hung_up", "smoke", "counts"), COUNTED)
def test_request_counts_by_its_status_and_how_far_it_came(status, asked, hung_up, smoke, counts) -> None:
    served: Any = Served(
        "id", "r", 100.0, None, "champion", "3", "e", status, 7.5, SimpleNamespace(), smoke=smoke, hung_up=hung_up,
        question=SimpleNamespace(rows=3) if asked else None,
    )  # fmt: skip
    statistics = Statistics("me", 60.0, 100.0)
    statistics.tally(served)
    ((begin, line),) = statistics.lines(200.0, 4, None)
    record = json.loads(line)
    found = {name: record[name] for name in ("requests", "refused", "errors", "rows", "hung_up", "smoke")}
    found["timed"] = sum(record["latency"])
    assert {name: number for name, number in found.items() if number} == counts
    assert record["latency_sum_ms"] == 7.5 * counts.get("timed", 0)
    assert (begin, record["start"], record["seconds"]) == (60.0, "1970-01-01T00:01:00.000000Z", 60.0)
    assert (record["variant"], record["version"], record["epoch"]) == ("champion", "3", "e")
    assert (record["replica"], record["number"], record["log_dropped"], record["last"]) == ("me", 0, 4, False)
    assert list(statistics.lines(300.0, 4, None)) == []


def test_sum_of_two_trees_adds_numbers_and_takes_the_greatest_of_maxima() -> None:
    one = {"a": 1, "deep": {"x": [1, 2], "maxima": {"m": 5.0, "n": 1.0}}, "mine": {"y": 3}}
    other = {"a": 2, "deep": {"x": [10, 20], "maxima": {"m": 4.0, "o": 2.0}}, "theirs": [7]}
    assert add(one, other) == {
        "a": 3, "deep": {"x": [11, 22], "maxima": {"m": 5.0, "n": 1.0, "o": 2.0}}, "mine": {"y": 3}, "theirs": [7],
    }  # fmt: skip


def test_counts_of_ended_processes_stay_without_their_gauges() -> None:
    """What was in the memory of a killed one is lost, by stream; two rounds in each slot."""
    shared = SharedCounts(2)
    pid = 0
    for _ in range(2):
        for slot in range(2):
            pid += 1
            log = {"dropped": {"predictions": {"killed": 1}, "statistics": {"killed": 1}}}
            counts = {"n": 1, "gauges": {"g": 1.0}, "maxima": {"m": 9.0}, "log": log,
                      "log_memory": {"predictions": 2, "statistics": 3}}  # fmt: skip
            shared.write(slot, pid, counts)
            shared.beat(slot)
        assert shared.total()["gauges"] == {"g": 2.0}
        for slot in range(2):
            shared.retire(slot)
    total = shared.total()
    assert "gauges" not in total
    assert "maxima" not in total
    assert total["n"] == 4
    assert total["log"]["dropped"] == {"predictions": {"killed": 12}, "statistics": {"killed": 16}}
    assert [shared.beats(slot) for slot in range(2)] == [2, 2]


def test_events_of_one_kind_are_bounded_and_what_was_left_out_is_counted(monkeypatch, capsys) -> None:
    now = 0.0
    monkeypatch.setattr(events_module, "_buckets", {})
    monkeypatch.setattr(events_module, "time", SimpleNamespace(monotonic=lambda: now))
    for moment, lines, written, suppressed in (
        (0.0, 25, 20, None),  # a burst
        (0.4, 5, 0, None),
        (0.5, 5, 1, 10),  # two a second
        (5.5, 30, 10, 4),
        (1000.0, 30, 20, 20),  # no more than a burst is saved up
    ):
        now = moment
        for _ in range(lines):
            say("one", uri="x")
        say("other" if moment else "first")
        found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
        assert [line["event"] for line in found] == ["one"] * written + ["other" if moment else "first"]
        counts = [line["suppressed"] for line in found if "suppressed" in line]
        assert counts == ([] if suppressed is None else [suppressed])
        assert not written or found[0].get("suppressed") == suppressed


class TestReload:
    """Messages of workers in turn: `l` loaded, `t` taken, `e` an error, `x` ended; of another reload in capitals."""

    @pytest.mark.parametrize(
        ("steps", "status", "agreed"),
        [
            ("1l 2l 1t 2t", 200, True),
            ("1l 2l 1t", None, True),
            ("1l 1l 1l", None, False),  # one of them twice
            ("1l", None, False),
            ("1l 2e", 422, False),
            ("1e", 422, False),
            ("1l 2x", 422, False),
            ("1l 2l 2x 1t", 200, True),
            ("1l 2l 1t 2x", 200, True),
            ("1l 2l 1x 2x", 200, True),
            ("1l 2L 2E", None, False),
            ("1l 2l 1T 2T", None, True),
            ("9x 1l 9e 2l 1t 2t", 200, True),
        ],
    )
    def test_reload_is_served_when_all_have_loaded_it(self, monkeypatch, steps: str, status, agreed: bool) -> None:
        monkeypatch.setattr("modelway.serve.reloading.say", lambda *_, **__: None)
        told: dict[int, list[str]] = {1: [], 2: []}
        answers: list[int] = []

        def worker(pid: int) -> Any:
            return SimpleNamespace(pid=pid, channel=SimpleNamespace(send=told[pid].append))

        reload = Reload(7, ReleasePaths("c", ("d",)), [worker(1), worker(2)], lambda code, _: answers.append(code))
        assert not reload.begin()
        assert told[1] == told[2] == [{"reload": 7, "do": "load", "champion": "c", "challengers": ["d"]}]
        over = []
        for step in steps.split():
            pid, what = int(step[0]), step[1]
            number = 6 if what.isupper() else 7
            message = {"l": {"loaded": True, "version": "4"}, "t": {"taken": True}, "e": {"error": "no"}}
            if what == "x":
                over.append(reload.lost(pid))
            else:
                over.append(reload.hear(pid, {"reload": number, **message[what.lower()]}))
        assert answers == ([] if status is None else [status])
        assert over == [False] * (len(over) - 1) + [status is not None]
        assert reload.agreed is agreed
        last = told[1][-1]["do"]
        assert last == ("commit" if agreed else "discard" if status == 422 else "load")
