"""What parts of `ci` say: one record of all, the table for people, and the directory with every report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagger import dag

from modelway_ci.printable import printable, printable_lines
from modelway_ci.stage import CHECKS, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import dagger

SEVERITY = (1, 2, 3, 4, 6, 5)
"""Exit codes from the worst on, as `modelway ci` orders them."""
_BUG = 1
_FINDINGS = 20
"""Findings of a part that are shown; its report holds all."""


@dataclass(frozen=True)
class Ended:
    """How a part ended.

    Attributes:
        outcome: how its container did.
        record: the same as `modelway ci` records of a part.
        findings: what it found, a line each, where that failed it.
    """

    outcome: Outcome
    record: dict[str, Any]
    findings: tuple[str, ...] = ()

    @classmethod
    async def of(cls, outcome: Outcome, seconds: float) -> Ended:
        """Read what a part left."""
        part = outcome.stage
        report = await _report(outcome)
        record = {
            "verdict": report["verdict"] if report else "error",
            "exit_code": outcome.exit_code,
            "seconds": seconds,
            "reason": in_short(report["checks"]) if report else _unreported(outcome),
            "report": part if outcome.artifact else None,
            "log": f"{part}.log",
        }
        return cls(outcome, record, tuple(_findings(report["checks"])) if report else ())


def combine(codes: Iterable[int]) -> int:
    """The exit code of parts that end with `codes`; one that is none of `ci`'s counts as a bug."""
    found = {code if code in {0, *SEVERITY} else _BUG for code in codes}
    return next((code for code in SEVERITY if code in found), 0)


def record_of(ended: Sequence[Ended], not_run: Mapping[str, str]) -> dict[str, Any]:
    """What becomes `summary.json`, with the keys of `modelway ci`."""
    parts = {one.outcome.stage: one.record for one in ended}
    code = combine(part["exit_code"] for part in parts.values())
    return {"exit_code": code, "parts": parts, "not_run": dict(not_run)}


def directory_of(ended: Sequence[Ended]) -> dagger.Directory:
    """A directory and a log for each part."""
    directory = dag.directory()
    for one in ended:
        part, outcome = one.outcome.stage, one.outcome
        if outcome.artifact is not None:
            directory = directory.with_directory(part, outcome.artifact)
        log = f"{part}.log"
        if outcome.log is not None:
            directory = directory.with_file(log, outcome.log)
        else:
            directory = directory.with_new_file(log, f"{outcome.said}\n")
    return directory


def table_of(ended: Sequence[Ended], record: Mapping[str, Any]) -> str:
    """The record for people, and what those found that are red."""
    lines = [f"{'part':<12} {'verdict':<13} {'seconds':>7}  what it says"]
    for part, said in record["parts"].items():
        lines.append(f"{part:<12} {said['verdict']:<13} {said['seconds']:>7.1f}  {said['reason']}")
    lines += [f"{part:<12} {'not run':<13} {'':>7}  {why}" for part, why in record["not_run"].items()]
    for one in ended:
        if one.findings:
            lines += ["", f"{one.outcome.stage}:", *one.findings[:_FINDINGS]]
            more = len(one.findings) - _FINDINGS
            lines += [f"... and {more} more"] if more > 0 else []
    return printable_lines("\n".join([*lines, "", f"exit code {record['exit_code']}"]))


def in_short(checks: Sequence[Mapping[str, Any]]) -> str:
    """The checks that decided; else how many passed, or why none could."""
    bad = [check for check in checks if check["verdict"] != "pass"]
    judging = [check for check in bad if check["severity"] == "fail"]
    if judging:
        also = ", ".join(check["check"] for check in judging[1:])
        return printable(f"{judging[0]['check']}: {judging[0]['reason']}{f'; also {also}' if also else ''}")
    if bad and len(bad) == len(checks):
        return printable(str(bad[0]["reason"]))
    warnings = printable(f", {len(bad)} warned: {bad[0]['reason']}") if bad else ""
    return f"{len(checks) - len(bad)} checks passed{warnings}"


async def _report(outcome: Outcome) -> dict[str, Any] | None:
    """What the part wrote of its checks; None where it wrote nothing, or something else than it ended with."""
    if outcome.artifact is None or not await outcome.artifact.exists(CHECKS):
        return None
    report: dict[str, Any] = json.loads(await outcome.artifact.file(CHECKS).contents())
    return report if report["exit_code"] == outcome.exit_code else None


def _unreported(outcome: Outcome) -> str:
    return (
        f"ended with exit code {outcome.exit_code} and left no report; it said last:\n{printable_lines(outcome.said)}"
    )


def _findings(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    failing = [check for check in checks if check["severity"] == "fail" and check["verdict"] != "pass"]
    return [_line(finding) for check in failing for finding in check["findings"]]


def _line(finding: Mapping[str, Any]) -> str:
    place = ":".join(str(finding[key]) for key in ("path", "line", "column") if finding[key] is not None)
    words = f"{finding['rule']} {finding['message']}"
    # A message of several lines is somebody else's: what follows its first line stands below it.
    return printable_lines(f"{printable(place)}: {words}" if place else words).replace("\n", "\n  | ")
