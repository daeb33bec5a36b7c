"""Findings as SARIF 2.1.0 (OASIS, errata 01), the form that code scanning and editors read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelway.records.checks import Severity
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.records.checks import CheckResult, Finding

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "PROJECTROOT"


def render_sarif(part: str, checks: Iterable[tuple[CheckResult, str]]) -> str:
    """The findings of checks, a run for each, with the paths relative to the project's directory.

    Args:
        part: the command; with the check's name it tells runs of one tool apart (section 3.17).
        checks: each with the name of its tool.
    """
    runs = [_run(part, check, tool) for check, tool in checks]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}, indent=2, ensure_ascii=False) + "\n"


def _run(part: str, check: CheckResult, tool: str) -> dict[str, Any]:
    level = "warning" if check.severity is Severity.WARN else "error"
    rules = sorted({finding.rule for finding in check.findings})
    said = check.verdict in {Verdict.PASS, Verdict.FAIL}
    invocation: dict[str, Any] = {"executionSuccessful": said}
    if not said:
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": check.reason}}]
    return {
        "tool": {"driver": {"name": tool, "rules": [{"id": rule} for rule in rules]}},
        "automationDetails": {"id": f"modelway/{part}/{check.check}/"},
        "invocations": [invocation],
        "originalUriBaseIds": {_ROOT: {"description": {"text": "the directory of the settings file"}}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, level, rules.index(finding.rule)) for finding in check.findings],
    }


def _result(finding: Finding, level: str, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": finding.message or finding.rule},
    }
    if finding.path is not None:
        result["locations"] = [{"physicalLocation": _place(finding, finding.path)}]
    return result


def _place(finding: Finding, path: str) -> dict[str, Any]:
    where = {"uri": f"file://{quote(path)}"} if path.startswith("/") else {"uri": quote(path), "uriBaseId": _ROOT}
    place: dict[str, Any] = {"artifactLocation": where}
    if finding.line is not None:
        column = {} if finding.column is None else {"startColumn": finding.column}
        place["region"] = {"startLine": finding.line, **column}
    return place
