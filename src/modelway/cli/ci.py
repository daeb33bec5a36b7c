"""Run all parts of continuous integration side by side; one that fails stops no other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.checks.changes import CI
from modelway.cli.output import VERDICT_STYLES, Cell, Column, Styled, show, show_table
from modelway.cli.settings import address, read_settings
from modelway.errors import UsageError
from modelway.processes import cores

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.ci import CiSummary
    from modelway.records.settings import Settings

EXAMPLE = "modelway ci --base origin/main --skip audit"

_LONGEST_FIRST = ("test", "smoke-train", "audit", "check-data", "check-code")
"""The order in which the parts begin where not all can run at once, so that none is waited for in the end."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=Path("reports"),
        metavar="DIR",
        help="where the reports go (default: reports)",
    )
    parser.add_argument("--data", metavar="URI", help="a file, folder, glob or s3:// address instead of the settings'")
    parser.add_argument("--advisories", type=Path, metavar="FILE", help="the advisories that `audit` is to read")
    parser.add_argument("--base", metavar="REV", help="run only the parts that changes since this revision ask for")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--only", nargs="+", action="extend", choices=CI, metavar="PART", help=f"of {', '.join(CI)}, run only these"
    )
    chosen.add_argument("--skip", nargs="+", action="extend", choices=CI, metavar="PART", help="run all but these")
    parser.add_argument("--jobs", type=int, metavar="N", help="parts at a time (default: as many as there are cores)")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_settings(args)  # what is wrong in them is said once, not by each part
    not_run = _not_run(args, settings, root)
    parts = [part for part in CI if part not in not_run]
    if not parts and args.base is None:
        raise UsageError("no part is left to run", where="--skip", remedy="Skip fewer of them.")
    from modelway.pipeline.ci import ci

    commands = {part: _command(part, args) for part in sorted(parts, key=_LONGEST_FIRST.index)}
    summary = ci(commands, args.output_dir, jobs=_jobs(args), not_run=not_run, progress=output.progress)
    output.close()
    if not output.json:
        _show(summary, args.output_dir)
    output.record({**summary.model_dump(mode="json"), "output": str(args.output_dir)})
    return summary.exit_code


def _not_run(args: argparse.Namespace, settings: Settings, root: Path) -> dict[str, str]:
    """The parts that are not to run, with the reason."""
    chosen = args.only or [part for part in CI if part not in (args.skip or ())]
    not_run = {part: "not chosen" for part in CI if part not in chosen}
    if args.base is not None:
        from modelway.cli.changes import find_changes

        wanted = find_changes(args, settings, root, base=args.base).run
        not_run |= {
            part: f"nothing that it looks at changed since {args.base}" for part in chosen if part not in wanted
        }
    return not_run


def _command(part: str, args: argparse.Namespace) -> list[str]:
    # -P: a module of the user's in the working directory must not take the place of one of Python's.
    command = [sys.executable, "-P", "-m", "modelway", part]
    if args.config is not None:
        command += ["--config", str(args.config)]
    for override in args.set:
        command += ["--set", override]
    if args.verbose:
        command.append("--verbose")
    if args.data is not None and part in {"check-data", "smoke-train"}:
        command += ["--data", address(args.data)]
    if args.advisories is not None and part == "audit":
        command += ["--advisories", str(args.advisories)]
    return command


def _jobs(args: argparse.Namespace) -> int:
    if args.jobs is None:
        return cores()
    if args.jobs < 1:
        raise UsageError(f"{args.jobs} parts at a time are none", where="--jobs", remedy="Name 1 or more.")
    return int(args.jobs)


def _show(summary: CiSummary, directory: Path) -> None:
    columns = (
        Column("part", no_wrap=True),
        Column("verdict"),
        Column("seconds", justify="right"),
        Column("what it says", ratio=1),
        Column("report", fold=True),
    )
    rows: list[tuple[Cell, ...]] = []
    for part in CI:
        if outcome := summary.parts.get(part):
            verdict = Styled(outcome.verdict, VERDICT_STYLES[outcome.verdict])
            place = str(directory / (outcome.report or outcome.log))
            rows.append((part, verdict, f"{outcome.seconds:.1f}", tuple(outcome.reason.split("\n")), place))
        else:
            rows.append((part, "not run", "", summary.not_run[part], ""))
    show_table(columns, rows, title=f"ci: exit code {summary.exit_code}")
    show(f"logs and summary: {directory}")
