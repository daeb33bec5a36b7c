"""What `ci` makes of its parts, however they end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from modelway.artifacts import read_manifest, write_artifact
from modelway.errors import UsageError
from modelway.pipeline.ci import ci, combine_parts
from modelway.records.ci import CiSummary, PartOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Planted = Callable[[str], list[str]]
    Reporting = Callable[..., list[str]]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "reports"


def _run(commands: Mapping[str, Sequence[str]], output: Path, **options: Any) -> CiSummary:
    summary = ci(commands, output, jobs=2, **options)
    assert CiSummary.from_json((output / "summary.json").read_bytes()) == summary
    read_manifest(output, "ci")
    return summary


def _one(command: Sequence[str], output: Path) -> PartOutcome:
    summary = _run({"part": command}, output)
    return summary.parts["part"]


def test_parts_that_pass_end_with_0_and_leave_their_reports(output: Path, reporting: Reporting) -> None:
    summary = _run({"one": reporting("pass", "pass"), "two": reporting("pass")}, output, not_run={"three": "why not"})
    assert (summary.exit_code, summary.not_run) == (0, {"three": "why not"})
    assert summary.parts["one"].reason == "2 checks passed"
    assert {path.name for path in output.iterdir()} == {
        "one", "one.log", "two", "two.log", "summary.json", "manifest.json"
    }  # fmt: skip
    read_manifest(output / "one", "planted")
    assert (output / "one.log").read_text() == f"reports: {output / 'one'}\n"


def test_one_that_fails_stops_no_other(output: Path, reporting: Reporting, planted: Planted) -> None:
    commands = {
        "bad": reporting("pass", "fail", "error"),
        "broken": planted("raise ZeroDivisionError('oh')"),
        "good": reporting("pass"),
    }
    summary = _run(commands, output)
    assert {part: outcome.verdict.value for part, outcome in summary.parts.items()} == {
        "bad": "fail",
        "broken": "error",
        "good": "pass",
    }
    assert summary.exit_code == 1
    assert summary.parts["bad"].reason == "check1: it is planted; also check2"
    assert (summary.parts["bad"].report, summary.parts["broken"].report) == ("bad", None)


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [
        ("raise ZeroDivisionError('oh')", 1, ["exit code 1 and left no report", "ZeroDivisionError: oh"]),
        ("import os; os.kill(os.getpid(), 9)", -9, ["killed by signal 9", "nothing"]),
        ("pass", 1, ["exit code 0 and left no report"]),
        ("import sys; print('modelway: x.csv: there is none\\n  Make it.'); sys.exit(3)", 3, ["x.csv", "Make it."]),
        ("print(b'\\xff'); import sys; sys.stdout.buffer.write(b'\\xff\\n'); sys.exit(6)", 6, ["\ufffd"]),
        ("import sys; sys.exit(130)", 130, ["exit code 130"]),
    ],
)
def test_a_part_without_a_report_is_an_error_with_its_last_words(
    output: Path, planted: Planted, code: str, exit_code: int, words: list[str]
) -> None:
    outcome = _one(planted(code), output)
    assert (outcome.verdict, outcome.exit_code, outcome.report) == ("error", exit_code, None)
    for word in words:
        assert word in outcome.reason


@pytest.mark.parametrize(
    ("after", "exit_code"),
    [
        ("sys.exit(0)", 1),
        ("raise ValueError('late')", 1),
        ("(output / 'checks.json').write_text('{torn')", 4),
    ],
    ids=["says 0", "crashes", "torn"],
)
def test_a_part_whose_code_and_report_disagree_is_an_error(
    output: Path, reporting: Reporting, after: str, exit_code: int
) -> None:
    outcome = _one(reporting("fail", after=after), output)
    assert (outcome.verdict, outcome.exit_code) == ("error", exit_code)


@pytest.mark.parametrize(
    ("codes", "together"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 5], 5),
        ([5, 6], 6),
        ([6, 4, 5], 4),
        ([4, 3], 3),
        ([3, 4, 2, 6], 2),
        ([2, 1], 1),
        ([0, -9], 1),
        ([4, 130], 1),
        ([99], 1),
    ],
)
def test_the_worst_part_decides_how_it_ends(codes: list[int], together: int) -> None:
    assert combine_parts(codes) == together


def test_a_failed_check_comes_before_an_outside_failure(output: Path, reporting: Reporting) -> None:
    outside = reporting("error", outside=True)
    assert _run({"audit": outside, "test": reporting("pass")}, output).exit_code == 6
    assert _run({"audit": outside, "test": reporting("fail")}, output).exit_code == 4


def test_reports_of_an_earlier_run_are_replaced_and_not_mixed(output: Path, reporting: Reporting) -> None:
    _run({"one": reporting("pass"), "two": reporting("pass")}, output)
    _run({"two": reporting("fail")}, output)
    assert {path.name for path in output.iterdir()} == {"two", "two.log", "summary.json", "manifest.json"}


def test_reports_of_parts_that_were_run_alone_are_replaced(output: Path, reporting: Reporting) -> None:
    with write_artifact(output / "one", "planted") as directory:
        (directory / "old.txt").write_text("old")
    _run({"one": reporting("pass")}, output)
    assert not (output / "one" / "old.txt").exists()


def test_what_is_no_report_is_not_replaced(output: Path, reporting: Reporting, tmp_path: Path) -> None:
    (output / "one").mkdir(parents=True)
    (output / "thesis.txt").write_text("years of work")
    ran = tmp_path / "ran"
    with pytest.raises(UsageError, match="not a modelway artifact"):
        ci({"one": reporting("pass", after=f"Path({str(ran)!r}).touch()")}, output, jobs=1)
    assert (output / "thesis.txt").is_file()
    assert not ran.exists()


@pytest.mark.parametrize(("jobs", "together"), [(1, 1), (2, 2)])
def test_no_more_parts_run_at_a_time_than_told(
    tmp_path: Path, output: Path, planted: Planted, jobs: int, together: int
) -> None:
    # Each notes how many there are while it is there; with room for two, the first ones wait for each other.
    code = f"""
import os, pathlib, time
here = pathlib.Path({str(tmp_path / "here")!r}); here.mkdir(exist_ok=True)
mine = here / str(os.getpid()); mine.touch()
seen = here.with_name("seen")
while (count := len(list(here.iterdir()))) < {together} and not seen.exists(): time.sleep(0.01)
seen.touch()
print(count, flush=True)
time.sleep(0.2)
mine.unlink()
"""
    summary = ci({f"part{at}": planted(code) for at in range(2 * jobs)}, output, jobs=jobs)
    counts = [int((output / outcome.log).read_text()) for outcome in summary.parts.values()]
    assert max(counts) == together


def test_a_part_can_not_leave_anything_running(tmp_path: Path, output: Path, planted: Planted) -> None:
    import psutil

    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    _one(planted(code), output)
    pid = int((output / "part.log").read_text())
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_times_are_in_the_summary_alone(output: Path, reporting: Reporting) -> None:
    digests = []
    for _ in range(2):
        _run({"one": reporting("pass", "fail")}, output)
        digests.append(read_manifest(output).files)
    assert digests[0] == digests[1]
    assert json.loads((output / "summary.json").read_text())["parts"]["one"]["seconds"] > 0
