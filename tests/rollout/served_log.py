"""A rollout's plan, and the prediction log of its environment, minute by minute.

`Traffic` writes the requests of each minute into a real log, by which real outcomes are joined. Its intervals are made
up from the same minutes in place of `read_intervals`, which takes long; the slow test of `test_rollout_machine.py` lets
the real one read them.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from modelway.observe.rollout_log import Counted, RolloutWindow
from modelway.records.data import Task
from modelway.records.deploy import BundleRef, Release
from modelway.records.flags import Shares
from modelway.records.observe import Baseline
from modelway.records.rollout import (
    AgreementGuard,
    CanaryStep,
    ErrorGuard,
    GuardOptions,
    LatencyGuard,
    OutcomeGuard,
    PredictionGuard,
    RolloutOptions,
    ShadowStep,
)
from modelway.records.rollout_seen import LATENCY_EDGES_MS, ArmCounts, PairCounts, Report, SeenInterval
from modelway.serve.recorder import Served, iso_time
from modelway.serve.statistics import Arm, Statistics

MINUTE, SEGMENT, REPORTED, GRACE = 60.0, 10.0, 10.0, 30.0
RELEASE = Release(
    name="loans",
    champion=BundleRef(version=1, digest="a" * 64),
    challengers=(BundleRef(version=2, digest="b" * 64),),
)
BASELINE = Baseline(
    rows=1, columns={}, predictions=None, metrics={}, task=Task.CLASSIFICATION, target="bad", classes=("no", "yes")
)
STEPS = (
    ShadowStep(kind="shadow", requests=100),
    CanaryStep(kind="canary", share=0.25, minutes=2),
    CanaryStep(kind="canary", share=0.5, minutes=3),
)
SHARES = (Shares(shadow=1.0, version="2"), Shares(new_model=0.25, version="2"), Shares(new_model=0.5, version="2"))
WHOLE = Shares(new_model=1.0, version="2")
SETTLE, WATCH, ENOUGH = 2.0, 4 * MINUTE, 50
NOON = 1_800_000_000 // 3600 * 3600.0
KEYS = 100
"""Requests a minute, each of a key of its own."""
NOBODY = np.empty(0, np.uint64)


def plan(uri: str, *, needed: bool) -> RolloutOptions:
    """Every margin is excluded by one good minute, and a bad one is enough to go back."""
    outcome = OutcomeGuard(alpha=0.3, uri=uri, column="worth", kind="number", margin=0.5, needed=needed)
    guards = GuardOptions(
        errors=ErrorGuard(alpha=0.5, margin=0.9),
        latency=LatencyGuard(alpha=0.0),
        agreement=AgreementGuard(alpha=0.2),
        predictions=PredictionGuard(alpha=0.0),
        outcome=outcome,
    )
    return RolloutOptions(steps=STEPS, guards=guards, alpha=0.2, watch_hours=WATCH / 3600)


@dataclass(frozen=True)
class Minute:
    """What was served in one minute.

    Attributes:
        start: in seconds since 1970.
        quality: `good`; `bad`, if each answer of the challenger fails or differs; `silent`, if no replica reports.
        epoch: of the shares in force.
        shares: those shares.
    """

    start: float
    quality: str
    epoch: str
    shares: Shares

    @property
    def challenger(self) -> int:
        """How many keys the challenger answers."""
        return round(KEYS * self.shares.new_model)


@dataclass
class Traffic:
    """Minutes of traffic, and the log and the outcomes of them below a folder.

    Attributes:
        root: the folder.
        whole: whether everything is written; otherwise only the predictions whose outcomes come in.
        minutes: all of them, by when they began.
    """

    root: Path
    whole: bool = False
    minutes: dict[float, Minute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._counts = Statistics("a", SEGMENT, 0.0)

    @property
    def log(self) -> str:
        return str(self.root / "log")

    @property
    def labels(self) -> Path:
        return self.root / "labels" / "labels.csv"

    def serve(self, minute: Minute) -> None:
        """Add a minute."""
        self.minutes[minute.start] = minute
        if not self.whole:
            return
        records = [_record(minute, number) for number in range(KEYS)]
        for one in records:
            self._counts.tally(
                Served("id", "request", minute.start + 30.0, None, one["variant"], one["version"], one["epoch"],
                       one["status"], one["latency_ms"], None)
            )  # fmt: skip
        lines = [line for _, line in self._counts.lines(minute.start + MINUTE, 0, Arm("champion", "1", minute.epoch))]
        self._write("predictions", records, minute.start)
        if minute.quality != "silent":
            self._write("statistics", lines, minute.start)

    def label(self, minutes: list[Minute], value: float) -> None:
        """Write what became of the predictions of these minutes: 1 of the champion's, `value` of the challenger's."""
        lines = [] if self.labels.exists() else ["id,worth"]
        for minute in minutes:
            records = [_record(minute, number) for number in range(KEYS)]
            lines += [f"{one['id']},{value if one['variant'] == 'challenger' else 1}" for one in records]
            if not self.whole:
                self._write("predictions", records, minute.start)
        self.labels.parent.mkdir(exist_ok=True)
        with self.labels.open("a") as file:
            file.write("\n".join(lines) + "\n")

    def read_intervals(self, log: str, window: RolloutWindow, *_: Any) -> Counted:
        """Stand in for `read_intervals`: a minute is over 10 s after its end; 30 s if no replica is known to report."""
        known, intervals, start = bool(window.known), [], window.since
        while start in self.minutes and window.now >= self.over(start, known=known):
            intervals.append(_seen(self.minutes[start], window))
            known = known or self.minutes[start].quality != "silent"
            start += MINUTE
        return Counted(tuple(intervals), NOBODY, NOBODY, None)

    def over(self, start: float, *, known: bool) -> float:
        """Return when a minute counts as reported."""
        return start + MINUTE + (REPORTED if known and self.minutes[start].quality != "silent" else GRACE)

    def _write(self, stream: str, lines: list[Any], moment: float) -> None:
        hour = iso_time(moment)[:13].replace("T", "/hour=")
        written = moment + MINUTE + 1
        path = Path(self.log) / stream / f"date={hour}" / f"a-{int(written * 1e9)}-1.jsonl.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        path.write_bytes(gzip.compress(content + b"\n", 1))
        os.utime(path, (written, written))


def _record(minute: Minute, number: int) -> dict[str, Any]:
    key = int(minute.start) * KEYS + number
    challenger, shadow, bad = number < minute.challenger, minute.shares.shadow > 0, minute.quality == "bad"
    failed = challenger and bad
    return {
        "id": f"r{key}-0",
        "request": f"r{key}",
        "row": 0,
        "rows": 1,
        "time": iso_time(minute.start + 30.0),
        "key": f"{key:016x}",
        "variant": "challenger" if challenger else "champion",
        "version": "2" if challenger else "1",
        "epoch": minute.epoch,
        "status": 500 if failed else 200,
        "latency_ms": 3.0,
        "probability": 1.0,
        "features": None,
        "prediction": None if failed else "yes",
        "probabilities": None if failed else {"no": 0.3, "yes": 0.7},
        "shadow_version": "2" if shadow else None,
        "shadow_prediction": ("no" if bad else "yes") if shadow else None,
        "shadow_probabilities": {"no": 0.3, "yes": 0.7} if shadow else None,
    }


def _seen(minute: Minute, window: RolloutWindow) -> SeenInterval:
    mine = minute.epoch == window.epoch
    silent, bad = minute.quality == "silent", minute.quality == "bad"
    challenger = minute.challenger if mine else 0
    champion = KEYS - minute.challenger if mine else 0
    pairs = {}
    if window.shadow and mine:
        pairs = {"all": PairCounts(pairs=KEYS, flips=KEYS if bad else 0, total=0.0, squares=0.0)}
    report = Report(replica="a", requests=KEYS, written=minute.start + MINUTE + 1)
    return SeenInterval(
        start=minute.start,
        step=window.step,
        share=window.share,
        requests=KEYS,
        champion=_arm(champion, 0),
        challenger=_arm(challenger, challenger if bad else 0),
        reports=() if silent else (report,),
        strays=0 if mine else KEYS,
        pairs=pairs,
    )


def _arm(keys: int, failed: int) -> ArmCounts:
    latency = [0] * (len(LATENCY_EDGES_MS) + 1)
    return ArmCounts(keys=keys, failed=failed, new=keys, latency=tuple(latency))
