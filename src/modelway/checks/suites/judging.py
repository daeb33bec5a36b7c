"""What a run of pytest comes to, by its exit code and by what it left; neither alone is believed to be good."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.checks.streams import last_line
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from modelway.checks.suites.results import Results
    from modelway.checks.tools import ToolRun

_WORDS = re.compile(r"^(?:ERROR: (?!usage)|E {2,}|.*?: error: )(?P<words>.+)$", re.MULTILINE)
_CUT_SHORT = re.compile(r"^!{3,} (?P<words>\S*Exit: .*?) !{3,}$", re.MULTILINE)
_OWN_FLOOR = re.compile(r"Required test coverage of (?P<floor>[0-9.]+)% (?P<missed>not )?reached")
_NO_PYTEST = "No module named pytest"
_PASSED, _FAILED, _NONE_COLLECTED = 0, 1, 5


def judge(run: ToolRun, results: Results | None) -> tuple[Verdict, str]:
    """The verdict on a suite, and why.

    Args:
        run: pytest's; its streams merged.
        results: what it left; None where it left nothing.
    """
    if run.problem is not None or results is None or results.internal is not None:
        return Verdict.ERROR, _broken_off(run, results)
    if results.failed:
        return Verdict.FAIL, str(results)
    if run.exit_code == _PASSED or (run.exit_code == _FAILED and _missed_own_floor(run.stdout)):
        return _without_failure(run, results)
    if run.exit_code == _NONE_COLLECTED:
        return Verdict.FAIL, "no test was collected"
    verdict = Verdict.FAIL if run.exit_code == _FAILED else Verdict.ERROR
    return verdict, f"pytest ended with exit code {run.exit_code}, {results}: {_words(run.stdout)}"


def own_floor(text: str) -> float | None:
    """The coverage in per cent that pytest's or coverage's own configuration wants, as pytest-cov says; if any."""
    return max((float(found["floor"]) for found in _OWN_FLOOR.finditer(text)), default=None)


def _broken_off(run: ToolRun, results: Results | None) -> str:
    if run.problem is not None:
        return f"{run.problem}{f'; until then {results}' if results else ''}"
    if results is not None:
        return f"pytest broke off: {results.internal}"
    if _NO_PYTEST in run.stdout:
        return "pytest is not installed; `pip install 'modelway[test]'` brings it"
    return f"pytest ended with exit code {run.exit_code} and left no results: {_words(run.stdout)}"


def _without_failure(run: ToolRun, results: Results) -> tuple[Verdict, str]:
    if cut := _CUT_SHORT.search(run.stdout):
        return Verdict.ERROR, f"the run was cut short, {results}: {cut['words']}"
    if not results.total:
        return Verdict.FAIL, "no test was collected"
    if not results.passed and not results.expected:
        return Verdict.INCONCLUSIVE, f"nothing was tested: {results}"
    return Verdict.PASS, str(results)


def _missed_own_floor(text: str) -> bool:
    """Whether pytest-cov turned a run red that nothing else is wrong with; the check of the coverage says so, too."""
    return any(found["missed"] for found in _OWN_FLOOR.finditer(text))


def _words(text: str) -> str:
    found = _WORDS.search(text)
    return found["words"] if found else last_line(text) or "it said nothing"
