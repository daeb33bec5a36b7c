"""A day of a prediction log, written by docs/reference/log.md alone, with the labels and the baseline of its model."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

if TYPE_CHECKING:
    from pathlib import Path

SEGMENT_SECONDS = 10
EPOCH = "e1"
CITIES = ("Aachen", "Bergen", "Cadiz", "Dover", "Essen")
_KINDS = {"age": "integer", "income": "number", "debt": "number", "years": "number", "city": "category",
          "plan": "category", "member": "boolean", "since": "date"}  # fmt: skip
_LATENCY_BUCKETS = 15


@dataclass(frozen=True)
class LogSet:
    """What is written.

    Attributes:
        folder: `log/`, `labels.csv` and `baseline.json` go there.
        until: the end of the last hour, aware of its zone.
        hours: how many there are.
        replicas: processes that write at the same time.
        records: in each segment of the predictions.
    """

    folder: Path
    until: datetime
    hours: int = 24
    replicas: int = 10
    records: int = 10

    @property
    def since(self) -> datetime:
        """When it begins."""
        return self.until - timedelta(hours=self.hours)

    @property
    def segments(self) -> int:
        """Of both streams together."""
        return 2 * self.hours * self.replicas * 3600 // SEGMENT_SECONDS

    def write(self, processes: int = 2) -> None:
        """Write all of it; random numbers are seeded by hour and replica."""
        self.folder.mkdir(parents=True, exist_ok=True)
        parts = [(self, hour, replica) for hour in range(self.hours) for replica in range(self.replicas)]
        with ProcessPoolExecutor(processes) as pool:
            labels = [line for lines in pool.map(_write_part, parts, chunksize=4) for line in lines]
        (self.folder / "labels.csv").write_text("id,churned\n" + "".join(labels))
        (self.folder / "baseline.json").write_text(_baseline())


def features_of(random: np.random.Generator, rows: int) -> list[dict[str, Any]]:
    """Rows as a model gets them."""
    columns = {
        "age": random.integers(18, 90, rows).tolist(),
        "income": random.lognormal(10, 0.5, rows).round(2).tolist(),
        "debt": [None if lost else value for lost, value in
                 zip((random.random(rows) < 0.05).tolist(), random.normal(5e3, 2e3, rows).tolist(), strict=True)],
        "years": (random.integers(0, 40, rows) / 2).tolist(),
        "city": [CITIES[at] for at in random.integers(0, len(CITIES), rows).tolist()],
        "plan": [("basic", "plus")[at] for at in random.integers(0, 2, rows).tolist()],
        "member": (random.random(rows) < 0.3).tolist(),
        "since": [f"{2000 + at // 360}-{at // 30 % 12 + 1:02}-{at % 28 + 1:02}T00:00:00Z"
                  for at in random.integers(0, 7200, rows).tolist()],
    }  # fmt: skip
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _write_part(part: tuple[LogSet, int, int]) -> list[str]:
    """One replica's hour; gives the lines of the labels, of a tenth of the records."""
    spec, number, replica = part
    hour = spec.since + timedelta(hours=number)
    random = np.random.default_rng((number, replica))
    name = f"host-{replica}-{1000 + replica}"
    places = {stream: spec.folder / "log" / stream / f"date={hour:%Y-%m-%d}" / f"hour={hour:%H}"
              for stream in ("predictions", "statistics")}  # fmt: skip
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    labels: list[str] = []
    for segment in range(3600 // SEGMENT_SECONDS):
        begin = hour + timedelta(seconds=segment * SEGMENT_SECONDS)
        file = f"{name}-{int(begin.timestamp()) * 10**9 + 123_456_789}-{segment}.jsonl.gz"
        records = _records(random, spec.records, begin, f"{replica}-{number}-{segment}")
        _put(places["predictions"] / file, records)
        _put(places["statistics"] / file, [_statistics(name, begin, number * 360 + segment, records)])
        truths = (random.random(len(records)) < [one["probabilities"]["yes"] for one in records]).tolist()
        labelled = zip(records[::10], truths[::10], strict=True)
        labels += [f"{one['id']},{('no', 'yes')[truth]}\n" for one, truth in labelled]
    return labels


def _put(path: Path, lines: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), 3, mtime=0))


