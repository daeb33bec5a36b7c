"""Look for vulnerable dependencies, risky code, secrets and model files that run code: a part of `ci`."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.part import add_output_flag, show_part
from modelway.cli.settings import read_slice

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway audit --advisories pypi-all.zip"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--advisories",
        type=Path,
        metavar="PATH",
        help="an advisory database in the OSV export format (a folder, a zip file, JSON lines) instead of the service",
    )
    add_output_flag(parser, "audit")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args)
    from modelway.pipeline.audit import audit

    today = date.today()  # noqa: DTZ011 - exceptions expire by the calendar on the wall
    report = audit(settings.audit, settings.name, root, args.output, today, args.advisories, output.progress)
    return show_part(output, report, args.output)
