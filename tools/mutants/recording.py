"""A pytest plugin that gives coverage the test as context, in the test's process and in those it starts.

A process reads its context from the environment when it starts (`context = ${MUTANTS_CONTEXT-}` in the configuration
that COVERAGE_PROCESS_START names). What a fixture of a wider scope than a function starts serves many tests: it has the
fixture as context, and each test lists the fixtures that it used.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import coverage
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTEXT = "MUTANTS_CONTEXT"
FOLDER = "MUTANTS_RECORD"
FIXTURE = "fixture:"

_records: dict[str, dict[str, Any]] = {}


def _switch(context: str) -> None:
    os.environ[CONTEXT] = context
    running = coverage.Coverage.current()
    if running is not None:
        running.switch_context(context)
        # A forked process starts coverage again with this configuration.
        running.config.context = context


@contextmanager
def _in_context(context: str) -> Iterator[None]:
    before = os.environ.get(CONTEXT, "")
    _switch(context)
    try:
        yield
    finally:
        _switch(before)


def _fixture_context(fixture: pytest.FixtureDef[Any]) -> str:
    return f"{FIXTURE}{fixture.baseid}::{fixture.argname}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Run the test in a context of its name; write down its fixtures, its outcome and its seconds."""
    record = _records[item.nodeid] = {"test": item.nodeid, "seconds": 0.0, "passed": False, "fixtures": []}
    with _in_context(item.nodeid):
        done = yield
    with (Path(os.environ[FOLDER]) / f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    return done


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Any:  # noqa: ARG001  the hook passes it by name
    """Run a fixture of a wide scope in a context of its own."""
    if fixturedef.scope == "function":
        return (yield)
    with _in_context(_fixture_context(fixturedef)):
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Note the fixtures of wide scopes that the test used, also those that it requested while it ran."""
    request: Any = getattr(item, "_request", None)
    used = request._fixture_defs.values() if request else ()  # noqa: SLF001
    _records[item.nodeid]["fixtures"] = sorted({_fixture_context(one) for one in used if one.scope != "function"})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up the test's seconds; it passed if its call did."""
    record = _records.get(report.nodeid)
    if record:
        record["seconds"] += report.duration
        record["passed"] |= report.when == "call" and report.passed