def _records(random: np.random.Generator, rows: int, begin: datetime, name: str) -> list[dict[str, Any]]:
    moments = np.sort(random.random(rows)) * SEGMENT_SECONDS
    scores = random.beta(2, 3, rows).tolist()
    keys = random.integers(0, 2**63, rows).tolist()
    latencies = random.gamma(4, 1, rows).round(3).tolist()
    found = []
    for at, features in enumerate(features_of(random, rows)):
        time = (begin + timedelta(seconds=float(moments[at]))).isoformat(timespec="microseconds")
        found.append({
            "id": f"{name}-{at}", "request": f"{name}-{at}", "row": 0, "rows": 1, "time": time.replace("+00:00", "Z"),
            "key": f"{keys[at]:016x}", "variant": "champion", "version": "3", "epoch": EPOCH, "status": 200,
            "latency_ms": latencies[at], "probability": 1.0, "features": features,
            "prediction": "yes" if scores[at] >= 0.5 else "no",
            "probabilities": {"no": 1 - scores[at], "yes": scores[at]},
            "shadow_version": None, "shadow_prediction": None, "shadow_probabilities": None,
        })  # fmt: skip
    return found


def _statistics(replica: str, begin: datetime, number: int, records: list[dict[str, Any]]) -> dict[str, Any]:
    latency = [0] * _LATENCY_BUCKETS
    latency[3] = len(records)
    return {
        "replica": replica, "start": begin.isoformat().replace("+00:00", "Z"), "seconds": float(SEGMENT_SECONDS),
        "variant": "champion", "version": "3", "epoch": EPOCH, "requests": len(records), "refused": 0, "errors": 0,
        "rows": len(records), "latency": latency, "latency_sum_ms": sum(one["latency_ms"] for one in records),
        "shadowed": 0, "shadow_dropped": 0, "log_dropped": 0, "number": number, "last": False,
    }  # fmt: skip


def _baseline(rows: int = 20_000) -> str:
    """The baseline of the model that answers: rows of the same distributions."""
    from modelway.observe.baseline import make_baseline
    from modelway.records.data import Column, ColumnType, Dataset, Duplicates, HashSplit, Task
    from modelway.records.evaluate import Scores

    random = np.random.default_rng(7)
    kinds = {name: ColumnType(kind) for name, kind in _KINDS.items()} | {"churned": ColumnType.CATEGORY}
    scores = random.beta(2, 3, rows)
    truth = (random.random(rows) < scores).astype(int)
    columns: dict[str, Any] = {}
    table = features_of(random, rows)
    for name, kind in _KINDS.items():
        values = [row[name] for row in table]
        if kind == "date":
            columns[name] = pa.array([datetime.fromisoformat(value) for value in values], pa.timestamp("us", tz="UTC"))
        else:
            types = {"integer": pa.float64(), "number": pa.float64(), "category": pa.string(), "boolean": pa.bool_()}
            columns[name] = pa.array(values, types[kind])
    columns["churned"] = pa.array([("no", "yes")[one] for one in truth.tolist()])
    dataset = Dataset(
        task=Task.CLASSIFICATION, target="churned", classes=("no", "yes"),
        columns={name: Column(type=kind, nullable=True) for name, kind in kinds.items()}, split=HashSplit(),
        rows={"train": rows, "test": rows}, duplicates=Duplicates(rows=0), profile=(), source={},
    )  # fmt: skip
    held = Scores((scores >= 0.5).astype(int), np.stack([1 - scores, scores], axis=1))
    whole = pa.table(columns)
    metrics = {"roc_auc": 0.75, "accuracy": 0.7}
    return make_baseline(dataset, whole, whole, held, metrics, {"age": 0.5, "income": 0.5}, ("city",)).to_json()
