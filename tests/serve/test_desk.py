"""What follows on a response: counts, the challenger's look at it, its record, its line; one condition at a time."""

from __future__ import annotations

from hashlib import sha256
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelway.records.serve import HUNG_UP, SMOKE_HEADER, LogOptions, ServeOptions
from modelway.serve import desk as desk_module
from modelway.serve.answers import Answer
from modelway.serve.desk import Desk
from modelway.serve.endpoint import Endpoint
from modelway.serve.exposition import expose
from modelway.serve.metrics import ROW_BOUNDS, Metrics
from modelway.serve.recorder import Served
from modelway.serve.validation import Question

MODEL = SimpleNamespace(score_bounds=(0.5, 1.0), classes=("no", "yes"), version="3")


class Recorder:
    """Keeps what it is to record or to skip; wants what the test says."""

    lost = 7

    def __init__(self, wants: bool) -> None:
        self._wants = wants
        self.calls: list[str] = []

    def wants(self, _: Served) -> bool:
        return self._wants

    def record(self, _: Served) -> None:
        self.calls.append("record")

    def skip(self, _: Served) -> None:
        self.calls.append("skip")


class Shadow:
    """Takes what it is offered where it has room."""

    def __init__(self, room: bool) -> None:
        self._room = room
        self.offered: list[bool] = []

    def offer(self, _model: Any, _served: Served, _question: Question, *, logs: bool) -> bool:
        self.offered.append(logs)
        return self._room


class Journal:
    def __init__(self) -> None:
        self.lines: list[tuple[str, bytes, float]] = []

    def append(self, stream: str, line: bytes, moment: float) -> bool:
        self.lines.append((stream, line, moment))
        return True


def _desk(wants: bool = True, room: bool = True, access: str = "none") -> tuple[Desk, Metrics, Any, Any, Any]:
    metrics, recorder, shadow, journal = Metrics(), Recorder(wants), Shadow(room), Journal()
    options = ServeOptions(access_log=access, log=LogOptions(segment_seconds=60.0))
    return Desk(options, metrics, recorder, journal, shadow, "me"), metrics, recorder, shadow, journal


def _served(status: int = 200, **more: Any) -> Served:
    answer = None if status >= 400 else Answer(["yes", "no", "yes"], [[0.2, 0.8], [0.4, 0.6], [0.5, 0.5]])
    question = None if status == 422 else Question({}, 3)
    more = {"question": question, "answer": answer} | more
    return Served("id", "r", 100.0, None, "champion", "3", "e", status, 7.5, MODEL, **more)


@pytest.mark.parametrize(
    ("challenger", "smoke", "status", "wants", "room"),
    list(product([False, True], [False, True], [200, 422, 500], [False, True], [False, True])),
)
def test_request_is_recorded_once_or_shown_to_the_challenger_that_records_it(
    challenger: bool, smoke: bool, status: int, wants: bool, room: bool
) -> None:
    desk, metrics, recorder, shadow, _ = _desk(wants, room)
    desk.settle(_served(status, smoke=smoke), SimpleNamespace() if challenger else None)
    offered = challenger and status == 200 and not smoke
    assert shadow.offered == ([wants] if offered else [])
    assert recorder.calls == ([] if offered and room else ["record" if wants else "skip"])
    assert metrics.shadow_dropped == (offered and not room)
    tally = next(iter(desk._statistics._buckets[60_000_000].values()))
    assert (tally.shadowed, tally.shadow_dropped) == (offered and room, offered and not room)
    assert (tally.smoke, tally.requests) == (smoke, not smoke)
    if smoke:
        assert metrics.arms == {}
        return
    counts = metrics.arm("champion", "3").counts()
    assert counts["statuses"] == {str(status): 1}
    assert counts["classes"] == ({"yes": 2, "no": 1} if status == 200 else {})
    assert counts["scores"] == ({"0.5": 1, "1.0": 2, "+Inf": 0} if status == 200 else {"0.5": 0, "1.0": 0, "+Inf": 0})


@pytest.mark.parametrize("hung_up", ["body", "scoring", "response"])
def test_hang_up_is_counted_by_what_was_under_way_and_timed_from_the_whole_body(hung_up: str) -> None:
    desk, metrics, *_ = _desk()
    desk.settle(_served(HUNG_UP, hung_up=hung_up), None)
    assert metrics.hang_ups == {name: int(name == hung_up) for name in ("body", "scoring", "response")}
    assert sum(metrics.arm("champion", "3").latency) == (hung_up != "body")


