"""Show or set an environment's flags: which share of the requests a challenger answers or sees; nothing is deployed."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelway.cli.environment import add_environment_flag, find_environment
from modelway.cli.output import show
from modelway.errors import UsageError

if TYPE_CHECKING:
    from modelway.cli.output import Output

EXAMPLE = "modelway flags --env local set --new-model 0.1 --shadow 1"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("action", choices=("show", "set"), help="show them, or set those that are given")
    add_environment_flag(parser)
    parser.add_argument("--new-model", type=_share, metavar="SHARE", help="0 to 1: what the challenger answers")
    parser.add_argument("--shadow", type=_share, metavar="SHARE", help="0 to 1: what it sees besides")
    parser.add_argument("--challenger-version", metavar="V", help='which of the challengers; "" for the last one')


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    environment, _, _ = find_environment(args)
    from modelway.deploy.flagging import set_flags, show_flags

    given = {"new_model": args.new_model, "shadow": args.shadow, "version": args.challenger_version}
    asked = [value for value in given.values() if value is not None]
    if args.action == "show":
        if asked:
            raise UsageError("`show` takes no shares", remedy="Write `modelway flags --env NAME set ...`.")
        found = show_flags(environment.place)
    else:
        if not asked:
            raise UsageError("nothing is to be set", remedy="Give --new-model, --shadow or --challenger-version.")
        found = set_flags(environment.place, environment.state.read(), **given)
    if not output.json:
        show(f"{args.env}: {found['words']}")
        show(f"document: {found['uri']}")
    output.record({"exit_code": 0, **found})
    return 0


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share: 0 to 1")
    return value
