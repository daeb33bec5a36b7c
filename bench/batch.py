"""Batch inference beside its peers: rows a second, and rows for each second of a core.

`python bench/batch.py [ROWS] [KILLS]`: rows of the file (default 5,000,000), how often runs are killed (default 200).
Ways that are slow score the first part of the file alone, as their rate does not depend on how many rows there are.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from measure import Run, machine, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SAMPLE = 100_000
FEW = {"pyfunc-1000": 100_000, "pyfunc-100000": 200_000}
"""Rows that slow ways score."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
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
    _repeat(table, file, rows)
    for way, few in FEW.items():
        _repeat(table, folder / f"{way}.parquet", min(few, rows))
    return file


def _repeat(table: pa.Table, file: Path, rows: int) -> None:
    with pq.ParquetWriter(file, table.schema) as writer:
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


def measure(rows: int = 5_000_000, kills: int = 200) -> str:
    """The section of RESULTS.md."""
    with tempfile.TemporaryDirectory(prefix="modelway-bench.") as directory:
        folder = Path(directory)
        return measure_in(folder, prepare(folder, rows), rows, kills)


def measure_in(folder: Path, file: Path, rows: int, kills: int) -> str:
    """The same, in a folder that is prepared."""
    told = (
        f"`python bench/batch.py {rows} {kills}`: Parquet, {rows:,} rows, 13 columns, {machine()}; load "
        f"{os.getloadavg()[0]:.1f} at its begin. Ways that are slow score the first {min(FEW.values()):,} rows or "
        "so. Thousand rows a second by the clock and by a core, whose time a busy machine changes little."
    )
    lines = [
        told,
        "",
        "| model | way | rows | by the clock | by a core | peak memory |",
        "|---|---|---|---|---|---|",
    ]
    rates = {}
    for kind in KINDS:
        rates[kind] = _compare(folder, file, rows, kind, lines)
    lines += ["", *_ratios(rates), "", *_growth(folder, rows), "", _kills(folder, kills)]
    return "\n".join(lines)


def _compare(folder: Path, file: Path, rows: int, kind: str, lines: list[str]) -> dict[str, float]:
    bundle = folder / kind.replace(" ", "-") / "bundle"
    found = {}
    for way in ("pyfunc-1000", "pyfunc-100000", "raw", "onnx", "reading"):
        given = folder / f"{way}.parquet" if way in FEW else file
        count = pq.ParquetFile(given).metadata.num_rows
        command = [sys.executable, str(HERE / "batch_peers.py"), way, str(bundle), str(given), str(folder / "scored")]
        found[way] = (count, run(command, folder, environment=ONE_THREAD))
    for workers in (1, 2):
        name = f"modelway, {workers} process{'es' if workers > 1 else ''}"
        found[name] = (rows, batch(folder, bundle, file, workers, f"{bundle.parent.name}-{workers}"))
    for way, (count, one) in found.items():
        by_clock, by_core = count / one.seconds / 1e3, count / one.cpu_seconds / 1e3
        lines.append(f"| {kind} | {way} | {count:,} | {by_clock:,.0f} | {by_core:,.0f} | {one.peak_mib:,.0f} MiB |")
    return {way: count / one.cpu_seconds for way, (count, one) in found.items()}


def _ratios(rates: dict[str, dict[str, float]]) -> list[str]:
    lines = ["| by a core, modelway with one process | linear | boosted trees |", "|---|---|---|"]
    for way in ("pyfunc-1000", "pyfunc-100000", "raw", "onnx", "reading"):
        ratios = [rates[kind]["modelway, 1 process"] / rates[kind][way] for kind in KINDS]
        lines.append(f"| against {way} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    return lines


def _growth(folder: Path, rows: int) -> list[str]:
    """Time and memory for a fifth, the whole and twice the rows."""
    table = pq.read_table(folder / "pyfunc-1000.parquet")
    lines = ["| rows (linear, 2 processes) | seconds | seconds of a core | peak memory |", "|---|---|---|---|"]
    for count in (rows // 5, rows, rows * 2):
        file = folder / "growing.parquet"
        _repeat(table, file, count)
        one = batch(folder, folder / "linear" / "bundle", file, 2, f"growing-{count}")
        lines.append(f"| {count:,} | {one.seconds:.1f} | {one.cpu_seconds:.1f} | {one.peak_mib:,.0f} MiB |")
    return lines


def _kills(folder: Path, kills: int) -> str:
    """Kill runs at random moments until each is done; its bytes have to be those of a run that nobody killed."""
    rows = 1_000_000
    file = folder / "killed.parquet"
    _repeat(pq.read_table(folder / "pyfunc-1000.parquet"), file, rows)
    bundle = folder / "boosted-trees" / "bundle"
    whole, chance = folder / "whole", random.Random(0)
    argv = ["--bundle", str(bundle), "--input", str(file), "--run", "one", "--workers", "2"]
    command = [sys.executable, "-m", "modelway", "batch", *argv]
    begin = time.monotonic()
    subprocess.run([*command, "--output", str(whole)], cwd=bundle.parent, check=True, capture_output=True)
    seconds = time.monotonic() - begin
    done = runs = 0
    while done < kills:
        output = folder / "killed"
        shutil.rmtree(output, ignore_errors=True)
        # The plan is the uninterrupted run's, so that both began at the same time.
        (output / "one" / "_run").mkdir(parents=True)
        shutil.copy(whole / "one" / "_run" / "plan.json", output / "one" / "_run")
        while done < kills:
            process = subprocess.Popen(
                [*command, "--output", str(output)], cwd=bundle.parent,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                process.wait(chance.uniform(0, 1.2) * seconds)
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                done += 1
        subprocess.run([*command, "--output", str(output)], cwd=bundle.parent, check=True, capture_output=True)
        runs += 1
        if _published(output / "one") != _published(whole / "one"):
            raise RuntimeError(f"after {done} kills the bytes are others")
    summary = json.loads((folder / "killed" / "one" / "batch.json").read_text())
    return (
        f"{done} kills (SIGKILL) at random moments of {runs} runs of {summary['rows']:,} rows: each run ended with the "
        "bytes of one that nobody killed: no row lost, none twice."
    )


def _published(folder: Path) -> dict[str, bytes]:
    names = [path for path in sorted(folder.rglob("*")) if path.is_file() and "_run" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names if path.name != "timings.json"}


if __name__ == "__main__":
    print(measure(*map(int, sys.argv[1:3])))
