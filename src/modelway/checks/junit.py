"""Checks as JUnit XML, the form that GitHub, GitLab and Jenkins show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from modelway.records.checks import Severity
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from modelway.records.checks import CheckResult, Finding, PartReport

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 (section 2.2) has no way to write; tools print such characters now and then."""


def render_junit(report: PartReport) -> str:
    """A part's checks as one test suite of JUnit's XML.

    A check that fails is a failure, one without a verdict an error; one that only warns is skipped, with its reason.
    """
    cases = [_case(report.part, check) for check in report.checks]
    count = {kind: str(sum(case.find(kind) is not None for case in cases)) for kind in ("failure", "error", "skipped")}
    suite = ET.Element(
        "testsuite",
        name=report.part,
        tests=str(len(cases)),
        failures=count["failure"],
        errors=count["error"],
        skipped=count["skipped"],
    )
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(part: str, check: CheckResult) -> ET.Element:
    case = ET.Element("testcase", classname=part, name=_clean(check.check))
    if check.verdict is Verdict.PASS:
        return case
    kind = "skipped" if check.severity is Severity.WARN else "failure" if check.verdict is Verdict.FAIL else "error"
    outcome = ET.SubElement(case, kind, message=_clean(check.reason))
    outcome.text = "\n".join(_line(finding) for finding in check.findings) or None
    return case


def _line(finding: Finding) -> str:
    place = ":".join(str(part) for part in (finding.path, finding.line, finding.column) if part is not None)
    return _clean(f"{place}: {finding.rule} {finding.message}" if place else f"{finding.rule} {finding.message}")


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
