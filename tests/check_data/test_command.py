"""`modelway check-data`: what it leaves, how it ends, and where it takes its options from."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.artifacts import read_manifest
from modelway.records.data_docs import DataChecks, DataProfile
from modelway.settings import load_settings

if TYPE_CHECKING:
    from tests.conftest import Project

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = """\
name: people
prepare:
  task: regression
  target: pay
  data: {uri: data, delimiter: ";"}
  columns:
    id: {type: integer}
    job: {type: category, nullable: true, values: [cook, pilot]}
    pay: {type: number, min: 0}
  ignore: [junk]
check_data:
  checks:
    - {check: unique, columns: [id]}
    - {check: mean, column: pay, max: 100, severity: warn}
"""
GOOD = "id;job;pay;junk\n1;cook;10.5;x\n2;;20;\n3;pilot;300;y\n"
BAD = "id;job;pay;junk\n3;cook;-1;x\n4;clown;5;\n5;cook;rich;y\n"


@pytest.fixture
def project(tmp_path, in_project, monkeypatch) -> Project:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(GOOD)
    return in_project(tmp_path)


def _verdicts(record: dict) -> dict[str, str]:
    return {check["check"]: check["verdict"] for check in record["checks"]}


def test_good_data_pass_with_a_warning(project) -> None:
    record = project.json("check-data")
    assert (record["exit_code"], record["verdict"]) == (0, "pass")
    assert _verdicts(record) == {
        "columns": "pass",
        "schema.id": "pass",
        "schema.job": "pass",
        "allowed.job": "pass",
        "schema.pay": "pass",
        "range.pay": "pass",
        "unique.id": "pass",
        "mean.pay": "fail",
    }


def test_bad_data_fail_and_leave_all_reports(project) -> None:
    (project.root / "data" / "b.csv").write_text(BAD)
    assert project.run("check-data", "--output", "out") == 4
    out = project.root / "out"
    manifest = read_manifest(out, "check-data")
    assert set(manifest.files) == {
        "checks.json",
        "data-docs/index.html",
        "data_checks.json",
        "failed_rows.parquet",
        "junit.xml",
        "profile.json",
    }
    result = DataChecks.from_json((out / "data_checks.json").read_bytes())
    failed = {
        one.name: (one.failing, [(row.file, row.row) for row in one.examples]) for one in result.checks if one.failing
    }
    assert failed == {
        "schema.pay": (1, [("b.csv", 3)]),
        "range.pay": (1, [("b.csv", 1)]),
        "allowed.job": (1, [("b.csv", 2)]),
        "unique.id": (2, [("a.csv", 3), ("b.csv", 1)]),
    }
    assert [(file.name, file.rows) for file in result.files] == [("a.csv", 3), ("b.csv", 3)]
    rows = pl.read_parquet(out / "failed_rows.parquet")
    assert rows.columns == ["id", "job", "pay", "junk", "_check", "_file", "_row"]
    assert rows.filter(pl.col("_check") == "schema.pay").row(0) == ("5", "cook", "rich", "y", "schema.pay", "b.csv", 3)
    assert len(rows) == result.failed_rows == result.failed_rows_found == 5
    suite = ET.parse(out / "junit.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("skipped")) == ("4", "0")
    assert "clown" in (out / "data-docs" / "index.html").read_text()
    assert "row 2 of b.csv: job = clown" in project.out


def test_the_report_is_there_again_and_the_same_after_a_second_run(project) -> None:
    argv = ("check-data", "--output", "out", "--now", "2026-11-24T12:00:00Z")
    assert project.run(*argv) == 0
    first = read_manifest(project.root / "out").files
    assert project.run(*argv) == 0
    assert read_manifest(project.root / "out").files == first


def test_a_flag_names_other_data_written_the_same_way(project) -> None:
    (project.root / "other.csv").write_text(BAD)
    record = project.json("check-data", "--data", "other.csv")
    assert record["exit_code"] == 4
    assert _verdicts(record)["allowed.job"] == "fail"


def test_the_section_has_data_and_columns_of_its_own(project) -> None:
    pq.write_table(pa.table({"z": [1, 2]}), project.root / "z.parquet")
    with (project.root / "modelway.yaml").open("a") as file:
        file.write("  data: {uri: z.parquet}\n  columns: {z: {type: integer, max: 1}}\n")
    text = (project.root / "modelway.yaml").read_text()
    (project.root / "modelway.yaml").write_text(text[: text.index("  checks:")] + text[text.index("  data: {uri: z") :])
    record = project.json("check-data")
    assert _verdicts(record) == {"columns": "pass", "schema.z": "pass", "range.z": "fail"}


def test_a_profile_is_the_next_runs_baseline(project) -> None:
    assert project.run("check-data", "--output", "before") == 0
    profile = project.root / "before" / "profile.json"
    assert DataProfile.from_json(profile.read_bytes()).rows == 3
    with (project.root / "modelway.yaml").open("a") as file:
        file.write("    - {check: baseline, statistic: mean, column: pay, tolerance: 0.2}\n")
        file.write("    - {check: baseline, statistic: shares, column: job, tolerance: 0.2}\n")
    (project.root / "data" / "a.csv").write_text(GOOD.replace("300", "400"))
    record = project.json("check-data", "--baseline", "before/profile.json")
    assert record["exit_code"] == 4
    found = _verdicts(record)
    assert (found["baseline.pay"], found["baseline.job"]) == ("fail", "pass")
    assert project.json("check-data")["exit_code"] == 2


def test_now_is_a_flag(project) -> None:
    (project.root / "days.csv").write_text("day\n2026-11-01\n")
    (project.root / "modelway.yaml").write_text(
        "name: x\ncheck_data:\n  data: {uri: days.csv}\n  checks: [{check: freshness, column: day, max_age: 2d}]\n"
    )
    assert project.run("check-data", "--now", "2026-11-02T12:00:00+00:00") == 0
    assert project.run("check-data", "--now", "2026-11-04") == 4
    assert project.run("check-data") == (0 if datetime.now(UTC) < datetime(2026, 11, 3, tzinfo=UTC) else 4)
    with pytest.raises(SystemExit):
        project.run("check-data", "--now", "yesterday")


def test_a_suite_of_great_expectations_is_checked_as_well(project) -> None:
    suite = {
        "name": "s",
        "expectations": [
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "pay", "min_value": 15}},
            {"type": "expect_column_values_to_be_json_parseable", "kwargs": {"column": "job"}},
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "gone"}},
        ],
    }
    (project.root / "suite.json").write_text(json.dumps(suite))
    record = project.json("check-data", "--expectations", "suite.json")
    assert record["exit_code"] == 4
    named = {check["check"]: check for check in record["checks"] if check["check"].startswith("expect_")}
    found = {name: check["verdict"] for name, check in named.items()}
    assert found == {
        "expect_column_values_to_be_between.pay": "fail",
        "expect_column_values_to_be_json_parseable.job": "error",
        "expect_column_values_to_not_be_null.gone": "error",
    }
    assert "not supported" in named["expect_column_values_to_be_json_parseable.job"]["reason"]


def test_an_expectation_that_is_not_supported_never_passes(project) -> None:
    suite = {"expectations": [{"type": "expect_column_values_to_be_json_parseable", "kwargs": {"column": "job"}}]}
    (project.root / "suite.json").write_text(json.dumps(suite))
    record = project.json("check-data", "--expectations", "suite.json")
    assert (record["exit_code"], record["verdict"]) == (4, "error")


def test_a_proposal_holds_for_its_data(project) -> None:
    assert project.run("check-data", "--suggest") == 0
    (project.root / "modelway.yaml").write_text(
        "name: people\n" + project.out + '  data: {uri: data, delimiter: ";"}\n'
    )
    load_settings_of = (project.root / "modelway.yaml").read_text()
    assert "min: " in load_settings_of
    assert project.json("check-data")["verdict"] == "pass"


def test_a_proposal_needs_no_settings(project) -> None:
    (project.root / "modelway.yaml").unlink()
    (project.root / "plain.csv").write_text("a,b\n1,x\n2,y\n")
    record = project.json("check-data", "--suggest", "--data", "plain.csv")
    assert record["exit_code"] == 0
    assert set(record["check_data"]["columns"]) == {"a", "b"}
    assert not (project.root / "reports").exists()
    assert project.run("check-data", "--suggest") == 2


def test_the_rows_that_are_kept_are_shared_out_among_the_checks(project) -> None:
    lines = "".join(f"1;clown;-{at}\n" for at in range(1, 501))
    (project.root / "data" / "a.csv").write_text("id;job;pay\n" + lines)
    argv = ("--set", "check_data.failed_rows=60", "--set", "check_data.samples=3")
    assert project.run("check-data", "--output", "out", *argv) == 4
    result = DataChecks.from_json((project.root / "out" / "data_checks.json").read_bytes())
    rows = pl.read_parquet(project.root / "out" / "failed_rows.parquet")
    assert len(rows) == result.failed_rows <= 60
    assert result.failed_rows_found == 1500
    kept = dict(rows.group_by("_check").len().iter_rows())
    assert set(kept) == {"allowed.job", "range.pay", "unique.id"}
    assert set(kept.values()) == {10}
    assert {len(one.examples) for one in result.checks if one.failing} == {3}


def test_no_rows_are_kept_where_none_are_wanted(project) -> None:
    (project.root / "data" / "b.csv").write_text(BAD)
    argv = ("--set", "check_data.failed_rows=0", "--set", "check_data.samples=0")
    assert project.run("check-data", "--output", "out", *argv) == 4
    assert len(pl.read_parquet(project.root / "out" / "failed_rows.parquet")) == 0
    result = DataChecks.from_json((project.root / "out" / "data_checks.json").read_bytes())
    assert not any(one.examples for one in result.checks)
    assert "clown" not in (project.root / "out" / "checks.json").read_text()


def test_a_folder_may_hold_several_formats(project) -> None:
    pq.write_table(pa.table({"id": [7], "job": ["cook"], "pay": [1.5]}), project.root / "data" / "b.parquet")
    (project.root / "data" / "c.jsonl").write_text('{"id": 8, "pay": 2}\n')
    (project.root / "data" / "_d.csv").write_text("not data")
    assert project.run("check-data", "--output", "out") == 0
    result = DataChecks.from_json((project.root / "out" / "data_checks.json").read_bytes())
    assert (result.profile.rows, [file.rows for file in result.files]) == (5, [3, 1, 1])


def test_an_output_that_holds_something_else_stays(project) -> None:
    (project.root / "out").mkdir()
    (project.root / "out" / "thesis.txt").write_text("mine")
    assert project.run("check-data", "--output", "out") == 2
    assert (project.root / "out" / "thesis.txt").read_text() == "mine"


def test_s3_is_read_as_prepare_reads_it(project, bucket) -> None:
    bucket.put("people/a.csv", GOOD.encode())
    bucket.put("people/b.csv", BAD.encode())
    for section in ("prepare", "check_data"):
        argv = ("--set", f"{section}.s3={bucket.options.model_dump_json()}", "--data", bucket.uri("people"))
        record = project.json("check-data", *argv)
        assert record["exit_code"] == 4
        assert _verdicts(record)["unique.id"] == "fail"


@pytest.mark.parametrize("path", ["modelway.yaml", "examples/loans/modelway.yaml"])
def test_the_samples_suite_holds_for_the_sample_and_fails_where_it_drifts(tmp_path, in_project, path) -> None:
    project = in_project(tmp_path)
    for kind in (None, "missing", "covariate"):
        data = tmp_path / str(kind)
        assert project.run("sample", "--output", str(data), *(("--drift", kind) if kind else ())) == 0
        argv = ("check-data", "--config", str(ROOT / path), "--data", str(data), "--output", str(tmp_path / "out"))
        assert project.run(*argv, "--now", "2026-01-01T00:00:00Z") == (4 if kind else 0), (kind, project.out)
    assert len(load_settings(ROOT / path).check_data.checks) > 5
