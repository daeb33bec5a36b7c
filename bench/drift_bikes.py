"""Bike sharing in Washington, 2012 by season against June 2011: what modelway, NannyML and Evidently each say.

python bench/drift_bikes.py [--data ../shared/data/bike_hour.csv] [--peers /opt/peers] [--alone]

Nobody knows the truth of real data; but the hour, the weekday and what kind of day it is come from the calendar and
hardly move, the weather has seasons, and there were more riders in the second year.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
from drift import SILENT
from records import record

from modelway.pipeline.baselines import open_reference
from modelway.pipeline.drift import Rows, find_drift
from modelway.records.data import S3Options
from modelway.records.drift import State
from modelway.records.monitor import DriftOptions

HERE = Path(__file__).parent
DATA = HERE.parents[1] / "shared" / "data" / "bike_hour.csv"
CALENDAR = ("hr", "weekday", "holiday", "workingday")
CATEGORIES = ("weekday", "holiday", "workingday", "weathersit")
COLUMNS = (*CALENDAR, "weathersit", "temp", "hum", "windspeed", "casual", "registered")
SEASONS = {1: "winter", 2: "spring", 3: "summer", 4: "autumn"}
"""By the data's numbers: January begins in season 1."""
PEERS = {"NannyML": "nannyml", "Evidently": "evidently"}


def write(data: Path, folder: Path) -> dict[str, Path]:
    """The folders with `reference.parquet` and `current.parquet`, by what is in the latter."""
    table = pyarrow.csv.read_csv(data)
    first, month, season = pc.equal(table["yr"], 0), table["mnth"], table["season"]
    june = pc.and_(first, pc.equal(month, 6))
    parts = {"July 2011": pc.and_(first, pc.equal(month, 7))}
    parts |= {f"{name} 2012": pc.and_(pc.invert(first), pc.equal(season, at)) for at, name in SEASONS.items()}
    columns = {name: table[name].cast(pa.string()) if name in CATEGORIES else table[name] for name in COLUMNS}
    kept, folders = pa.table(columns), {}
    for name, which in parts.items():
        folders[name] = folder / name.replace(" ", "-")
        folders[name].mkdir(parents=True)
        pq.write_table(kept.filter(june), folders[name] / "reference.parquet")
        pq.write_table(kept.filter(which), folders[name] / "current.parquet")
    return folders


def ours(folder: Path) -> tuple[set[str], str, float | None]:
    """The columns that `modelway drift` says moved, its verdict, and its score."""
    known = open_reference(str(folder / "reference.parquet"), S3Options(), folder / "cache")
    now = datetime.now(UTC)
    rows = Rows(str(folder / "current.parquet"), now, now, S3Options(), folder / "cache", is_log=False)
    report = find_drift(DriftOptions(), known, rows)
    moved = {one.name for one in report.columns if one.state is State.MOVED}
    return moved, f"{report.verdict}, {report.score:.2f}", report.score


def theirs(peers: Path, peer: str, folder: Path) -> set[str]:
    """The columns that a peer says moved."""
    command = [str(peers / f"drift-{peer}" / "bin" / "python"), str(HERE / "drift_peers" / f"with_{peer}.py")]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True, env=os.environ | SILENT)
    return set(json.loads(done.stdout.splitlines()[-1]))


def measure(peers: Path | None = Path("/opt/peers"), data: Path = DATA) -> str:
    """Compare and give the lines of the results."""
    if not data.is_file():
        return f"Left out: there is no {data.name} here."
    tools = PEERS if peers is not None else {}
    lines = [
        f"Hours of 2012 by season against June 2011 (720 hours), and July 2011 besides; {len(COLUMNS)} columns of",
        "bike sharing's, defaults everywhere. `python bench/drift_bikes.py` repeats this part.",
        "",
        f"| | modelway's verdict and score | {' | '.join(('modelway', *tools))} |",
        f"|---|---|---|{'---|' * len(tools)}",
    ]
    with tempfile.TemporaryDirectory() as name:
        for part, folder in write(data, Path(name)).items():
            moved, verdict, score = ours(folder)
            record("drift-bikes", "drift score", score, case=part, note=verdict)
            found = [moved, *(theirs(peers or Path(), peer, folder) for peer in tools.values())]
            for way, one in zip(("modelway", *tools), found, strict=True):
                record(
                    "drift-bikes", f"of {len(COLUMNS)} columns named", len(one), way=way, case=part, note=_words(one)
                )
                calendar = one & set(CALENDAR)
                record(
                    "drift-bikes", "of the calendar's four", len(calendar), way=way, case=part, note=_words(calendar)
                )
            lines.append(f"| {part} | {verdict} | {' | '.join(_words(one) for one in found)} |")
    return "\n".join([*lines, "", f"From the calendar, so that it hardly moves: {', '.join(CALENDAR)}."])


def _words(columns: set[str]) -> str:
    return ", ".join(name for name in COLUMNS if name in columns) or "nothing"


def main() -> None:
    """Read the flags, compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--peers", type=Path, default=Path("/opt/peers"))
    parser.add_argument("--alone", action="store_true", help="without the peers")
    args = parser.parse_args()
    print(measure(None if args.alone else args.peers, args.data))


if __name__ == "__main__":
    main()
