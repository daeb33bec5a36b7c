"""The project's own tests, suite by suite, and the coverage of all."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from modelway.artifacts import write_artifact
from modelway.atomic import scratch_directory
from modelway.checks.suites import coverage
from modelway.checks.suites.finding import has_tests
from modelway.checks.suites.results import merge
from modelway.checks.suites.run import Place, SuiteRun, run_suite
from modelway.checks.tools import Tools
from modelway.checks.verdicts import not_configured
from modelway.escaping import log_text
from modelway.pipeline.part import leave_report
from modelway.records.checks import CheckResult
from modelway.records.progress import Progress, silent
from modelway.records.testing import COVERAGE, TestOptions
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.checks import PartReport

PART = "test"
XML = "pytest.xml"
LOG = "log.txt"


def run_tests(options: TestOptions, root: Path, output: Path, *, progress: Progress = silent) -> PartReport:
    """Run the suites of the settings, and leave what they say.

    Args:
        options: the settings' `test` section.
        root: the directory of the settings file, where pytest runs.
        output: where the artifact directory goes.
        progress: told how far pytest says that it is.

    Raises:
        KeyboardInterrupt: a person interrupted it; what the tests had come to is left.
    """
    with write_artifact(output, PART) as directory, scratch_directory() as folder:
        scratch = folder
        places = {
            name: Place(root, scratch, scratch / f"{name}.xml", scratch / f"{name}.coverage") for name in options.suites
        }
        if _chooses_nothing(options) and not has_tests(root):
            nothing = not_configured("tests", "the project has no test yet; write one, such as tests/test_model.py")
            return leave_report(directory, PART, [nothing], {})
        with Tools() as tools:
            runs = _run_suites(options, places, tools, progress)
            checks = [run.result for run in runs.values()]
            interrupted = any(run.interrupted for run in runs.values())
            if options.coverage is not None and not interrupted:
                checks.append(_coverage(options, runs, places, directory, tools))
        (directory / XML).write_text(merge({name: places[name].xml for name in runs}), encoding="utf-8")
        (directory / LOG).write_text(log_text("\n".join(run.log for run in runs.values())), encoding="utf-8")
        report = leave_report(directory, PART, checks, _reports(directory))
    if interrupted:
        raise KeyboardInterrupt
    return report


def _chooses_nothing(options: TestOptions) -> bool:
    default = TestOptions()
    return (options.suites, options.args) == (default.suites, default.args)


def _run_suites(
    options: TestOptions, places: dict[str, Place], tools: Tools, progress: Progress
) -> dict[str, SuiteRun]:
    """Run one suite after the other: tests may well share a port or a database. An interrupt ends all."""
    measures = options.coverage is not None and coverage.is_installed()
    runs = {}
    for name, suite in options.suites.items():
        flags = coverage.flags(options.coverage, places[name].root) if measures and options.coverage else ()
        told = partial(_tell, progress, name)
        runs[name] = run_suite(name, suite, (*flags, *options.args), places[name], tools, told)
        if runs[name].interrupted:
            break
        progress(name, 100, 100, runs[name].result.verdict)
    return runs


def _tell(progress: Progress, name: str, percent: int) -> None:
    progress(name, percent, 100)


def _coverage(
    options: TestOptions, runs: dict[str, SuiteRun], places: dict[str, Place], directory: Path, tools: Tools
) -> CheckResult:
    if not coverage.is_installed():
        reason = "pytest-cov is not installed; `pip install 'modelway[test]'` brings it"
        return CheckResult(check=COVERAGE, verdict=Verdict.ERROR, reason=reason)
    data = [place.coverage for place in places.values()]
    some = next(iter(places.values()))
    measured = coverage.report(data, some.root, directory, some.scratch, tools)
    wanted = [options.coverage.floor if options.coverage else None, *(run.own_floor for run in runs.values())]
    floor = max((one for one in wanted if one is not None), default=None)
    missing = [name for name, place in places.items() if not place.coverage.is_file()]
    return coverage.judge(measured, floor, missing)


def _reports(directory: Path) -> dict[str, str]:
    """The files that there are: what was interrupted has no coverage."""
    named = {"tests": XML, "log": LOG, "coverage": coverage.XML, "coverage page": f"{coverage.HTML}/index.html"}
    return {what: name for what, name in named.items() if (directory / name).exists()}