@pytest.mark.parametrize(
    ("access", "statuses"),
    [("none", []), ("failures", [429, 500, 503]), ("all", [200, 422, 429, HUNG_UP, 500, 503])],
)
def test_line_is_written_for_the_requests_that_the_settings_name(monkeypatch, access: str, statuses: list[int]) -> None:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for name in ("say", "say_always"):
        monkeypatch.setattr(
            desk_module, name, lambda event, level, _of=name, **fields: found.append((_of, level, fields))
        )
    desk, *_ = _desk(access=access)
    for status in (200, 422, 429, HUNG_UP, 500, 503):
        desk.settle(_served(status), None)
    desk.settle(_served(500, smoke=True), None)
    assert [fields["status"] for _, _, fields in found] == statuses
    assert {name for name, _, _ in found} <= {"say_always" if access == "all" else "say"}
    assert all(level == ("error" if fields["status"] >= 500 else "info") for _, level, fields in found)
    assert all((fields["request"], fields["prediction"], fields["version"]) == ("r", "id", "3") for *_, fields in found)


@pytest.mark.parametrize(("uses", "last"), list(product([False, True], [False, True])))
def test_statistics_go_to_the_log_under_the_hour_of_their_bucket(monkeypatch, uses: bool, last: bool) -> None:
    monkeypatch.setattr(desk_module, "time", SimpleNamespace(time=lambda: 150.0))
    desk, _, _, _, journal = _desk()
    desk.settle(_served(), None)
    rules = SimpleNamespace(epoch="now", uses_challenger=uses)
    plan = SimpleNamespace(router=SimpleNamespace(rules=rules), release=SimpleNamespace(champion=MODEL))
    desk.write_statistics(plan, last=last)
    begins = [60.0, *[120.0] * (uses and last)]
    assert [(stream, moment) for stream, _, moment in journal.lines] == [("statistics", begin) for begin in begins]
    assert all(b'"log_dropped":7' in line for _, line, _ in journal.lines)
    desk._journal = None
    desk.write_statistics(plan, last=True)


