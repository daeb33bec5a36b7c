"""The prediction log: every record accounted for, whatever happens to the process or the store."""

from __future__ import annotations

import os
import shutil
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from modelway.records.serve import PredictionRecord, StatisticsRecord

FAST = {"log__flush_seconds": 0.05, "log__segment_seconds": 0.1}


def _worker(server) -> psutil.Process:
    (child,) = psutil.Process(server.process.pid).children()
    return child


def test_a_record_holds_what_was_asked_and_answered(start, row) -> None:
    server = start()
    answer = server.predict(row, x_routing_key="customer-7", x_request_id="mine")
    assert server.stop() == 0
    (line,) = server.lines()
    record = PredictionRecord.model_validate(line)
    assert (record.id, record.request) == (answer.headers["x-prediction-id"], "mine")
    assert (record.variant, record.version, record.status, record.rows) == ("champion", "3", 200, 1)
    assert record.epoch == answer.headers["x-share-epoch"]
    assert record.features == {
        **row,
        "since": "2024-05-01T00:00:00Z",
        "birthday": "1999-12-31T00:00:00Z",
    }
    assert (record.prediction, record.probabilities["yes"]) == ("yes", pytest.approx(0.6))
    assert record.key is not None
    assert "customer-7" not in record.key
    assert record.latency_ms > 0
    assert record.probability == 1


def test_each_row_of_a_request_has_its_record(start, row) -> None:
    server = start()
    small, large = (server.predict(*[{**row, "age": age % 101} for age in range(rows)]) for rows in (3, 500))
    server.stop()
    lines = server.lines()
    for answer, rows in ((small, 3), (large, 500)):
        id_ = answer.headers["x-prediction-id"]
        found = [line for line in lines if line["request"] == id_]
        assert [line["id"] for line in found] == [f"{id_}-{number}" for number in range(rows)]
        assert [line["features"]["age"] for line in found] == [number % 101 for number in range(rows)]
        assert [line["prediction"] for line in found] == answer.json["predictions"]


def test_requests_that_fail_are_recorded(start, bundle) -> None:
    server = start(champion=bundle(3, fails=True), log__sample=0)
    server.predict()
    server.predict({"age": "x"})
    server.stop()
    (line,) = server.lines()
    record = PredictionRecord.model_validate(line)
    assert (record.status, record.prediction, record.probability) == (500, None, 1)
    (counts,) = _added(server)
    assert (counts["requests"], counts["errors"], counts["refused"]) == (2, 1, 1)


def _added(server) -> list[dict]:
    """The statistics of all intervals, added up by variant, version and epoch."""
    sums: dict[tuple, Counter] = {}
    for line in server.lines("statistics"):
        record = StatisticsRecord.model_validate_json(__import__("json").dumps(line))
        counts = sums.setdefault((record.variant, record.version, record.epoch), Counter())
        counts.update({"requests": record.requests, "errors": record.errors, "refused": record.refused})
        counts.update({"rows": record.rows, "timed": sum(record.latency)})
    return list(sums.values())


def test_a_sample_tells_its_probability_and_the_statistics_count_all(start) -> None:
    server = start(log__sample=0.3)
    for _ in range(200):
        server.predict()
    server.stop()
    lines = server.lines()
    assert 30 <= len(lines) <= 95  # 60 expected; five standard deviations either way
    assert {line["probability"] for line in lines} == {0.3}
    (counts,) = _added(server)
    assert counts["requests"] == counts["rows"] == counts["timed"] == 200


def test_only_the_columns_allowed_are_logged_and_some_as_hashes(start, row) -> None:
    settings = {"log__columns": ["age", "note", "city"], "log__hashed": ["note", "city"]}
    server = start(env={"MODELWAY_LOG_SALT": "s"}, **settings)
    server.predict({**row, "city": None, "note": "secret"})
    server.predict({**row, "city": None, "note": "secret"})
    server.stop()
    one, other = (line["features"] for line in server.lines())
    assert set(one) == {"age", "note", "city"}
    assert one["city"] is None
    assert one["note"] == other["note"] != "secret"


def test_segments_lie_by_date_and_hour_and_arrow_and_polars_read_them(start, tmp_path) -> None:
    import polars as pl
    import pyarrow.json

    server = start()
    for _ in range(3):
        server.predict()
    server.stop()
    (path,) = (tmp_path / "log").glob("predictions/date=????-??-??/hour=??/*.jsonl.gz")
    with __import__("gzip").open(path) as file:
        table = pyarrow.json.read_json(file)
    assert table.num_rows == 3
    assert table["features"].type.field("age").type == "int64"
    assert pl.read_ndjson(path)["prediction"].to_list() == ["yes"] * 3


def test_what_is_told_to_end_loses_nothing(start) -> None:
    server = start(log__flush_seconds=60, log__segment_seconds=60)
    ids = {server.predict().headers["x-prediction-id"] for _ in range(50)}
    assert server.stop() == 0
    assert {line["id"] for line in server.lines()} == ids


