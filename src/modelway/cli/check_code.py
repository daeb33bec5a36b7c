"""Look at the project's code: format, lint and types, by the tools that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.part import add_output_flag, show_part
from modelway.cli.settings import read_slice

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway check-code --set check_code.types=null"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_output_flag(parser, "check-code")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args)
    from modelway.pipeline.check_code import check_code

    report = check_code(settings.check_code, root, args.output, progress=output.progress)
    return show_part(output, report, args.output)
