"""Suites and data that can't be checked: a clear error, exit code 2 or 3, and never a pass."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Project

SETTINGS = """\
name: loans
check_data:
  data: {{uri: data.csv}}
  checks:
    - {{check: row_count, min: 1}}
    - {check}
"""
DECLARED = """\
  columns:
    age: {type: integer}
    name: {type: text}
"""


@pytest.fixture
def project(tmp_path, in_project, monkeypatch) -> Project:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("age,name\n30,Ann\n40,Bob\n")
    return in_project(tmp_path)


def _refused(project: Project, check: str, *argv: str, declared: str = "") -> dict:
    (project.root / "modelway.yaml").write_text(SETTINGS.format(check=check) + declared)
    record = project.json("check-data", *argv)
    assert not (project.root / "reports").exists()
    return {"code": record["exit_code"], **record["error"]}


@pytest.mark.parametrize(
    ("check", "what", "remedy"),
    [
        ("{check: rnage, column: age, min: 1}", "unknown check 'rnage'", "Did you mean 'range'?"),
        ("{check: great, column: age}", "unknown check 'great'", "Known are: range, allowed,"),
        ("{column: age}", "check", ""),
        ("{check: range, column: age, min: 5, max: 1}", "min 5 is greater than max 1", ""),
        ("{check: mean, column: age, min: 5, max: 1}", "min 5.0 is greater than max 1.0", ""),
        ("{check: missing, column: age, min: 0.5, max: 0.1}", "min 0.5 is greater than max 0.1", ""),
        ("{check: range, column: age, min: '2026-02-01', max: '2026-01-01'}", "min 2026-02-01 is greater", ""),
        ("{check: range, column: age, min: '2026-02-01', max: 3}", "are of two kinds", ""),
        ("{check: range, column: age, min: soon}", "Invalid isoformat string: 'soon'", ""),
        ("{check: range, column: age}", "neither min nor max is given", ""),
        ("{check: range, column: age, min: 1, mostly: 1.5}", "expected less than or equal to 1, got 1.5", ""),
        ("{check: allowed, column: age, values: []}", "at least 1 item", ""),
        ("{check: range, column: age, mn: 1}", "unknown key", ""),
        ("{check: unique, columns: []}", "at least 1 item", ""),
        ("{check: unique, columns: [age, age]}", "the column 'age' stands there twice", ""),
        ("{check: freshness, column: age, max_age: two days}", "'two days' is no age", ""),
        ("{check: freshness, column: age, max_age: 99999999999w}", "longer than any calendar", ""),
        ("{check: baseline, statistic: rows, column: age, tolerance: 0.1}", "statistic rows has no column", ""),
        ("{check: baseline, statistic: mean, tolerance: 0.1}", "statistic mean needs a column", ""),
        ("{check: baseline, statistic: rows, tolerance: 0.1}", "there is no baseline to compare with", ""),
        ("{check: regex, column: name, pattern: '(?=a)b'}", "look-around", "Correct the check."),
        ("{check: regex, column: name, pattern: '(a)\\1'}", "backreferences are not supported", ""),
        ("{check: regex, column: name, pattern: 'a{1000}{1000}{1000}'}", "exceeds size limit", ""),
        ("{check: regex, column: name, pattern: '(a'}", "unclosed group", ""),
        ("{check: range, column: age, min: 1, when: {column: name}}", "a condition needs is, min, max or missing", ""),
    ],
)
def test_a_check_that_makes_no_sense_is_wrong_settings(project, check, what, remedy) -> None:
    error = _refused(project, check)
    assert error["code"] == 2
    assert what in error["what"]
    assert remedy in (error["remedy"] or "")
    assert error["where"] == f"{project.root / 'modelway.yaml'}:6" or error["where"] == "modelway.yaml:6"


def test_a_check_of_a_column_that_the_settings_do_not_know_is_wrong_settings(project) -> None:
    error = _refused(project, "{check: range, column: aeg, min: 1}", declared=DECLARED)
    assert (error["code"], error["remedy"]) == (2, "Did you mean 'age'?")
    assert error["where"].endswith("modelway.yaml:6")


def test_a_check_of_a_column_that_the_data_lack_is_a_refused_input(project) -> None:
    for check in ("{check: range, column: aeg, min: 1}", "{check: unique, columns: [age, aeg]}"):
        error = _refused(project, check)
        assert (error["code"], error["remedy"]) == (3, "Did you mean 'age'?")
        assert "the data have no column 'aeg'" in error["what"]
        assert error["where"].endswith("modelway.yaml:6"), error["where"]


def test_two_checks_of_one_name_are_wrong_settings(project) -> None:
    error = _refused(
        project, "{check: range, column: age, min: 1, name: x}\n    - {check: mean, column: age, max: 99, name: x}"
    )
    assert error["code"] == 2
    assert "names two checks 'x'" in error["what"]


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", "age,name\n", "no row"),
        ("a.csv", "", "empty"),
        ("a.jsonl", "", "empty"),
        ("a.jsonl", "\n\n", "empty"),
        ("a.jsonl", '{"age": 1}\n{"age": ', "torn"),
        ("a.jsonl", "[1]\n", "no JSON object"),
        ("a.csv", 'age,name\n1,"never closed\n2,x\n', "is never closed"),
        ("a.csv", "age,name\n1,x\n2\n", "1 values, the header 2"),
        ("a.parquet", "PAR1 but no Parquet", "torn or no Parquet"),
        ("a.txt", "age\n1\n", "files of kind '.txt'"),
    ],
)
def test_data_that_are_none_are_refused(project, name, content, what) -> None:
    (project.root / name).write_text(content)
    error = _refused(project, "{check: range, column: age, min: 1}", "--data", name)
    assert error["code"] == 3
    assert what in error["what"]


def test_an_empty_parquet_file_is_refused(project) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"age": pa.array([], pa.int64())}), project.root / "a.parquet")
    error = _refused(project, "{check: range, column: age, min: 1}", "--data", "a.parquet")
    assert (error["code"], error["what"]) == (3, "the data set has no row")


@pytest.mark.parametrize(
    "argv", [("--data", "gone.csv"), ("--baseline", "gone.json"), ("--expectations", "gone.json"), ("--data", "empty")]
)
def test_what_is_missing_is_refused(project, argv) -> None:
    (project.root / "empty").mkdir()
    assert _refused(project, "{check: range, column: age, min: 1}", *argv)["code"] == 3


def test_a_baseline_that_is_none_is_refused(project) -> None:
    (project.root / "b.json").write_text('{"rows": 3}')
    error = _refused(project, "{check: range, column: age, min: 1}", "--baseline", "b.json")
    assert (error["code"], error["what"]) == (3, "this is no profile of a data set")


def test_no_data_set_is_wrong_settings(project) -> None:
    (project.root / "modelway.yaml").write_text("name: loans\n")
    record = project.json("check-data")
    assert (record["exit_code"], record["error"]["what"]) == (2, "there is no data set to check")


def test_a_pattern_that_would_backtrack_for_ever_takes_no_time(project) -> None:
    # Python's own engine needs 2**40 steps for this.
    (project.root / "data.csv").write_text("age,name\n1," + "a" * 40 + "b\n")
    check = "{check: regex, column: name, pattern: '^(a+)+$'}"
    (project.root / "modelway.yaml").write_text(SETTINGS.format(check=check))
    start = time.monotonic()
    assert project.run("check-data") == 4
    assert time.monotonic() - start < 60  # not a matter of speed: it would be centuries


_MEASURED = """
import re, sys
from modelway.cli.main import run
code = run(sys.argv[1:])
# Not getrusage: there a process begins with the memory of the one that started it.
print(code, int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) >> 10)
"""


@pytest.mark.parametrize("size", [pytest.param(12, id="12 MB"), pytest.param(300, id="300 MB", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "before", "block", "after"),
    [
        ("header.csv", b"", b"x", b""),
        ("first.csv", b"age,name\n", b"x", b",1\n"),
        ("later.csv", b"age,name\n" + b"1,a\n" * 3_000_000, b"x", b",1\n"),
        ("quoted.csv", b'age,name\n1,"', b"x\n", b'",1\n'),
        ("line.jsonl", b'{"age": 1, "name": "', b"x", b'"}\n'),
        ("later.jsonl", b'{"age": 1}\n{"age": 1, "name": "', b"x", b'"}\n'),
    ],
)
def test_a_line_without_end_is_refused_and_not_held(project, name, before, block, after, size) -> None:
    (project.root / "modelway.yaml").write_text(SETTINGS.format(check="{check: range, column: age, min: 1}"))
    with (project.root / name).open("wb") as file:
        file.write(before)
        for _ in range(size):
            file.write(block * ((1 << 20) // len(block)))
        file.write(after)
    argv = [sys.executable, "-c", _MEASURED, "check-data", "--data", name, "--json"]
    done = subprocess.run(argv, cwd=project.root, capture_output=True, text=True, check=False)
    (project.root / name).unlink()
    record, _, last = done.stdout.rstrip().rpartition("\n")
    code, megabytes = map(int, last.split())
    error = json.loads(record)["error"]
    assert code == 3, error
    assert "longer than 4 MiB" in error["what"]
    assert megabytes < 500
    assert not Path(project.root / "reports").exists()
