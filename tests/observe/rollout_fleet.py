"""Replicas that write a prediction log as servers do: files in both streams, cut at moments of their own."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelway.observe.key_ledger import KeyLedger
from modelway.observe.rollout_log import Counted, RolloutWindow, read_intervals
from modelway.observe.score_buckets import ScoreBuckets
from modelway.records.data import ColumnType, S3Options, Task
from modelway.records.progress import silent
from modelway.records.rollout import RolloutOptions
from modelway.records.serve import PredictionRecord
from modelway.serve.recorder import Served, iso_time
from modelway.serve.statistics import Arm, Statistics

NOON = 1_700_000_000 // 3600 * 3600.0
EPOCH = "e1"
SEGMENT = 10.0
OPTIONS = RolloutOptions(interval_seconds=60, grace_seconds=30)
BINARY = ScoreBuckets(
    Task.CLASSIFICATION,
    ("no", "yes"),
    tuple(at / 20 for at in range(1, 20)),
    {"city": ColumnType.CATEGORY, "age": ColumnType.INTEGER, "member": ColumnType.BOOLEAN},
)
S3 = S3Options()


@dataclass
class Request:
    """What one request looks like; the key is a number, None for none."""

    at: float
    key: int | None = None
    arm: str = "champion"
    status: int = 200
    latency: float = 3.0
    score: float = 0.7
    epoch: str = EPOCH
    rows: int = 1
    replica: str = "a"
    shadow: float | str | None = None
    """The challenger's score in shadow, or `failed`."""
    features: dict[str, Any] = field(default_factory=dict)
    smoke: bool = False

    def records(self, number: int) -> list[dict[str, Any]]:
        """The log's lines."""
        answered = self.status < 400 or (self.status == 499 and self.rows > 0)
        told = {
            "request": f"r{number}",
            "rows": self.rows,
            "time": iso_time(self.at),
            "key": None if self.key is None else f"{self.key:016x}",
            "variant": self.arm,
            "version": "3" if self.arm == "champion" else "4",
            "epoch": self.epoch,
            "status": self.status,
            "latency_ms": self.latency,
            "probability": 1.0,
            "features": self.features or None,
            **_answer("", self.score if answered else None),
            "shadow_version": None if self.shadow is None else "4",
            **_answer("shadow_", self.shadow if isinstance(self.shadow, float) else None),
        }
        if self.smoke:  # older logs have no such field
            told["smoke"] = True
        lines = [{"id": f"r{number}-{row}", "row": row, **told} for row in range(max(self.rows, 1))]
        for line in lines:
            PredictionRecord.model_validate(line)
        return lines


def _answer(prefix: str, score: float | None) -> dict[str, Any]:
    if score is None:
        return {f"{prefix}prediction": None, f"{prefix}probabilities": None}
    return {
        f"{prefix}prediction": "yes" if score >= 0.5 else "no",
        f"{prefix}probabilities": {"no": 1 - score, "yes": score},
    }


@dataclass
class Fleet:
    """Writes a log below a folder, and reads it as a rollout does."""

    root: Path
    options: RolloutOptions = OPTIONS
    segment: float = SEGMENT

    def __post_init__(self) -> None:
        self._files = 0

    @property
    def log(self) -> str:
        return str(self.root / "log")

    def write(self, stream: str, lines: list[Any], moment: float, written: float, replica: str = "a") -> Path:
        """One file; lines are objects, or bytes as they are."""
        hour = iso_time(moment)[:13].replace("T", "/hour=")
        self._files += 1
        path = Path(self.log) / stream / f"date={hour}" / f"{replica}-{int(written * 1e9)}-{self._files}.jsonl.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        path.write_bytes(gzip.compress(content + b"\n"))
        os.utime(path, (written, written))
        return path

    def serve(
        self,
        requests: list[Request],
        since: float = NOON,
        until: float = NOON + 90,
        replica: str = "a",
        *,
        skew: float = 0.0,
        last: bool = False,
        dropped: dict[int, int] | None = None,
    ) -> list[Path]:
        """What one replica writes from `since` to `until`: a file of each stream a segment, soon after its end.

        Args:
            requests: those of this replica, by true time; its clock adds `skew`.
            since: when it begins.
            until: when nothing of it comes any more.
            replica: its name.
            skew: how far its clock is ahead.
            last: whether it ends gracefully at `until`.
            dropped: its losses up to each segment, by number.
        """
        own = [request for request in requests if request.replica == replica]
        counts = Statistics(replica, self.segment, since + skew)
        idle = Arm("champion", "3", EPOCH)
        paths, lost = [], 0
        for number in range(round((until - since) / self.segment)):
            begin, end = since + number * self.segment, since + (number + 1) * self.segment
            lost = (dropped or {}).get(number, lost)
            records: list[dict[str, Any]] = []
            for request in own:
                if begin <= request.at < end:
                    moved = Request(**{**request.__dict__, "at": request.at + skew})
                    records += moved.records(own.index(request))
                    counts.tally(_served(moved))
            over = end >= until
            lines = list(counts.lines(end + skew, lost, idle, last=last and over))
            written = end + 1
            if records:
                paths.append(self.write("predictions", records, begin + skew, written, replica))
            for start in sorted({start // 3600 for start, _ in lines}):
                chosen = [line for at, line in lines if at // 3600 == start]
                paths.append(self.write("statistics", chosen, start * 3600, written, replica))
        return paths

    def read(
        self,
        now: float,
        ledger: KeyLedger | None = None,
        buckets: ScoreBuckets = BINARY,
        paired: KeyLedger | None = None,
        **window: Any,
    ) -> Counted:
        """A look at the log."""
        told = {"since": NOON, "epoch": EPOCH, "step": 1, "share": 0.5, "shadow": False} | window
        return read_intervals(
            self.log,
            RolloutWindow(now=now, **told),
            ledger or KeyLedger(),
            buckets,
            self.options,
            self.segment,
            S3,
            self.root / "cache",
            silent,
            paired,
        )


def _served(request: Request) -> Any:
    version = "3" if request.arm == "champion" else "4"
    return Served(
        "id", "request", request.at, None, request.arm, version, request.epoch, request.status, request.latency, None,
        smoke=request.smoke,
    )  # fmt: skip
