"""End what an environment runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.environment import add_flow_flags, find_flow
from modelway.cli.output import show

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway stop --env local"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_flow_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    _, flow, _ = find_flow(args, output)
    stopped = flow.stop()
    output.close()
    if not output.json:
        show(f"{args.env}: {'stopped' if stopped else 'nothing runs'}")
    output.record({"exit_code": 0, "stopped": stopped})
    return 0
