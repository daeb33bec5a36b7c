"""`modelway log compact`, and `monitor`, which compacts before it reads: same reports, fewer files."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import OutsideError
from modelway.observe import log_compaction

AT = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)


def files(live: Any, suffix: str) -> list[Path]:
    return sorted(Path(live.log).rglob(f"*{suffix}"))


@pytest.fixture
def served(live) -> Any:
    for seed in range(3):
        live.serve(700, seed, at=AT, keys=True)
    return live


def monitored(project: Any, live: Any, output: str) -> dict[str, Any]:
    labels = live.write_labels()
    flags = ("--predictions", live.log, "--baseline", live.baseline, "--ground-truth", labels)
    until = (AT + timedelta(hours=4)).isoformat()
    assert project.run("monitor", *flags, "--since", AT.isoformat(), "--until", until, "--output-dir", output) == 0
    return {name: json.loads(Path(output, f"{name}_report.json").read_text()) for name in ("drift", "performance")}


class TestLogCompact:
    def test_hours_that_are_over_become_one_file_each(self, project, served) -> None:
        now = datetime.now(UTC)
        served.write([{"id": "now"}], now)
        record = project.json("log", "compact", "--uri", served.log)
        assert (record["segments"], record["records"], record["files"], record["left"]) == (3, 2100, 1, [])
        assert len(files(served, ".parquet")) == 1
        assert [path.parent.name for path in files(served, ".jsonl.gz")] == [f"hour={now:%H}"]
        assert project.run("log", "compact", "--uri", served.log) == 0
        assert project.out == "nothing to compact\n"

    def test_since_and_until_choose_hours(self, project, served) -> None:
        since = (AT + timedelta(hours=1)).isoformat()
        assert project.json("log", "compact", "--uri", served.log, "--since", since)["segments"] == 0
        assert project.json("log", "compact", "--uri", served.log, "--until", AT.isoformat())["segments"] == 0
        assert project.json("log", "compact", "--uri", served.log, "--since", "6h")["segments"] == 3

    def test_a_corrupt_segment_is_named(self, project, served) -> None:
        torn = files(served, ".jsonl.gz")[1]
        torn.write_bytes(torn.read_bytes()[:-20])
        assert project.run("log", "compact", "--uri", served.log) == 0
        assert f"left as it is: date={AT:%Y-%m-%d}/hour={AT:%H}/{torn.name}: " in project.out
        assert files(served, ".jsonl.gz") == [torn]

    def test_the_environments_log_is_compacted(self, settings, served) -> None:
        (settings.root / "modelway.yaml").write_text(
            f"name: loans\nenvironments:\n  live:\n    target: {{kind: local}}\n    log: {served.log}\n"
        )
        assert settings.json("log", "compact", "--env", "live")["segments"] == 3

    @pytest.mark.parametrize(
        ("argv", "code", "words"),
        [
            (("compact", "--uri", "nowhere"), 3, "there is no prediction log"),
            (("compact",), 2, "Name one with --uri"),
            (("compact", "--uri", "log", "--since", "yesterday"), 2, "'yesterday' is no time"),
            (("compact", "--uri", "s3://bucket/log", "--set", "monitor.s3.region=x"), 2, "modelway.yaml"),
        ],
    )
    def test_bad_input_gets_one_message(self, project, argv, code, words) -> None:
        assert project.run("log", *argv) == code
        assert words in project.err
        assert "Traceback" not in project.err


class TestMonitor:
    def test_compacts_first_and_reports_the_same(self, project, served) -> None:
        (project.root / "modelway.yaml").write_text("name: loans\nmonitor: {compact: false}\n")
        raw = monitored(project, served, "raw")
        assert files(served, ".parquet") == []
        (project.root / "modelway.yaml").write_text("name: loans\n")
        assert monitored(project, served, "first") == raw
        assert files(served, ".jsonl.gz") == []
        assert monitored(project, served, "again") == raw
        assert raw["drift"]["files"] == 3

    def test_without_rights_to_write_reads_segments_and_says_so_once(self, project, served, monkeypatch) -> None:
        def denied(*_: Any, **__: Any) -> None:
            raise OutsideError("access denied", where="the log")

        monkeypatch.setattr(log_compaction, "write_if_unchanged", denied)
        assert monitored(project, served, "raw")["drift"]["rows"] == 2100
        assert project.err.count("The log was not compacted") == 1
        assert len(files(served, ".jsonl.gz")) == 3

    def test_segments_that_stay_are_reported_as_unreadable(self, project, served) -> None:
        torn = files(served, ".jsonl.gz")[0].with_name("torn.jsonl.gz")
        torn.write_bytes(gzip.compress(b"{}\n")[:-6])
        (name,) = monitored(project, served, "reports")["drift"]["unreadable"]
        assert torn.name in name
