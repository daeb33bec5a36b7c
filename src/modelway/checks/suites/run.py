"""Runs a suite with the project's own pytest."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.checks.suites.judging import judge, own_floor
from modelway.checks.suites.results import read_results
from modelway.checks.tools import Interrupted, environment
from modelway.records.checks import CheckResult

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelway.checks.tools import Tools
    from modelway.records.testing import SuiteOptions

_OURS = ("PYTEST_", "COV_CORE_", "COVERAGE_")
"""Variables that would carry the run that we are part of into this one."""
_PERCENT = re.compile(rb"\[ *(\d+)%\]")


@dataclass(frozen=True)
class SuiteRun:
    """A suite that was run.

    Attributes:
        result: what it says.
        log: pytest's own words.
        own_floor: the coverage in per cent that pytest's or coverage's own configuration wants, if any.
        interrupted: whether a person stopped it.
    """

    result: CheckResult
    log: str
    own_floor: float | None
    interrupted: bool = False


@dataclass(frozen=True)
class Place:
    """Where a suite runs and leaves what it makes.

    Attributes:
        root: the project's directory.
        scratch: a directory for what nobody keeps.
        xml: pytest's JUnit XML.
        coverage: coverage's data.
    """

    root: Path
    scratch: Path
    xml: Path
    coverage: Path


def run_suite(
    name: str,
    options: SuiteOptions,
    args: tuple[str, ...],
    place: Place,
    tools: Tools,
    told: Callable[[int], None],
) -> SuiteRun:
    """Run the tests of a suite.

    Args:
        name: the suite's.
        options: its own.
        args: arguments of all suites.
        place: where.
        tools: what runs it.
        told: called with the per cent of the tests that are done, as pytest prints them.
    """
    command = _command(options, args, place)
    surroundings = environment(_OURS, COVERAGE_FILE=str(place.coverage), PYTHONDONTWRITEBYTECODE="1")
    interrupted = False
    try:
        run = tools.run(
            command,
            place.root,
            timeout=options.timeout,
            environment=surroundings,
            merge=True,
            politely=signal.SIGINT,  # pytest then writes what it knows
            watch=_watch(told),
        )
    except Interrupted as stopped:
        run, interrupted = stopped.run, True
    results = read_results(place.xml)
    verdict, reason = judge(run, results)
    findings = results.failed if results else ()
    result = CheckResult(check=name, verdict=verdict, reason=reason, findings=findings)
    log = f"$ {shlex.join(command)}\n{run.stdout}{reason}\n"
    return SuiteRun(result, log, own_floor(run.stdout), interrupted)


def _command(options: SuiteOptions, args: tuple[str, ...], place: Place) -> tuple[str, ...]:
    """The project's own configuration of pytest holds; what we add keeps its files out of the project."""
    return (
        *(sys.executable, "-m", "pytest", *options.paths, "--color=no"),
        *(f"--junit-xml={place.xml}", "-o", "junit_family=xunit1", "-o", f"cache_dir={place.scratch / 'cache'}"),
        *(("-m", options.markers) if options.markers else ()),
        *args,
        *options.args,
    )


def _watch(told: Callable[[int], None]) -> Callable[[bytes], None]:
    def watch(chunk: bytes) -> None:
        if percents := _PERCENT.findall(chunk):
            told(int(percents[-1]))

    return watch
