"""Scoring a folder of the host's on a real engine: predictions in the result, or the code of what went wrong."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(call, project):
    """A registered champion, and a folder of rows, one of which the model's signature refuses."""
    found = call("train", "export", "--path", "trained")
    assert found.exit_code == 0, found.log
    (project / "new").mkdir()
    header, first, *rows = (project / "data" / "loans.csv").read_text().splitlines()
    at = header.split(",").index("age")
    values = first.split(",")
    values[at] = "old"
    (project / "new" / "loans.csv").write_text("\n".join([header, ",".join(values), *rows[:499]]) + "\n")
    return project


def test_a_folder_is_scored_into_the_result(call, trained):
    argv = ("--input", "new", "--run", "12", "--max-rejects", "1", "export", "--path", "scored")
    found = call("batch", *argv)
    assert found.exit_code == 0, found.log
    summary = json.loads((trained / "scored" / "summary.json").read_text())
    assert (summary["exit_code"], summary["rows"], summary["rejects"]) == (0, 500, 1)
    (run,) = (trained / "scored").rglob("_SUCCESS")
    assert run.parent.name == "12"
    assert pq.read_table(run.parent / "predictions").num_rows == 499
    assert list((trained / "scored").rglob("report.html"))


def test_too_many_refused_rows_end_the_call_with_3(call, trained):
    found = call("batch", "--input", "new", "--run", "13", "--max-rejects", "0", "export", "--path", "none")
    assert found.exit_code == 3, found.log
    assert "1 of 500 rows were refused" in found.log
    assert not (trained / "none").exists()
    reported = call(
        "batch", "--input", "new", "--run", "13", "--max-rejects", "0", "--report-only", "export", "--path", "red"
    )
    assert reported.exit_code == 0, reported.log
    assert json.loads((trained / "red" / "summary.json").read_text())["exit_code"] == 3
    assert list((trained / "red").rglob("report.html"))
    assert not list((trained / "red").rglob("_SUCCESS"))
