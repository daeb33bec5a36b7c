"""pytest's JUnit XML: what each test came to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from modelway.checks.streams import last_line
from modelway.records.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PLACE = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+): ", re.MULTILINE)
_XFAIL = "pytest.xfail"
_COLLECTION = "collection failure"
_INTERNAL = "internal error"


@dataclass(frozen=True)
class Results:
    """What the tests of a suite came to.

    Attributes:
        passed: how many passed.
        skipped: how many were not run.
        expected: how many failed as they are known to.
        failed: one finding for each failure or error.
        internal: why pytest itself broke off, if it did.
    """

    passed: int
    skipped: int
    expected: int
    failed: tuple[Finding, ...]
    internal: str | None

    @property
    def total(self) -> int:
        """How many outcomes there are; a test whose clean-up fails after itself has two."""
        return self.passed + self.skipped + self.expected + len(self.failed)

    def __str__(self) -> str:
        counts = {
            "passed": self.passed,
            "failed": len(self.failed),
            "skipped": self.skipped,
            "failed as expected": self.expected,
        }
        return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "no outcome"


def read_results(path: Path) -> Results | None:
    """Read what pytest left; None where it left nothing that can be read."""
    suites = _read(path)
    if suites is None:
        return None
    # An interrupted run ends with a case that has no name.
    cases = [case for case in suites.iter("testcase") if case.get("name")]
    faults = [(case, fault) for case in cases for fault in case if fault.tag in {"failure", "error"}]
    internal = [fault for _, fault in faults if fault.get("message") == _INTERNAL]
    skips = [skip for case in cases for skip in case.findall("skipped")]
    expected = sum(skip.get("type") == _XFAIL for skip in skips)
    return Results(
        passed=sum(not any(child.tag in {"failure", "error", "skipped"} for child in case) for case in cases),
        skipped=len(skips) - expected,
        expected=expected,
        failed=tuple(_finding(case, fault) for case, fault in faults if fault not in internal),
        internal=last_line(internal[0].text or "") if internal else None,
    )


def merge(suites: Mapping[str, Path]) -> str:
    """The results of several suites as one JUnit document, each suite by our name for it."""
    merged = ET.Element("testsuites", name="pytest")
    for name, path in suites.items():
        found = _read(path)
        for suite in found.iter("testsuite") if found is not None else ():
            suite.set("name", name)
            merged.append(suite)
    ET.indent(merged)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(merged, encoding="unicode") + "\n"


def _read(path: Path) -> ET.Element | None:
    try:
        return ET.parse(path).getroot()  # noqa: S314 - written by the pytest that we ran
    except (OSError, ET.ParseError):
        return None


def _finding(case: ET.Element, fault: ET.Element) -> Finding:
    text, told = fault.text or "", (fault.get("message") or "").strip()
    path = case.get("file")
    message = last_line(text).removeprefix("E ").strip() if told == _COLLECTION or not told else told.splitlines()[0]
    return Finding(
        rule="collection" if told == _COLLECTION else _name(case, path),
        message=message or fault.tag,
        path=path,
        line=_line(case, text, path),
    )


def _line(case: ET.Element, text: str, path: str | None) -> int | None:
    """The line of the test's file that the traceback ends with, else the one where the test begins."""
    lines = [int(found["line"]) for found in _PLACE.finditer(text) if found["path"] == path]
    begin = case.get("line")
    return lines[-1] if lines else int(begin) + 1 if begin else None


def _name(case: ET.Element, path: str | None) -> str:
    """The test's name with its classes, as in a node id without the file."""
    name, classname = case.get("name", ""), case.get("classname", "")
    module = ".".join(PurePosixPath(path).with_suffix("").parts) if path else ""
    classes = classname.removeprefix(module).strip(".") if module and classname.startswith(module) else ""
    return "::".join([*(classes.split(".") if classes else []), name])
