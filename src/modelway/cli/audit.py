"""Look for vulnerable dependencies and images, risky code, secrets and model files that run code: a part of `ci`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.part import add_output_flag, show_part
from modelway.cli.settings import read_slice
from modelway.errors import GateError, OutsideError, UsageError

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.audit import AuditOptions

EXAMPLE = "modelway audit --advisories pypi-all.zip"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--advisories",
        type=Path,
        metavar="PATH",
        help="an advisory database in the OSV export format (a folder, a zip file, JSON lines) instead of the service",
    )
    source.add_argument(
        "--ask",
        type=Path,
        metavar="FILE",
        help="ask the service about the locked packages, write what it says to this file, and do no more",
    )
    source.add_argument(
        "--answers", type=Path, metavar="FILE", help="what the service said, as --ask wrote it, instead of asking now"
    )
    parser.add_argument(
        "--os-root",
        type=Path,
        metavar="DIR",
        help="the root directory of an image, whose operating system packages are audited and go into the SBOM",
    )
    add_output_flag(parser, "audit")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args)
    today = date.today()  # noqa: DTZ011 - exceptions expire by the calendar on the wall
    if args.ask is not None:
        return _ask(settings.audit, root, today, args, output)
    from modelway.checks.audit.dependencies import Given
    from modelway.pipeline.audit import audit

    named = args.advisories is not None or args.answers is not None
    given = Given(args.advisories, args.answers) if named else None
    report = audit(settings.audit, settings.name, root, args.output, today, given, output.progress, args.os_root)
    return show_part(output, report, args.output)


def _ask(options: AuditOptions, root: Path, today: date, args: argparse.Namespace, output: Output) -> int:
    """Write the service's answers, also where there are none, and say whether there are."""
    from modelway.pipeline.audit import ask

    path: Path = args.ask
    answers = ask(options, root, today, args.os_root)
    try:
        path.write_text(answers.to_json(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"can't be written: {error.strerror}", where=str(path)) from error
    if answers.fault is None:
        code = 0
        output.note(f"{answers.service} was asked for {len(answers.packages)} locked packages: {path}")
    else:
        code = OutsideError.exit_code if answers.outside else GateError.exit_code
        output.note(answers.fault)
    output.record({"exit_code": code, **answers.model_dump(mode="json")})
    return code
