"""Failures that people make: one clear message, its exit code, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Project


def _without(table: pa.Table, column: str) -> pa.Table:
    return table.drop_columns([column])


def _put(table: pa.Table, column: str, values: list[object]) -> pa.Table:
    return table.set_column(table.column_names.index(column), column, pa.array([str(value) for value in values]))


def _csv(change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """Change the table behind a CSV file; all columns are read as text."""

    def apply(path: Path) -> None:
        with path.open() as file:
            names = file.readline().strip().split(",")
        options = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        pyarrow.csv.write_csv(change(pyarrow.csv.read_csv(path, convert_options=options)), path)

    return apply


def _text(change: Callable[[str], str], encoding: str = "utf-8") -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(path.read_text()).encode(encoding)) and None


def _torn_parquet(path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"age": list(range(1000))}), path.with_suffix(".parquet"))
    data = path.with_suffix(".parquet").read_bytes()
    path.with_suffix(".parquet").write_bytes(data[: len(data) // 2])
    path.unlink()


DATA_FAULTS = {
    "missing file": (lambda path: path.unlink(), ["loans.csv"]),
    "empty file": (lambda path: path.write_bytes(b""), ["loans.csv", "empty"]),
    "header only": (_text(lambda text: text.split("\n", 1)[0] + "\n"), ["loans.csv", "no row"]),
    "missing target": (_csv(lambda table: _without(table, "defaulted")), ["defaulted"]),
    "one class only": (_csv(lambda table: _put(table, "defaulted", ["no"] * table.num_rows)), ["defaulted", "no"]),
    "all-null column": (_csv(lambda table: _put(table, "income", [""] * table.num_rows)), ["income"]),
    "infinity": (_csv(lambda table: _put(table, "income", ["inf"] * table.num_rows)), ["income", "inf"]),
    "mixed types": (_text(lambda text: text.replace(",36,", ",three years,", 1)), ["term_months", "three years"]),
    "wrong delimiter": (_text(lambda text: text.replace(",", ";")), [";", "delimiter"]),
    "Latin-1 bytes": (_text(lambda text: text.replace("car", "c\xe0r"), "latin-1"), ["encoding"]),
    "torn Parquet": (_torn_parquet, ["loans.parquet"]),
    "unknown column": (_text(lambda text: text.replace("income", "incme", 1)), ["incme"]),
    "out of range": (_csv(lambda table: _put(table, "age", [7] * table.num_rows)), ["age", "7", "18"]),
}


@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_data_that_does_not_fit_is_refused(project: Project, fault: str) -> None:
    change, words = DATA_FAULTS[fault]
    change(project.root / "data" / "loans.csv")
    before = sorted(project.root.rglob("*"))
    code = project.run("train", "--set", "prepare.data.uri=data") if fault == "torn Parquet" else project.run("train")
    assert code == 3, project.err
    for word in words:
        assert word in project.err
    assert project.err.count("modelway: ") == 1
    assert project.out == ""
    assert [path for path in sorted(project.root.rglob("*")) if ".modelway" not in path.parts] == before


def test_a_column_with_100_000_categories_is_refused(project: Project) -> None:
    path = project.root / "data" / "loans.csv"
    _csv(lambda table: _put(table, "purpose", [f"p{row}" for row in range(table.num_rows)]))(path)
    assert project.run("train") == 3
    for word in ("purpose", "categories", "max_categories"):
        assert word in project.err
    assert not (project.root / "model-artifacts").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["train", "--epochs", "-1"], ["--epochs", "-1"]),
        (["train", "--batch-size", "32"], ["batch_size", "each round"]),
        (["train", "--trials", "-3"], ["--trials"]),
        (["train", "--config", "nowhere.yaml"], ["nowhere.yaml"]),
        (["train", "--set", "fit.sede=1"], ["fit.sede", "seed"]),
        (["train", "--tracking-uri", "ftp://x"], ["register.tracking_uri"]),
        (["train", "--output-dir", "data"], ["data", "not a modelway artifact"]),
        (["fit", "--prepared", "data", "--output", "model"], ["data"]),
        (["promote", "1"], ["1", "modelway train"]),
        (["sample", "--output", "x", "--drift", "sideways"], ["sideways", "covariate"]),
    ],
)
def test_wrong_usage_is_refused(project: Project, argv: list[str], words: list[str]) -> None:
    code = project.run(*argv)
    assert code == (3 if argv[0] == "fit" else 2), project.err
    for word in words:
        assert word in project.err


@pytest.mark.parametrize("argv", [["--no-such-flag"], ["frobnicate"], ["train", "--epochs", "many"], []])
def test_argparse_ends_with_2(argv: list[str], project: Project) -> None:
    with pytest.raises(SystemExit) as caught:
        project.run(*argv)
    assert caught.value.code == 2


def test_an_error_is_one_json_record_where_asked_for(project: Project) -> None:
    (project.root / "data" / "loans.csv").unlink()
    record = project.json("train")
    assert record["exit_code"] == 3
    assert record["error"]["remedy"]


def test_a_server_that_is_not_there_is_an_outside_failure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert project.run("train") == 6
    assert "127.0.0.1:9" in project.err


def test_half_a_secret_is_wrong_usage(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    assert project.run("train") == 2
    assert "password" in project.err


def test_a_bug_is_called_one(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("no way")

    monkeypatch.setattr("modelway.data.sample.write_sample", broken)
    assert project.run("sample", "--output", "x", "--verbose") == 1
    assert "bug in modelway" in project.err
    assert "Traceback" in project.err


def modelway(project: Project, *argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "modelway", *argv],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_leaves_nothing_half_written(project: Project, kind: signal.Signals) -> None:
    slow = ("--epochs", "100000", "--set", "fit.estimator.patience=null")
    process = modelway(project, "train", *slow)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("fit:"):
            break
    process.send_signal(kind)
    assert process.wait(timeout=60) == 130
    assert sorted(path.name for path in project.root.iterdir() if path.name != ".modelway") == ["data", "modelway.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_is_an_outside_failure(project: Project) -> None:
    small = project.root / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        assert project.run("train", "--epochs", "20", "--output-dir", str(small / "out")) == 6
        assert "No space left" in project.err
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_whoever_stops_reading_does_no_harm(project: Project) -> None:
    process = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m modelway schema | head -1; exit ${{PIPESTATUS[0]}}"],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.stdout.strip(), process.stderr, process.returncode) == ("{", "", 6)


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from modelway.cli.main import run
try:
    run(["--help"])
except SystemExit:
    print(sorted(sys.modules))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for heavy in ("numpy", "pyarrow", "pydantic", "yaml", "rich", "mlflow", "sklearn"):
        assert f"'{heavy}'" not in out
