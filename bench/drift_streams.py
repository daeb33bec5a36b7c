"""How good drift and performance are on streams whose truth is known, beside Evidently and NannyML.

python bench/drift_streams.py [--peers /opt/peers] [--alone]

Every tool reads the same windows from the same files, each tool in an environment of its own (see `drift.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import drift_labels
from drift import SILENT
from drift_stream_set import CHANGES, NOTHING, SLICED, WORDS, Change, write_reference, write_stream
from records import at_most, record

from modelway.pipeline.baselines import open_reference
from modelway.pipeline.drift import Rows, find_drift
from modelway.records.data import S3Options
from modelway.records.drift import State
from modelway.records.monitor import DriftOptions

HERE = Path(__file__).parent
QUIET, STREAMS, WINDOWS = 1000, 20, 5
FEW = {"Evidently": (50, 2)}
"""Quiet windows and streams of a change for those that take a second or more for a window."""
NAME, OURS = "drift-streams", "modelway drift"
PEERS = {"NannyML": "nannyml", "Evidently": "evidently"}


@dataclass(frozen=True)
class Said:
    """What a tool says of one window.

    Attributes:
        columns: those that it says moved, in all rows or in a slice.
        whole: whether it says that the data set drifted.
        score: modelway's drift score.
    """

    columns: frozenset[str]
    whole: bool
    score: float = 0.0


def ours(reference: Path, windows: list[Path]) -> list[Said]:
    """What `modelway drift` says with its defaults and one column's slices, window by window."""
    cache, options = reference.parent / "cache", DriftOptions()
    known = open_reference(str(reference), S3Options(), cache, slices=(SLICED,))
    now = datetime.now(UTC)
    said = []
    for path in windows:
        report = find_drift(options, known, Rows(str(path), now, now, S3Options(), cache, is_log=False))
        moved = {one.name for one in report.columns if one.state is State.MOVED}
        inside = {one.moved for one in report.slices}
        said.append(Said(frozenset(moved | inside), report.exit_code == 4, report.score or 0.0))
    return said


def theirs(peers: Path, peer: str, reference: Path, windows: list[Path]) -> list[Said]:
    """What a peer says with its defaults."""
    command = [str(peers / f"drift-{peer}" / "bin" / "python"), str(HERE / "drift_peers" / f"streams_with_{peer}.py")]
    asked = json.dumps({"reference": str(reference), "windows": [str(path) for path in windows]})
    done = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, env=os.environ | SILENT)
    answers = json.loads(done.stdout.splitlines()[-1])
    return [Said(frozenset(one["columns"]), one["whole"]) for one in answers]


@dataclass(frozen=True)
class Judged:
    """What one tool said of all it was shown.

    Attributes:
        tool: its name.
        quiet: of the windows in which nothing moved.
        changed: of each change's streams, window by window.
    """

    tool: str
    quiet: list[Said]
    changed: dict[Change, list[list[Said]]]

    def found(self, change: Change) -> str:
        """In how many streams the column was named, and after how many windows."""
        named = self.named(change)
        delay = f", after {statistics.mean(named):.1f}" if named else ""
        return f"{len(named)} of {len(self.changed[change])}{delay}"

    def named(self, change: Change) -> list[int]:
        """Of each stream in which the column was named, the window in which it was first."""
        first = [
            next((at for at, one in enumerate(stream, start=1) if change.column in one.columns), 0)
            for stream in self.changed[change]
        ]
        return [at for at in first if at]

    def false_alarms(self) -> list[str]:
        """Windows that were looked at; per 1,000 of them: on the whole data set, and with any column named."""
        windows = len(self.quiet)
        whole, named = sum(one.whole for one in self.quiet), sum(bool(one.columns) for one in self.quiet)
        judges = self.tool != "NannyML"  # which has no verdict on the whole
        return [
            f"{windows:,}",
            f"{whole * 1000 / windows:.0f}" if judges else "none",
            f"{named * 1000 / windows:.0f}",
        ]


def judge(tool: str, peers: Path, folder: Path) -> Judged:
    """Show a tool the streams."""
    quiet, streams = FEW.get(tool, (QUIET, STREAMS))
    reference = folder / "reference.parquet"
    paths = write_stream(folder, NOTHING, 0, quiet)
    for change in CHANGES:
        for stream in range(streams):
            paths += write_stream(folder, change, stream, WINDOWS)
    said = ours(reference, paths) if tool == OURS else theirs(peers, PEERS[tool], reference, paths)
    after = iter(said[quiet:])
    changed = {change: [[next(after) for _ in range(WINDOWS)] for _ in range(streams)] for change in CHANGES}
    return Judged(tool, said[:quiet], changed)


def measure(peers: Path | None = Path("/opt/peers")) -> str:
    """Run the benchmark and give its lines of the results."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_reference(folder)
        tools = [OURS, *(PEERS if peers is not None else ())]
        judged = {tool: judge(tool, peers or Path(), folder) for tool in tools}
        for one in judged.values():
            _record(one)
        labels = drift_labels.measure(folder / "labels", peers)
    return "\n".join([*_table(judged), "", labels])


def _record(one: Judged) -> None:
    windows, quiet = len(one.quiet), f"{len(one.quiet):,} windows without drift"
    if one.tool != "NannyML":
        whole = sum(said.whole for said in one.quiet) * 1000 / windows
        aim = at_most(10) if one.tool == OURS else None
        record(NAME, "alarms on the whole per 1,000 windows", whole, way=one.tool, aim=aim, summary=quiet)
    named = sum(bool(said.columns) for said in one.quiet) * 1000 / windows
    record(NAME, "any column named, per 1,000 windows", named, way=one.tool, summary=quiet)
    for change in CHANGES:
        case, first, streams = WORDS[change.kind].format(change.size), one.named(change), len(one.changed[change])
        record(
            NAME,
            "streams found",
            100 * len(first) / streams,
            "%",
            way=one.tool,
            case=case,
            summary=f"{streams} streams",
        )
        if first:
            delay = statistics.mean(first)
            record(NAME, "windows until found", delay, way=one.tool, case=case, summary=f"mean of {len(first)}")


def _table(judged: dict[str, Judged]) -> list[str]:
    lines = [
        "Windows of 2,000 rows x 10 columns against a reference of 20,000; one column changes before a stream's first",
        "window. Defaults everywhere. `python bench/drift_streams.py` repeats this part. Of a change: in how many",
        f"streams the column was named within {WINDOWS} windows, and in which window on average.",
        "",
        f"| | {' | '.join(judged)} |",
        f"|---|{'---|' * len(judged)}",
    ]
    for at, what in enumerate(
        ("windows without drift", "alarms on the whole per 1,000", "any column named, per 1,000")
    ):
        lines.append(f"| {what} | {' | '.join(one.false_alarms()[at] for one in judged.values())} |")
    for change in CHANGES:
        cells = " | ".join(one.found(change) for one in judged.values())
        lines.append(f"| {WORDS[change.kind].format(change.size)} | {cells} |")
    quiet = judged[OURS].quiet
    lower = sum(one.score >= 0.2 for one in quiet)
    return [
        *lines,
        "",
        "Aim: at most 10 alarms on the whole per 1,000. With the sample's threshold of 0.2 instead of 0.6, modelway",
        f"would have given {lower} in {len(quiet):,} windows. NannyML has no verdict on the whole.",
    ]


def main() -> None:
    """Read the flags, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", type=Path, default=Path("/opt/peers"))
    parser.add_argument("--alone", action="store_true", help="without the peers")
    args = parser.parse_args()
    print(measure(None if args.alone else args.peers))


if __name__ == "__main__":
    main()
