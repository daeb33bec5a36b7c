"""Batch inference beside its peers: rows a second, and rows for each second of a core.

`python bench/batch.py [ROWS]`: rows of the file (default 5,000,000). Ways that are slow score the first part of the
file alone, as their rate does not depend on how many rows there are. Lines are printed to stderr as they come.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from measure import LOG, Run, machine, run
from records import at_least, at_most, record

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SAMPLE = 100_000
FEW = {"pyfunc-1000": 100_000, "pyfunc-100000": 200_000}
"""Rows that slow ways score."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
WAYS = ("pyfunc-1000", "pyfunc-100000", "raw", "raw, 2 threads", "onnx", "reading")
"""What modelway is compared with; `raw, 2 threads` leaves both cores to the estimator's own threads."""
NAMES = {
    "pyfunc-1000": "pyfunc, 1,000 rows at a time",
    "pyfunc-100000": "pyfunc, 100,000 rows at a time",
    "raw": "raw estimator, in memory",
    "raw, 2 threads": "the same, two threads of its own",
    "onnx": "ONNX Runtime, in memory",
    "reading": "reading alone",
}
"""How records call them."""
ROWS = 5_000_000
_MOST_MIB = 1e9 / 2**20
AIMS = {("linear", "pyfunc-1000"): 14, ("boosted trees", "pyfunc-1000"): 4, ("linear", "reading"): 0.7}
"""Rows by a core, modelway's to each of the others'; 0.9 of the best of all that score."""
KINDS = {"linear": "{kind: linear, epochs: 5}", "boosted trees": "{kind: boosted_trees, num_leaves: 15}"}


