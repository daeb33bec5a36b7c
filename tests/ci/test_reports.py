"""What parts of `ci` come to in containers is what they come to on the host."""

from __future__ import annotations

import itertools
import json

import anyio
import dagger
import pytest

from modelway.checks.verdicts import in_short
from modelway.pipeline.ci import combine_parts
from modelway.records.checks import CheckResult, Finding, PartReport, Severity
from modelway.records.ci import CiSummary
from modelway.records.verdict import Verdict
from modelway_ci import reports
from modelway_ci.stage import Outcome

CODES = (0, 1, 2, 3, 4, 5, 6, 7, 130, 137)
LINT = Finding(rule="F401", message="unused", path="a.py", line=3, column=1)
CHECKS = [
    CheckResult(
        check="lint", verdict=Verdict.FAIL, reason="2 findings", findings=(LINT, Finding(rule="x", message="y"))
    ),
    CheckResult(check="types", verdict=Verdict.ERROR, reason="it crashed"),
    CheckResult(check="style", verdict=Verdict.FAIL, reason="ugly", severity=Severity.WARN, findings=(LINT,)),
    CheckResult(check="format", verdict=Verdict.PASS, reason="fine"),
]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_parts_end_together_as_on_the_host(count):
    for codes in itertools.product(CODES, repeat=count):
        # The host sees a kill as a negative code, and counts it as a bug, too.
        assert reports.combine(codes) == combine_parts(codes), codes


class Artifact:
    """A directory that is there already."""

    def __init__(self, files):
        self.files = files

    async def exists(self, name):
        return name in self.files

    def file(self, name):
        return Content(self.files[name])


class Content:
    """A file that is there already."""

    def __init__(self, text):
        self.text = text

    async def contents(self):
        return self.text


def report_of(*checks, code=4, verdict=Verdict.FAIL):
    return PartReport(part="check-code", verdict=verdict, exit_code=code, checks=tuple(checks))


def ended(outcome, seconds=1.5):
    return anyio.run(reports.Ended.of, outcome, seconds)


def with_report(*checks, code=4, said=4):
    artifact = Artifact({"checks.json": report_of(*checks, code=said).to_json()})
    return ended(Outcome("check-code", code, artifact=artifact))


@pytest.mark.parametrize("count", range(1, len(CHECKS) + 1))
def test_a_report_is_told_in_short_as_on_the_host(count):
    for checks in itertools.combinations(CHECKS, count):
        assert with_report(*checks).record["reason"] == in_short(report_of(*checks).checks)


def test_the_summary_is_one_of_modelway_ci():
    green = ended(
        Outcome(
            "test", 0, artifact=Artifact({"checks.json": report_of(CHECKS[3], code=0, verdict=Verdict.PASS).to_json()})
        )
    )
    red = with_report(*CHECKS)
    dead = ended(Outcome("audit", 137, said="killed"))
    record = reports.record_of([red, green, dead], {"smoke-train": "not chosen"})
    summary = CiSummary.from_json(json.dumps(record))
    assert summary.exit_code == 1
    assert {part: one.verdict.value for part, one in summary.parts.items()} == {
        "check-code": "fail", "test": "pass", "audit": "error"
    }  # fmt: skip
    assert (summary.parts["check-code"].report, summary.parts["audit"].report) == ("check-code", None)
    assert "137 and left no report; it said last:\nkilled" in summary.parts["audit"].reason


def test_a_report_that_says_something_else_than_the_exit_code_counts_for_nothing():
    record = with_report(CHECKS[3], code=3, said=0).record
    assert (record["verdict"], record["exit_code"]) == ("error", 3)


def test_the_table_shows_what_failed_and_where():
    red = with_report(*CHECKS)
    text = reports.table_of([red], reports.record_of([red], {"test": "not chosen"}))
    lines = text.splitlines()
    assert lines[1].split()[:3] == ["check-code", "fail", "1.5"]
    assert lines[2].split() == ["test", "not", "run", "not", "chosen"]
    assert "a.py:3:1: F401 unused" in lines
    assert "x y" in lines
    assert lines.count("a.py:3:1: F401 unused") == 1  # a warning is in the reports
    assert lines[-1] == "exit code 4"


def test_names_of_the_data_forge_no_line():
    name = "a\x1b[2J\n::error::fake\nmodelway: ##[group]"
    finding = Finding(rule="mean", message=name, path=name)
    check = CheckResult(check=f"mean.{name}", verdict=Verdict.FAIL, reason=name, findings=(finding,))
    red, dead = with_report(check), ended(Outcome("audit", 137, said=name))
    record = reports.record_of([red, dead], {"test": name})
    assert record["parts"]["check-code"]["reason"] == in_short(report_of(check).checks)
    assert "\n" not in record["parts"]["check-code"]["reason"]
    for line in (*reports.table_of([red, dead], record).split("\n"), *record["parts"]["audit"]["reason"].split("\n")):
        assert line.isprintable()
        assert "::error::" not in line
        assert "##[" not in line


def test_a_long_list_of_findings_is_cut():
    many = tuple(Finding(rule="F401", message=str(number)) for number in range(25))
    red = with_report(CheckResult(check="lint", verdict=Verdict.FAIL, reason="25 findings", findings=many))
    text = reports.table_of([red], reports.record_of([red], {}))
    assert "F401 19" in text
    assert "F401 20" not in text
    assert "... and 5 more" in text


def test_every_part_leaves_its_directory_and_its_log():
    artifact, log = dagger.dag.directory().directory("a"), dagger.dag.directory().file("log")
    with_log = reports.Ended(Outcome("test", 4, artifact=artifact, log=log), {})
    without = reports.Ended(Outcome("audit", 6, said="no image"), {})
    assert reports.directory_of([with_log, without]) == dagger.dag.directory().with_directory(
        "test", artifact
    ).with_file("test.log", log).with_new_file("audit.log", "no image\n")