def test_metrics_are_read_back_by_prometheus_as_they_were_counted() -> None:
    metrics = Metrics()
    arm = metrics.arm("champion", "3", (0.5, 1.0))
    for status, milliseconds in ((200, 1.0), (200, 1500.0), (499, None)):
        arm.request(status, milliseconds)
    arm.outcome(["no", "yes", "yes"], [0.25, 0.5, 0.75])
    for rows in (1, 2, 2, 99_999):
        metrics.batch(rows)
    metrics.hang_ups["body"] = 3
    metrics.kept.count("logged")
    metrics.shadow_flips, metrics.shadow_failed, metrics.shadow_dropped, metrics.shadowed, metrics.reloads = range(4, 9)
    log = {"handed": {"predictions": 9, "statistics": 8}, "delivered": {"predictions": 5, "statistics": 6},
           "dropped": {"predictions": {"killed": 1}, "statistics": {"killed": 2}}, "failures": 3}  # fmt: skip
    gauges = {"workers": 2.0, "queue": 3.0, "log_predictions": 4.0, "log_statistics": 5.0, "log_away": 1.0}
    text = expose(metrics.counts(gauges, log, {"log_oldest_seconds": 12.0}, 6)).decode()
    found = {
        (sample.name.removeprefix("modelway_"), *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    expected: dict[tuple[str, ...], float] = {
        ("requests_total", "champion", "3", "200"): 2, ("requests_total", "champion", "3", "499"): 1,
        ("request_seconds_count", "champion", "3"): 2, ("request_seconds_sum", "champion", "3"): 1.501,
        ("request_seconds_bucket", "champion", "3", "+Inf"): 2, ("predictions_total", "champion", "3", "yes"): 2,
        ("prediction_score_bucket", "champion", "3", "0.5"): 2, ("prediction_score_bucket", "champion", "3", "1.0"): 3,
        ("prediction_score_sum", "champion", "3"): 1.5, ("batch_rows_sum",): 1 + 2 + 2 + 99_999,
        ("batch_rows_bucket", "2"): 3, ("batch_rows_bucket", f"{ROW_BOUNDS[-1]}"): 3,
        ("batch_rows_bucket", "+Inf"): 4, ("hang_ups_total", "body"): 3, ("hang_ups_total", "scoring"): 0,
        ("request_outcomes_total", "logged"): 1, ("request_outcomes_total", "smoke"): 0, ("shadow_flips_total",): 4,
        ("shadow_failed_total",): 5, ("shadow_dropped_total",): 6, ("shadow_requests_total",): 7, ("reloads_total",): 8,
        ("connections_closed_total",): 6, ("log_records_total", "predictions"): 9,
        ("log_delivered_records_total", "statistics"): 6, ("log_undelivered_records", "statistics"): 5,
        ("log_dropped_records_total", "predictions", "killed"): 1, ("log_failures_total",): 3, ("workers",): 2,
        ("queue",): 3, ("shadow_queue",): 0, ("log_away",): 1, ("log_oldest_seconds",): 12,
    }  # fmt: skip
    assert {name: found.get((name[0], *sorted(name[1:]))) for name in expected} == expected


SERVED_BY = SimpleNamespace(variant="challenger", version="4", epoch="e")


class TestHeads:
    """What a request's head says of it, and what the response's head says back."""

    @pytest.mark.parametrize(
        ("header", "given", "key"),
        [
            ("X-Routing-Key", {b"x-routing-key": b"customer-7"}, "customer-7"),
            ("X-Routing-Key", {}, None),
            ("X-Routing-Key", {b"x-routing-key": b""}, None),
            ("X-Routing-Key", {b"x-routing-key": "Köln".encode()}, "Köln"),
            ("X-Routing-Key", {b"x-routing-key": b"K\xf6ln"}, "Köln"),
            ("X-Routing-Key", {b"x-routing-key": b"k" * 1024}, "k" * 1024),
            ("X-Routing-Key", {b"x-routing-key": b"k" * 1025}, "k" * 1024),
            ("Customer", {b"x-routing-key": b"other", b"customer": b"mine"}, "mine"),
            (None, {b"x-routing-key": b"other"}, None),
        ],
    )
    def test_key_is_the_text_of_the_header_that_the_settings_name(self, header, given, key) -> None:
        routing = {"header": header} if header else {"header": None, "column": "c"}
        endpoint = Endpoint(ServeOptions.model_validate({"routing": routing}), None, None)
        assert endpoint._begin(given, None).key == key

    @pytest.mark.parametrize("given", [b"mine-1", b"a" * 128, b"A.Z:0/9+=_-"])
    @pytest.mark.parametrize("wrong", [b"", b"a" * 129, b"not mine", b"a\tb", b"<b>", "ä".encode()])
    def test_request_id_is_the_callers_where_it_is_a_plain_one(self, given: bytes, wrong: bytes) -> None:
        endpoint = Endpoint(ServeOptions(), None, None)
        assert endpoint._begin({b"x-request-id": given}, None).request == given.decode()
        others = [endpoint._begin({b"x-request-id": wrong}, None) for _ in range(20)]
        assert all(one.request == one.id for one in others)
        assert len({one.id for one in others}) == 20

    @pytest.mark.parametrize(
        ("token", "given", "smoke"),
        [
            (b"t", b"t", True), (b"t", b"T", False), (b"t", b"", False), (b"t", None, False), (None, b"t", False),
            (None, None, False),
        ],
    )  # fmt: skip
    def test_smoke_test_is_proved_by_the_token_alone(self, token, given, smoke: bool) -> None:
        endpoint = Endpoint(ServeOptions(), None, None, None if token is None else sha256(token).digest())
        head = {} if given is None else {SMOKE_HEADER.encode(): given}
        assert endpoint._begin(head, None).smoke is smoke

    @pytest.mark.parametrize("draining", [False, True])
    @pytest.mark.parametrize("status", [200, 400, 408, 413, 422, 429, 500, 503])
    def test_response_closes_the_connection_where_it_may_not_be_used_again(self, draining: bool, status: int) -> None:
        endpoint = Endpoint(ServeOptions(), None, None)
        endpoint.draining = draining
        exchange = endpoint._begin({b"x-request-id": b"mine"}, None)
        found = dict(endpoint._headers(exchange, SERVED_BY, status))
        assert (found.pop(b"connection", None) == b"close") is (draining or status in {408, 413, 503})
        assert found == {
            b"x-request-id": b"mine", b"x-prediction-id": exchange.id.encode(), b"x-model-variant": b"challenger",
            b"x-model-version": b"4", b"x-share-epoch": b"e",
        }  # fmt: skip
