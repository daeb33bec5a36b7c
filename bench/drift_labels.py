"""Concept drift on simulated streams: labels no longer follow what the model learned; part of `drift_streams.py`.

The model says p = 1 / (1 + exp(-2 x)), which was the truth. After the change the labels of a share of the rows are
drawn without regard to x, while x stays as it was, so that only labels tell.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from drift import SILENT
from records import record

from modelway.observe.baseline import distribution
from modelway.pipeline.baselines import Reference
from modelway.pipeline.drift import Rows
from modelway.pipeline.performance import check_performance
from modelway.records.data import ColumnType, S3Options, Task
from modelway.records.monitor import PerformanceOptions
from modelway.records.observe import Baseline

HERE = Path(__file__).parent
REFERENCE_ROWS, ROWS, QUIET, STREAMS, WINDOWS = 20_000, 2_000, 200, 10, 5
SHARES = (0.2, 0.3, 0.5)
FEW = 2
"""Streams of a change that Evidently is shown, which takes a second or so for a window; and ten quiet windows each."""
START = datetime(2026, 11, 1, tzinfo=UTC)


def window(share: float, stream: int, number: int, rows: int = ROWS) -> pa.Table:
    """Rows of x, the model's probability, what it says, and the label."""
    random = np.random.default_rng((round(share * 1000), stream, number))
    x = random.normal(size=rows)
    p = 1 / (1 + np.exp(-2 * x))
    true = np.where(random.random(rows) < share, 0.5, p)
    label = random.random(rows) < true
    return pa.table({"x": x, "p": p, "said": (p >= 0.5).astype(np.int64), "y": label.astype(np.int64)})


def known(table: pa.Table) -> Reference:
    """The baseline that `train` would have left."""
    said = pa.chunked_array([np.where(table["said"].to_numpy() == 1, "yes", "no")])
    baseline = Baseline(
        rows=table.num_rows,
        columns={"x": distribution(ColumnType.NUMBER, table["x"])},
        predictions=distribution(ColumnType.NUMBER, table["p"]),
        labels=distribution(ColumnType.CATEGORY, said),
        metrics={"roc_auc": _area(table["p"].to_numpy(), table["y"].to_numpy())},
        task=Task.CLASSIFICATION,
        target="y",
        classes=("no", "yes"),
    )
    return Reference(baseline, "reference", "")


def _area(score: np.ndarray, label: np.ndarray) -> float:
    """The area under the ROC curve by ranks (Mann and Whitney); the scores are all different."""
    ranks = np.empty(len(score))
    ranks[np.argsort(score)] = np.arange(1, len(score) + 1)
    positive = int(label.sum())
    return float((ranks[label == 1].sum() - positive * (positive + 1) / 2) / positive / (len(label) - positive))


