"""Drift of one data set against another, beside Evidently and NannyML: wall time, peak memory, and what each says.

python bench/drift.py [ROWS] [--files N] [--peers /opt/peers] [--alone]

The peers live in environments of their own, `drift-evidently` and `drift-nannyml` below --peers, with telemetry off.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from drift_set import MOVED, write
from records import at_least, at_most, record

HERE = Path(__file__).parent
FOLDER = Path(tempfile.gettempdir()) / "modelway-drift"
OURS = "modelway drift"
TIMES_FASTER = {"NannyML": 15, "Evidently": 80}
"""How many times modelway's seconds each of them should take at 1,000,000 rows."""
PEERS = {"nannyml": "NannyML", "evidently": "Evidently"}
SILENT = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Took:
    """What a tool took, and what it said.

    Attributes:
        seconds: by the clock.
        busy: of all processors.
        memory: the peak, in MB.
        code: the exit code.
        said: the columns that it says moved.
    """

    seconds: float
    busy: float
    memory: float
    code: int
    said: frozenset[str]

    def cells(self) -> str:
        """As cells of a table."""
        if self.code:
            return f"it ended with {self.code} | | | | "
        right, wrong = self.said & set(MOVED), sorted(self.said - set(MOVED))
        cost = f"{self.seconds:.1f} s | {self.busy:.1f} s | {self.memory:.0f} MB"
        return f"{cost} | {len(right)} | {', '.join(wrong) or '0'}"


def measured(argv: list[str], out: Path) -> tuple[float, float, float, int]:
    """Seconds by the clock, seconds of the processors, peak memory in MB and the exit code of a process."""
    begin = time.perf_counter()
    with out.open("w") as stdout, out.with_suffix(".err").open("w") as stderr:
        actions = [(os.POSIX_SPAWN_DUP2, stdout.fileno(), 1), (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2)]
        pid = os.posix_spawn(argv[0], argv, os.environ | SILENT, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
    return (
        time.perf_counter() - begin,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        os.waitstatus_to_exitcode(status),
    )


def compare(rows: int, folder: Path, peers: Path | None, files: int = 1) -> dict[str, Took]:
    """What each tool takes for so many rows, which stand in so many files, all with the same rows.

    Raises:
        ValueError: the peers are asked for, which read one file.
    """
    if files > 1 and peers is not None:
        raise ValueError("the peers read one file")
    folder = folder / str(rows)
    write(folder, rows)
    sides = [folder / f"{name}.parquet" for name in ("reference", "current")]
    if files > 1:
        sides = [_often(side, files) for side in sides]
    ours = folder / "modelway.json"
    command = [sys.executable, "-m", "modelway", "drift", "--threshold", "1", "--output", str(ours)]
    calls = {OURS: [*command, "--baseline", str(sides[0]), "--current", str(sides[1])]}
    for peer, name in PEERS.items() if peers is not None else ():
        python = (peers or Path()) / f"drift-{peer}" / "bin" / "python"
        calls[name] = [str(python), str(HERE / "drift_peers" / f"with_{peer}.py"), str(folder)]
    found = {}
    for name, argv in calls.items():
        out = folder / f"{name.split()[0]}.out"
        seconds, busy, memory, code = measured(argv, out)
        if code:
            said = []
        elif name == OURS:
            said = [one["name"] for one in json.loads(ours.read_text())["columns"] if one["state"] == "moved"]
        else:
            said = json.loads(out.read_text().splitlines()[-1])
        found[name] = Took(seconds, busy, memory, code, frozenset(said))
        _record(
            name, found, f"{rows * files:,} rows a side" + (f", {files} files of the same rows" if files > 1 else "")
        )
        print(f"{rows:,} x {files}: {name}: {found[name].cells()}", file=sys.stderr, flush=True)
    return found


def _record(name: str, found: dict[str, Took], case: str) -> None:
    one, ours = found[name], found[OURS]
    if one.code:
        record("drift", "exit code", one.code, way=name, case=case)
        return
    mine = name == OURS
    for what, value, unit, aim in (
        ("seconds", one.seconds, "s", None),
        ("seconds of all cores", one.busy, "s", None),
        ("peak memory", one.memory, "MB", at_most(1000)),
        ("columns found, of five that moved", len(one.said & set(MOVED)), "", at_least(len(MOVED))),
        ("columns named besides", len(one.said - set(MOVED)), "", at_most(0)),
    ):
        record("drift", what, value, unit, way=name, case=case, aim=aim if mine else None)
    if not mine and not ours.code:
        aim = at_least(TIMES_FASTER[name]) if case.startswith("1,000,000 ") else None
        record("drift", "ratio of seconds, peer to modelway", one.seconds / ours.seconds, way=name, case=case, aim=aim)


def _often(side: Path, files: int) -> Path:
    """A folder with the same file many times over."""
    folder = side.with_suffix(f".{files}")
    folder.mkdir(exist_ok=True)
    for number in range(files):
        if not (link := folder / f"{number:03}.parquet").exists():
            link.hardlink_to(side)
    return folder


def measure(folder: Path = FOLDER, peers: Path | None = Path("/opt/peers")) -> str:
    """Run all sizes and give the lines of the results."""
    lines = [
        "25 columns, of which five moved; each tool in a process of its own, from start to end, with its defaults.",
        "`python bench/drift.py` repeats this part.",
        "",
        "| rows a side | | by the clock | CPU | peak memory | of five found | besides |",
        "|---|---|---|---|---|---|---|",
    ]
    times = ""
    for rows in (100_000, 1_000_000):
        found = compare(rows, folder, peers)
        lines += [f"| {rows:,} | {name} | {took.cells()} |" for name, took in found.items()]
        ours, *others = found.items()
        times = ", ".join(f"{took.seconds / ours[1].seconds:.0f} x faster than {name}" for name, took in others)
        times += " by the clock; "
        times += ", ".join(f"{took.busy / ours[1].busy:.0f} x by CPU than {name}" for name, took in others)
    many = compare(1_000_000, folder, None, files=20)[OURS]
    lines.append(f"| 20,000,000 | modelway drift, 20 files of the same rows | {many.cells()} |")
    said = f"At 1,000,000 rows modelway is {times}. " if peers is not None else ""
    aims = "Aims: 80 x Evidently, 15 x NannyML, all five and none besides, 20,000,000 rows in less than 1,000 MB."
    return "\n".join([*lines, "", said + aims])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=int, nargs="?", help="so many rows alone")
    parser.add_argument("--files", type=int, default=1, help="read the rows so many times over; with --alone")
    parser.add_argument("--peers", type=Path, default=Path("/opt/peers"))
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args()
    peers = None if args.alone else args.peers
    if args.rows:
        compare(args.rows, args.folder, peers, args.files)
    else:
        print(measure(args.folder, peers))


if __name__ == "__main__":
    main()