def test_what_is_killed_loses_no_more_than_the_flush_interval(start, until) -> None:
    server = start(log__flush_seconds=0.05, log__segment_seconds=60)
    ids = {server.predict().headers["x-prediction-id"] for _ in range(50)}
    until(lambda: sum(path.stat().st_size for path in server.root.glob(".modelway/spool/*/predictions*.part")) > 10_000)
    until(lambda: _spooled(server) >= len(ids))
    _worker(server).kill()
    until(lambda: server.events("worker_ended") and server.metric("modelway_workers_ready") == 1)
    server.stop()
    assert {line["id"] for line in server.lines()} == ids


def _spooled(server) -> int:
    return sum(path.read_bytes().count(b"\n") for path in server.root.glob(".modelway/spool/*/predictions*.part"))


def test_a_server_that_was_killed_whole_leaves_nothing_behind_for_long(start, until) -> None:
    server = start(log__flush_seconds=0.05, log__segment_seconds=60)
    ids = {server.predict().headers["x-prediction-id"] for _ in range(5)}
    until(lambda: _spooled(server) == 5)
    children = psutil.Process(server.process.pid).children()
    for process in (*children, server.process):
        os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(children, 10)
    again = start()
    until(lambda: {line["id"] for line in again.lines()} == ids)


def test_a_store_that_is_away_is_survived_on_local_disk(start, until, tmp_path) -> None:
    (tmp_path / "log").write_text("a file where the log's folder should be")
    server = start(**FAST)
    ids = {server.predict().headers["x-prediction-id"] for _ in range(10)}
    until(lambda: server.metric("modelway_log_away") == 1 and server.metric("modelway_log_spool_bytes") > 0)
    ids |= {server.predict().headers["x-prediction-id"] for _ in range(10)}
    (tmp_path / "log").unlink()
    until(lambda: len(server.lines()) == 20)
    assert {line["id"] for line in server.lines()} == ids
    until(lambda: server.metric("modelway_log_away") == 0)
    assert server.metric("modelway_log_dropped_records_total") == 0
    assert server.events("log_away")
    assert server.events("log_back")


def test_what_is_left_at_the_end_is_delivered_by_the_next_start(start, until, tmp_path) -> None:
    (tmp_path / "log").write_text("away")
    first = start(**FAST)
    ids = {first.predict().headers["x-prediction-id"] for _ in range(5)}
    first.stop()
    assert first.events("log_left_on_disk")[0]["records"] >= 5
    (tmp_path / "log").unlink()
    second = start(**FAST)
    until(lambda: len(second.lines()) == 5)
    assert {line["id"] for line in second.lines()} == ids


def test_the_spool_is_bounded_and_what_is_dropped_is_counted(start, until, tmp_path) -> None:
    (tmp_path / "log").write_text("away")
    server = start(**FAST, log__spool_bytes=3000)
    asked = 0
    while server.metric("modelway_log_dropped_records_total") == 0:
        server.predict()
        asked += 1
        assert asked < 3000
    (tmp_path / "log").unlink()
    server.stop()
    dropped = sum(event["records"] for event in server.events("log_segment_dropped"))
    written = sum(len(server.lines(stream)) for stream in ("predictions", "statistics"))
    intervals = dropped + written - asked  # of the statistics
    assert 0 <= intervals <= asked
    assert len(server.lines()) < asked


def test_memory_for_the_log_is_bounded(start) -> None:
    server = start(log__flush_seconds=60, log__queue_bytes=5000)
    for _ in range(50):
        assert server.predict().status == 200
    dropped = server.metric("modelway_log_dropped_records_total")
    assert dropped > 0
    server.stop()
    assert len(server.lines()) + dropped == 50


def test_large_requests_take_no_memory_from_the_log_of_others(start, row, until) -> None:
    """One client's thousands of rows wait for memory; another's single rows are logged meanwhile."""
    server = start(workers__count=1, log__flush_seconds=0.05, log__queue_bytes=100_000)
    requests = 12
    with ThreadPoolExecutor(2) as clients:
        large = [clients.submit(server.predict, *[row] * 500) for _ in range(requests)]
        small = 0
        while not all(one.done() for one in large):
            assert server.predict(row).status == 200
            small += 1
    assert {one.result().status for one in large} == {200}
    until(lambda: server.metric("modelway_request_outcomes_total") == requests + small)
    assert server.metric("modelway_log_dropped_records_total") == 0
    server.stop()
    assert len(server.lines()) == requests * 500 + small


def test_nothing_is_logged_where_the_settings_say_so(start, tmp_path) -> None:
    server = start(log__enabled=False)
    server.predict()
    server.stop()
    assert not (tmp_path / "log").exists()
    assert not (tmp_path / ".modelway").exists()


def test_a_spool_that_can_not_be_written_is_refused_at_the_start(start, tmp_path) -> None:
    (tmp_path / "spool").write_text("a file")
    server = start(log__spool=str(tmp_path / "spool"))
    assert server.process.wait(20) == 6 == server.record["exit_code"]


def test_two_servers_share_a_spool(start, tmp_path) -> None:
    one, other = start(), start()
    for server in (one, other):
        server.predict()
    for server in (one, other):
        server.stop()
    assert len(one.lines()) == 2
    shutil.rmtree(tmp_path / ".modelway")
