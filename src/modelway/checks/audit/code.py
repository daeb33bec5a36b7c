"""Risky code, by bandit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelway.atomic import scratch_directory
from modelway.checks.audit.outcome import AuditFaultError, NotConfiguredError, Observation, Outcome, count
from modelway.checks.audit.paths import list_folder, matches, shown
from modelway.parsing import parse_json
from modelway.records.audit import CodeAuditOptions
from modelway.records.checks import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.checks.audit.paths import Tree
    from modelway.checks.audit.running import Site

CHECK = "code"
UNREADABLE = "unreadable"
"""The rule of a file that could not be read, so that nothing is known of it."""
_AT_ONCE = 500
"""Files of one run; their names have to fit on a command line."""
_QUOTED_PASSWORD = re.compile(r"(?<=hardcoded password).*", re.DOTALL)


def audit_code(site: Site, tree: Tree, options: CodeAuditOptions) -> Outcome:
    """Look for risky code.

    Args:
        site: where the audit takes place.
        tree: the project's files.
        options: what is looked at, and what is a finding.

    Raises:
        NotConfiguredError: the project has no code yet, and the settings name none.
        AuditFaultError: what the settings name has no code, or bandit failed.
    """
    for path in options.paths:
        if not (site.root / path).exists():
            raise AuditFaultError(f"audit.code.paths names {path}, which is not there")
    files = _files(site.root, tree, options)
    if not files and (options.paths, options.exclude) == (CodeAuditOptions().paths, CodeAuditOptions().exclude):
        raise NotConfiguredError(f"the project has no Python file outside of {', '.join(options.exclude)} yet")
    if not files:
        raise AuditFaultError(
            f"there is no Python file in {', '.join(options.paths)}: name the code in audit.code.paths, or set "
            "audit.code.enabled to false where there is none"
        )
    observations: list[Observation] = []
    accepted = lines = 0
    for begin in range(0, len(files), _AT_ONCE):
        report = _bandit(site, files[begin : begin + _AT_ONCE], options)
        observations += [_risk(one) for one in report["results"]]
        observations += [_unread(one) for one in report["errors"]]
        accepted += report["metrics"]["_totals"]["nosec"] + report["metrics"]["_totals"]["skipped_tests"]
        lines += report["metrics"]["_totals"]["loc"]
    looked_at = f"{count(len(files), 'file')}, {count(lines, 'line')} of code" + (
        f"; {accepted} accepted by # nosec" if accepted else ""
    )
    return Outcome(CHECK, looked_at, tuple(sorted(observations, key=_place)))


def _files(root: Path, tree: Tree, options: CodeAuditOptions) -> list[str]:
    """The Python files that the settings name: those of the tree, and those that a path names outright."""
    named = list_folder(root, [path for path in options.paths if path.endswith(".py")])
    below = [name for name in tree.files if name.endswith(".py") and matches(name, options.paths)]
    return [name for name in sorted({*named, *below}) if not matches(name, options.exclude)]


def _bandit(site: Site, files: Sequence[str], options: CodeAuditOptions) -> Any:
    with scratch_directory() as directory:
        report = directory / "report.json"
        # Files, no folders: in a folder bandit takes up a .bandit file, whose exceptions have neither reason nor end.
        command = ["bandit", "--quiet", "--exclude", "", "--format", "json"]
        command += ["--output", str(report), "--severity-level", options.severity]
        command += ["--confidence-level", options.confidence, *([] if options.comments else ["--ignore-nosec"])]
        run = site.run([*command, "--", *files], site.root, site.seconds)
        if run.problem:
            raise AuditFaultError(f"{run.problem} (audit.timeout)")
        try:
            said = parse_json(report.read_bytes(), paths=True)
            seen = {*said["metrics"], *(one["filename"] for one in said["errors"])}
            missing = [name for name in files if f"./{name}" not in seen]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AuditFaultError(f"bandit ended with {run.exit_code} and left no report that can be read") from error
    if missing:
        raise AuditFaultError(f"bandit did not look at {len(missing)} files, such as {missing[0]}")
    return said


def _risk(result: dict[str, Any]) -> Observation:
    # Of a password that it found, bandit prints the value.
    message = _QUOTED_PASSWORD.sub("", str(result["issue_text"]))
    level = f"{result['issue_severity']} severity, {result['issue_confidence']} confidence".lower()
    finding = Finding(
        rule=str(result["test_id"]),
        message=f"{message} ({level})",
        path=_path(result),
        line=int(result["line_number"]),
        column=int(result["col_offset"]) + 1,
    )
    return Observation(finding, names=(str(result["test_name"]),))


def _unread(error: dict[str, Any]) -> Observation:
    message = f"bandit can't read it: {error['reason']}"
    return Observation(Finding(rule=UNREADABLE, message=message, path=_path(error)), undecided=True)


def _path(said: dict[str, Any]) -> str:
    return shown(str(said["filename"]).removeprefix("./"))


def _place(observation: Observation) -> tuple[str, int, str]:
    finding = observation.finding
    return finding.path or "", finding.line or 0, finding.rule
