"""An undelivered log on a volume that outlives its container: the next one finds it and delivers it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

FAST = {"log__flush_seconds": 0.05, "log__segment_seconds": 0.1}


def _kill(server: Any) -> None:
    """End a container: all of its processes at once."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    for process in (server.process, *children):
        os.kill(process.pid, signal.SIGKILL)
    server.process.wait(20)
    psutil.wait_procs(children, 20)


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "told to end"])
def test_server_delivers_what_another_left_on_the_volume(start: Any, until: Any, tmp_path: Path, killed: bool) -> None:
    volume = tmp_path / "volume"
    (tmp_path / "log").write_text("away")
    variables = {"MODELWAY_SPOOL": str(volume / "spool")}
    first = start(env=variables, workers__count=2, **FAST)
    ids = {first.predict().headers["x-prediction-id"] for _ in range(50)}
    until(lambda: first.metric("modelway_log_away") > 0)
    until(lambda: _spooled(volume) == 50)
    until(lambda: first.metric("modelway_log_undelivered_records", stream="predictions") == 50)
    _kill(first) if killed else first.stop()
    (tmp_path / "log").unlink()
    second = start(env=variables, **FAST)
    until(lambda: {line["id"] for line in second.lines()} == ids)
    assert len(second.lines()) == 50
    until(lambda: second.metric("modelway_log_undelivered_records", stream="predictions") == 0)
    assert second.metric("modelway_log_delivered_records_total", stream="predictions") == 50
    assert second.metric("modelway_log_records_total", stream="predictions") == 0
    assert _spooled(volume) == 0


def _spooled(volume: Path) -> int:
    from modelway.serve.log.left import count_left

    return count_left(volume / "spool")[0]


def test_metrics_of_a_log_that_waits_tell_records_bytes_age_and_each_reason(
    start: Any, until: Any, row: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "log").write_text("away")
    server = start(workers__count=2, log__spool_bytes=6000, log__queue_bytes=1000, **FAST)

    def reasons() -> dict[str, float]:
        names = ("memory_full", "spool_full", "shutdown", "killed", "cut_off", "refused", "unreadable")
        return {
            name: server.metric("modelway_log_dropped_records_total", stream="predictions", reason=name)
            for name in names
        }

    asked = 0
    while not (reasons()["memory_full"] and reasons()["spool_full"]):
        server.predict(*[{**row, "age": age} for age in range(8)])
        asked += 8
        assert asked < 20_000
    until(
        lambda: (
            sum(reasons().values()) + server.metric("modelway_log_undelivered_records", stream="predictions") == asked
        )
    )
    assert server.metric("modelway_log_records_total", stream="predictions") == asked
    assert server.metric("modelway_log_undelivered_bytes") >= server.metric("modelway_log_spool_bytes") > 0
    age = server.metric("modelway_log_oldest_seconds")
    until(lambda: server.metric("modelway_log_oldest_seconds") > age > 0)
    assert age < 600
    text = server.ask("GET", "/metrics").body.decode()
    assert 'modelway_log_dropped_records_total{reason="cut_off",stream="predictions"} 0.0' in text
    (tmp_path / "log").unlink()
    until(lambda: server.metric("modelway_log_undelivered_records", stream="predictions") == 0)
    assert len(server.lines()) + sum(reasons().values()) == asked