def prepare(folder: Path, rows: int) -> Path:
    """A Parquet file of so many rows, and a bundle of each kind of model."""
    modelway = [sys.executable, "-m", "modelway"]
    for kind, estimator in KINDS.items():
        place = folder / kind.replace(" ", "-")
        place.mkdir()
        subprocess.run([*modelway, "sample", "--output", str(place / "data"), "--rows", "20000"], check=True)
        shutil.copy(ROOT / "modelway.yaml", place)
        argv = ["train", "--config", str(place / "modelway.yaml"), "--output-dir", str(place / "trained")]
        told = subprocess.run(
            [*modelway, *argv, "--set", f"fit.estimator={estimator}", "--no-register"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if told.returncode not in {0, 4, 5}:
            raise RuntimeError(told.stderr)
        _pack(place)
    subprocess.run(
        [*modelway, "sample", "--output", str(folder / "new"), "--rows", str(min(rows, SAMPLE)), "--seed", "9"],
        check=True,
    )
    table = pa_csv.read_csv(folder / "new" / "loans.csv", convert_options=pa_csv.ConvertOptions(
        strings_can_be_null=True, column_types={"income": pa.float64(), "amount": pa.float64()}))  # fmt: skip
    at = table.schema.get_field_index("applied_on")
    day = table.column(at).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    table = table.set_column(at, "applied_on", day)
    file = folder / "new.parquet"
    repeat(table, file, rows)
    for way, few in FEW.items():
        repeat(table, folder / f"{way}.parquet", min(few, rows))
    return file


def repeat(table: pa.Table, file: Path, rows: int, **how: Any) -> None:
    """Write a table again and again, up to so many rows; `how` is pyarrow's."""
    with pq.ParquetWriter(file, table.schema, **how) as writer:
        for start in range(0, rows, table.num_rows):
            writer.write_table(table.slice(0, min(table.num_rows, rows - start)))


def _pack(place: Path) -> None:
    from modelway.bundle import pack_bundle
    from modelway.records.bundle import Origin

    pack_bundle(place / "trained", Origin(name="loans", version=1, run_id="r" * 32), place / "bundle")


def batch(folder: Path, bundle: Path, file: Path, workers: int, name: str, *more: str) -> Run:
    """`modelway batch` in a folder of its own."""
    argv = ["--bundle", str(bundle), "--input", str(file), "--output", str(folder / "out"), "--run", name]
    command = [sys.executable, "-m", "modelway", "batch", *argv, "--workers", str(workers), "--memory", "1GB", *more]
    return run(command, bundle.parent)


def measure(rows: int = ROWS) -> str:
    """The section of RESULTS.md."""
    with tempfile.TemporaryDirectory(prefix="modelway-bench.") as directory:
        folder = Path(directory)
        return measure_in(folder, prepare(folder, rows), rows)


def measure_in(folder: Path, file: Path, rows: int) -> str:
    """The same, in a folder that is prepared."""
    told = (
        f"`python bench/batch.py {rows}`: Parquet, {rows:,} rows, 13 columns, {machine()}; load "
        f"{os.getloadavg()[0]:.1f} when it began. Slow ways score the first {min(FEW.values()):,} rows or so, and "
        "their clock starts once the model is there. Thousand rows a second by the clock and by a core, whose time a "
        "busy machine changes less."
    )
    lines = [
        told,
        "",
        "| model | way | rows | by the clock | by a core | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    rates = {kind: _compare(folder, file, rows, kind, lines) for kind in KINDS}
    _record_ratios(rates, rows)
    lines += ["", *_ratios(rates), "", *_growth(folder, rows)]
    return "\n".join([*lines, "", f"Load at the end: {os.getloadavg()[0]:.1f}."])


def _compare(folder: Path, file: Path, rows: int, kind: str, lines: list[str]) -> dict[str, tuple[float, float]]:
    """Rows a second by the clock and by a core, of each way in turn."""
    bundle = folder / kind.replace(" ", "-") / "bundle"
    found = {}

    def note(way: str, count: int, one: Run) -> None:
        found[way] = (count / one.seconds, count / one.cpu_seconds)
        by_clock, by_core = (rate / 1e3 for rate in found[way])
        _record(f"{kind}, {rows:,} rows", way, by_clock, by_core, one)
        lines.append(f"| {kind} | {way} | {count:,} | {by_clock:,.0f} | {by_core:,.0f} | {one.peak_mib:,.0f} MiB |")
        print(lines[-1], file=sys.stderr, flush=True)

    for way in WAYS:
        given = folder / f"{way}.parquet" if way in FEW else file
        name, _, threads = way.partition(", ")
        command = [sys.executable, str(HERE / "batch_peers.py"), name, str(bundle), str(given), str(folder / "scored")]
        one = run(command, folder, environment={} if threads else ONE_THREAD)
        if way in FEW:  # few rows: what it takes to start would count for much
            one = replace(one, **json.loads((folder / LOG).read_text().splitlines()[-1]))
        note(way, pq.ParquetFile(given).metadata.num_rows, one)
    for workers in (1, 2):
        name = f"modelway, {workers} process{'es' if workers > 1 else ''}"
        note(name, rows, batch(folder, bundle, file, workers, f"{bundle.parent.name}-{workers}"))
    return found


def _record(case: str, way: str, by_clock: float, by_core: float, one: Run) -> None:
    way = NAMES.get(way, way)
    record("batch", "rows by the clock", by_clock, "thousand rows/s", way=way, case=case)
    record("batch", "rows by a core", by_core, "thousand rows/s", way=way, case=case)
    aim = at_most(_MOST_MIB) if way.startswith("modelway") else None
    record("batch", "peak memory", one.peak_mib, "MiB", way=way, case=case, aim=aim)


def _ratios(rates: dict[str, dict[str, tuple[float, float]]]) -> list[str]:
    lines = []
    for at, measure_of, ours in ((1, "by a core", "modelway, 1 process"), (0, "by the clock", "modelway, 2 processes")):
        lines += [f"| {measure_of}, {ours} against | {' | '.join(KINDS)} |", "|---|---|---|"]
        for way in WAYS:
            ratios = [rates[kind][ours][at] / rates[kind][way][at] for kind in KINDS]
            lines.append(f"| {way} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
        lines.append("")
    return lines[:-1]


def _record_ratios(rates: dict[str, dict[str, tuple[float, float]]], rows: int) -> None:
    for kind, ways in rates.items():
        case, whole = f"{kind}, {rows:,} rows", rows >= ROWS
        ratios = {way: ways["modelway, 1 process"][1] / ways[way][1] for way in WAYS}
        for way, value in ratios.items():
            aim = at_least(AIMS[kind, way]) if whole and (kind, way) in AIMS else None
            record("batch", "ratio of rows by a core, modelway to peer", value, way=NAMES[way], case=case, aim=aim)
        best = min((way for way in WAYS if way != "reading"), key=lambda way: ratios[way])
        aim, what = at_least(0.9) if whole else None, "ratio of rows by a core, modelway to the best of the others"
        record("batch", what, ratios[best], case=case, aim=aim, note=NAMES[best])


def _growth(folder: Path, rows: int) -> list[str]:
    """Time and memory for a fifth, the whole and four times the rows."""
    table = pq.read_table(folder / "pyfunc-1000.parquet")
    lines = ["| rows (linear, 2 processes) | seconds | seconds of a core | peak memory |", "|---|---|---|---|"]
    for count in (rows // 5, rows, rows * 4):
        file = folder / "growing.parquet"
        repeat(table, file, count)
        one = batch(folder, folder / "linear" / "bundle", file, 2, f"growing-{count}")
        case, way = f"growing: {count:,} rows", "modelway, 2 processes"
        record("batch", "seconds", one.seconds, "s", way=way, case=case)
        record("batch", "seconds of a core", one.cpu_seconds, "s", way=way, case=case)
        record("batch", "peak memory", one.peak_mib, "MiB", way=way, case=case, aim=at_most(_MOST_MIB))
        lines.append(f"| {count:,} | {one.seconds:.1f} | {one.cpu_seconds:.1f} | {one.peak_mib:,.0f} MiB |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:2])))
