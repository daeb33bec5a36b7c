"""Continuous integration on the host: all parts side by side, one table in the end."""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.artifacts import MANIFEST, check_replaceable, list_files, write_artifact
from modelway.atomic import scratch_directory
from modelway.checks.verdicts import combine, in_short
from modelway.errors import UsageError
from modelway.escaping import printable_lines
from modelway.pipeline.part import CHECKS
from modelway.pipeline.processes import run_side_by_side
from modelway.records.artifacts import Manifest
from modelway.records.checks import PartReport
from modelway.records.ci import CiSummary, PartOutcome
from modelway.records.progress import Progress, silent
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from modelway.pipeline.processes import Ended

KIND = "ci"
SUMMARY = "summary.json"
_BUG = 1
_LAST_LINES = 5


def ci(
    commands: Mapping[str, Sequence[str]],
    output: Path,
    *,
    jobs: int,
    not_run: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> CiSummary:
    """Run the parts, each in a process of its own, and collect what every one of them says.

    The parts write to a place outside of the project, so that none of them comes across the reports of another. In the
    end all reports take the place of those of an earlier run; until then, and when interrupted, those stay.

    Args:
        commands: the command of each part, to which `--output DIR` is added, in the order in which they begin.
        output: where the artifact directory goes: a directory and a log for each part, and summary.json.
        jobs: how many parts run at a time.
        not_run: why other parts do not run.
        progress: told where it is.

    Raises:
        UsageError: `output` holds something else than reports.
    """
    _adopt(output, commands)
    check_replaceable(output)
    with scratch_directory() as folder:
        work = folder
        argvs = {part: [*command, "--output", str(work / part)] for part, command in commands.items()}
        ended = run_side_by_side(argvs, work, jobs, progress)
        for part in commands:
            _replace_in(work / f"{part}.log", str(work), str(output))
        outcomes = {part: _outcome(part, ended[part], work) for part in sorted(commands)}
        code = combine_parts(outcome.exit_code for outcome in outcomes.values())
        summary = CiSummary(exit_code=code, parts=outcomes, not_run=dict(not_run or {}))
        with write_artifact(output, KIND) as directory:
            for path in sorted(work.iterdir()):
                shutil.move(path, directory / path.name)
            (directory / SUMMARY).write_text(summary.to_json(), encoding="utf-8")
    return summary


def combine_parts(codes: Iterable[int]) -> int:
    """The exit code of parts that end with `codes`; wrong settings come right after a bug: they may hide much."""
    found = set(codes)
    worst = combine(found - {UsageError.exit_code})
    return UsageError.exit_code if UsageError.exit_code in found and worst != _BUG else worst


def _adopt(output: Path, parts: Iterable[str]) -> None:
    """Make one artifact of a directory that holds nothing but the reports of parts that were run one by one."""
    if not output.is_dir() or (output / MANIFEST).exists():
        return
    entries = list(output.iterdir())
    if entries and all(path.name in parts and (path / MANIFEST).is_file() for path in entries):
        (output / MANIFEST).write_text(Manifest(kind=KIND, files=list_files(output)).to_json(), encoding="utf-8")


def _outcome(part: str, ended: Ended, work: Path) -> PartOutcome:
    log = f"{part}.log"
    report = _read_report(work / part / CHECKS)
    if report is not None and report.exit_code == ended.code:
        said = in_short(report.checks)
        return PartOutcome(
            verdict=report.verdict, exit_code=ended.code, seconds=ended.seconds, reason=said, report=part, log=log
        )
    return PartOutcome(
        verdict=Verdict.ERROR,
        exit_code=ended.code or _BUG,
        seconds=ended.seconds,
        reason="\n".join([_ending(ended.code, report), *_last_lines(work / log)]),
        report=part if (work / part).is_dir() else None,
        log=log,
    )


def _read_report(path: Path) -> PartReport | None:
    try:
        return PartReport.from_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _ending(code: int, report: PartReport | None) -> str:
    what = f"killed by signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"ended with exit code {code}"
    if report is None:
        return f"{what} and left no report; it said last:"
    return f"{what}, though its report says {report.exit_code}; it said last:"


def _last_lines(log: Path) -> list[str]:
    """The error message, if one was said in the end, else the last lines."""
    text = log.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in printable_lines(text) if line.strip()]
    messages = [at for at, line in enumerate(lines) if line.startswith("modelway: ")]
    return lines[messages[-1] :][:_LAST_LINES] if messages else lines[-_LAST_LINES:] or ["nothing"]


def _replace_in(path: Path, old: str, new: str) -> None:
    path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
