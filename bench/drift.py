"""Drift of one data set against another, beside Evidently and NannyML: wall time, peak memory, and what each says.

python bench/drift.py ROWS [--peers /opt/peers] [--alone]

The peers live in environments of their own, `drift-evidently` and `drift-nannyml` below --peers, with telemetry off.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from drift_set import MOVED, write

HERE = Path(__file__).parent
SILENT = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "OMP_NUM_THREADS": "1"}


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", type=int)
    parser.add_argument("--peers", type=Path, default=Path("/opt/peers"))
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "modelway-drift")
    args = parser.parse_args()
    folder = args.folder / str(args.rows)
    write(folder, args.rows)
    ours = folder / "modelway.json"
    calls = {
        "modelway": [sys.executable, "-m", "modelway", "drift", "--baseline", str(folder / "reference.parquet"),
                     "--current", str(folder / "current.parquet"), "--output", str(ours), "--threshold", "1"],
    }  # fmt: skip
    if not args.alone:
        for peer in ("nannyml", "evidently"):
            python = args.peers / f"drift-{peer}" / "bin" / "python"
            calls[peer] = [str(python), str(HERE / "drift_peers" / f"with_{peer}.py"), str(folder)]
    for name, argv in calls.items():
        out = folder / f"{name}.out"
        seconds, busy, memory, code = measured(argv, out)
        if name == "modelway":
            columns = json.loads(ours.read_text())["columns"]
            said = [one["name"] for one in columns if one["state"] == "moved"]
        else:
            said = json.loads(out.read_text().splitlines()[-1]) if code == 0 else []
        right, wrong = sorted(set(said) & set(MOVED)), sorted(set(said) - set(MOVED))
        cost = f"{seconds:8.2f} s {busy:8.2f} s CPU {memory:8.0f} MB"
        print(f"{name:10} {cost} exit {code} found {len(right)} of 5 {wrong or ''}", flush=True)


if __name__ == "__main__":
    main()
