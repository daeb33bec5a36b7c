"""Old hours of the log, which servers remove."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelway.records.data import S3Options
from modelway.records.serve import LogOptions
from modelway.serve.log import retention as module
from modelway.serve.log.retention import Retention
from modelway.storage import write_bytes


def _address(hours: float, stream: str = "predictions") -> str:
    moment = datetime.now(UTC) - timedelta(hours=hours)
    return f"{stream}/date={moment:%Y-%m-%d}/hour={moment:%H}/old.jsonl.gz"


@pytest.fixture
def keep(tmp_path: Path) -> Any:
    def make(days: float | None, keeps: bool = False) -> Retention:
        return Retention(LogOptions(uri=str(tmp_path), keep_days=days), S3Options(), lambda: keeps)

    return make


@pytest.fixture
def hours(tmp_path: Path) -> dict[float, Path]:
    """Files of hours so and so long ago."""
    paths = {age: tmp_path / _address(age) for age in (0, 23, 24, 27, 100)}
    for path in paths.values():
        write_bytes(str(path), b"x")
    return paths


def test_retention_removes_what_is_older_and_keeps_all_that_a_day_of_monitoring_reads(keep: Any, hours: Any) -> None:
    keep(1).remove_old()
    assert {age for age, path in hours.items() if path.exists()} == {0, 23, 24}


def test_retention_without_a_setting_removes_nothing(keep: Any, hours: Any) -> None:
    keep(None).remove_old()
    assert all(path.exists() for path in hours.values())


def test_retention_waits_while_a_rollout_needs_the_log(keep: Any, hours: Any) -> None:
    keep(1, keeps=True).remove_old()
    assert all(path.exists() for path in hours.values())


def test_retention_looks_once_an_hour_but_goes_on_where_it_left_something(
    keep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = iter([(1, False), (1, True), (0, True), (0, True)])

    def remove(uri: str, *_: Any, **__: Any) -> tuple[int, bool]:
        asked.append(uri.rpartition("/")[2])
        return next(answers)

    monkeypatch.setattr(module, "remove_hours", remove)
    one = keep(1)
    for _ in range(3):
        one.remove_old()
    assert asked == ["predictions", "statistics"] * 2
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3601)
    monkeypatch.setattr(module, "remove_hours", lambda uri, *_, **__: asked.append(uri) or (0, True))
    one.remove_old()
    assert len(asked) == 6


def test_retention_that_fails_is_reported_and_stops_nothing(
    keep: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("odd")

    monkeypatch.setattr(module, "remove_hours", fail)
    keep(1).remove_old()
    assert capsys.readouterr().err.count("log_not_removed") == 2


def test_server_removes_old_hours_of_both_streams_and_tells(start: Any, until: Any, tmp_path: Path) -> None:
    old = [tmp_path / "log" / _address(50, stream) for stream in ("predictions", "statistics")]
    for path in old:
        write_bytes(str(path), b"x")
    server = start(log__keep_days=1, log__flush_seconds=0.05, log__segment_seconds=0.1, workers__count=2)
    server.predict()
    until(lambda: not any(path.exists() for path in old))
    server.stop()
    assert len(server.lines()) == 1
    assert {event["files"] for event in server.events("log_removed")} == {1}
    assert len(server.events("log_removed")) == 2


def test_server_keeps_old_hours_while_a_challenger_answers_a_part(
    start: Any, until: Any, bundle: Any, tmp_path: Path
) -> None:
    from modelway.flags import update_flags, with_shares
    from modelway.records.flags import Shares

    flags, old = str(tmp_path / "flags.json"), tmp_path / "log" / _address(50)

    def share(new_model: float) -> None:
        update_flags(flags, lambda found: with_shares(found, Shares(new_model=new_model)), s3=S3Options())

    write_bytes(str(old), gzip.compress(b""))
    share(0.5)
    fast = {"log__flush_seconds": 0.05, "log__segment_seconds": 0.1, "routing__poll_seconds": 0.05}
    server = start("--challenger", str(bundle(4)), "--flags", flags, log__keep_days=1, **fast)
    server.predict()
    until(server.lines)
    assert old.exists()
    share(0)
    until(lambda: server.predict() and not old.exists())