def write_log(folder: Path, tables: list[pa.Table]) -> None:
    """A prediction log with a window an hour, and the labels of each."""
    for number, table in enumerate(tables):
        hour = START + timedelta(hours=number)
        place = folder / "log" / "predictions" / f"date={hour:%Y-%m-%d}" / f"hour={hour:%H}"
        place.mkdir(parents=True)
        about = {"time": f"{hour:%Y-%m-%dT%H}:00:01Z", "variant": "champion", "version": "1", "status": 200}
        lines = []
        for row, one in enumerate(table.to_pylist()):
            answer = {"prediction": _WORDS[one["said"]], "probabilities": {"no": 1 - one["p"], "yes": one["p"]}}
            lines.append(json.dumps({"id": f"{number}-{row}", **about, "features": {"x": one["x"]}, **answer}) + "\n")
        (place / "segment.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode(), 1))
        ids = [f"{number}-{row}" for row in range(table.num_rows)]
        labels = pa.table({"id": ids, "y": [_WORDS[one] for one in table["y"].to_pylist()]})
        pyarrow.csv.write_csv(labels, folder / f"labels-{number}.csv")


_WORDS = ("no", "yes")


def ours(folder: Path, reference: Reference, tables: list[pa.Table]) -> list[bool]:
    """Whether `modelway performance` fails, window by window."""
    write_log(folder, tables)
    failed = []
    for number in range(len(tables)):
        since = START + timedelta(hours=number)
        rows = Rows(str(folder / "log"), since, since + timedelta(hours=1), S3Options(), folder / "cache", is_log=True)
        labels = str(folder / f"labels-{number}.csv")
        found = check_performance(PerformanceOptions(), reference, rows, labels, strict=False)
        failed.append(found.exit_code == 4)
    return failed


def theirs(peers: Path, peer: str, folder: Path, tables: list[pa.Table]) -> list[bool]:
    """Whether a peer gives an alert, window by window."""
    folder.mkdir(parents=True)
    reference = folder / "reference.parquet"
    pq.write_table(window(0, 999, 0, REFERENCE_ROWS), reference)
    paths = [folder / f"{number:04}.parquet" for number in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        pq.write_table(table, path)
    command = [str(peers / f"drift-{peer}" / "bin" / "python"), str(HERE / "drift_peers" / f"labels_with_{peer}.py")]
    asked = json.dumps({"reference": str(reference), "windows": [str(path) for path in paths]})
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, env=os.environ | SILENT)
    answers: list[bool] = json.loads(done.stdout.splitlines()[-1])
    return answers


def measure(folder: Path, peers: Path | None) -> str:
    """Run it and give its lines of the results."""
    reference = known(window(0, 999, 0, REFERENCE_ROWS))
    shown = {"modelway performance": (QUIET, STREAMS)}
    if peers is not None:
        shown |= {"NannyML": (QUIET, STREAMS), "Evidently": (10 * FEW, FEW)}
    columns = {}
    for tool, (quiet, streams) in shown.items():
        tables = [window(0, 0, number) for number in range(quiet)]
        tables += [
            window(share, stream, number) for share in SHARES for stream in range(streams) for number in range(WINDOWS)
        ]
        place = folder / tool.split()[0]
        if peers is not None and tool in {"NannyML", "Evidently"}:
            said = theirs(peers, tool.lower(), place, tables)
        else:
            said = ours(place, reference, tables)
        after = iter(said[quiet:])
        cells = [f"{sum(said[:quiet])} of {quiet}"]
        what = "labels: alarms per 1,000 windows"
        record(
            "drift-streams", what, sum(said[:quiet]) * 1000 / quiet, way=tool, summary=f"{quiet} windows without drift"
        )
        for share in SHARES:
            seen = [[next(after) for _ in range(WINDOWS)] for _ in range(streams)]
            cells.append(_found(seen))
            _record(tool, f"labels of {share:.0%} of the rows by chance", seen)
        columns[tool] = cells
    rows = ["alarms in windows without drift", *(f"labels of {share:.0%} of the rows by chance" for share in SHARES)]
    area = reference.baseline.metrics["roc_auc"]
    lines = [
        f"Concept drift: 2,000 labelled answers a window of a model whose ROC AUC was {area:.3f}. After the change the",
        "labels of a share of the rows come by chance; inputs and answers stay as they were.",
        "",
        f"| | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
        *(f"| {what} | {' | '.join(cells[at] for cells in columns.values())} |" for at, what in enumerate(rows)),
    ]
    return "\n".join(lines)


def _record(tool: str, case: str, streams: list[list[bool]]) -> None:
    first, shown = _first(streams), f"{len(streams)} streams"
    record("drift-streams", "streams found", 100 * len(first) / len(streams), "%", way=tool, case=case, summary=shown)
    if first:
        delay = statistics.mean(first)
        record("drift-streams", "windows until found", delay, way=tool, case=case, summary=f"mean of {len(first)}")


def _first(streams: list[list[bool]]) -> list[int]:
    return [stream.index(True) + 1 for stream in streams if any(stream)]


def _found(streams: list[list[bool]]) -> str:
    first = _first(streams)
    return f"{len(first)} of {len(streams)}" + (f", after {statistics.mean(first):.1f}" if first else "")
