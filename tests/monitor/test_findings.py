"""What monitoring does after each two verdicts of drift and performance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.errors import InputError
from modelway.pipeline import monitor
from modelway.records.decision import History
from modelway.records.monitor import MonitorOptions
from modelway.records.verdict import Verdict

NOW = datetime(2026, 11, 30, tzinfo=UTC)
RESULTS = [*Verdict, None]
"""A part's verdict; None where the part itself fails."""


@pytest.mark.parametrize("drift", RESULTS)
@pytest.mark.parametrize("performance", RESULTS)
def test_monitor_checks_the_data_where_drift_or_performance_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drift: Verdict | None, performance: Verdict | None
) -> None:
    def part(verdict: Verdict | None) -> Any:
        def run(*_: Any, **__: Any) -> Any:
            if verdict is None:
                raise InputError("unreadable")
            return SimpleNamespace(verdict=verdict, reason="", columns=(), exit_code=0)

        return run

    def fail(*_: Any, **__: Any) -> Any:
        raise InputError("no log")

    monkeypatch.setattr(monitor, "find_drift", part(drift))
    monkeypatch.setattr(monitor, "check_performance", part(performance))
    monkeypatch.setattr(monitor, "read_traffic", fail)
    monkeypatch.setattr(monitor, "_leave", lambda *_: None)
    checked: list[bool] = []

    def check_data() -> Any:
        checked.append(True)
        return SimpleNamespace(verdict=Verdict.PASS, checks=())

    rows: Any = SimpleNamespace(since=NOW - timedelta(days=1), until=NOW, place=lambda _: None)
    reference: Any = SimpleNamespace
    options = MonitorOptions(compact=False)
    monitor.monitor(
        "m", options, reference, rows, None, str(tmp_path), now=NOW.timestamp(), past=History(), check_data=check_data
    )
    assert checked == [True] * (Verdict.FAIL in {drift, performance})
