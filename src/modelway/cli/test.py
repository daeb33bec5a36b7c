"""Run the project's own tests by pytest, with coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.part import add_output_flag, show_part
from modelway.cli.settings import read_slice

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway test --set test.coverage.floor=80"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_output_flag(parser, "test")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args)
    from modelway.pipeline.run_tests import run_tests

    report = run_tests(settings.test, root, args.output, progress=output.progress)
    return show_part(output, report, args.output)
