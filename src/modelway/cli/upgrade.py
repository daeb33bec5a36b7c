"""Bring the workflows that `init` wrote to this version's, and show the difference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show, show_block
from modelway.errors import GateError, UsageError
from modelway.records.adopt import State

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway upgrade --diff"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="the project (default: .)"
    )
    parser.add_argument(
        "--diff", action="store_true", help="write nothing: show what would change (exit 4 if anything)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite what you edited, too")
    parser.add_argument(
        "--module", metavar="REF", help="another Dagger module or version, github.com/OWNER/REPO[@VERSION]"
    )
    parser.add_argument("--pin", metavar="COMMIT", help="the commit that its version is, for dagger.json")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    from modelway.adopt.looking import look
    from modelway.cli.init import module_reference
    from modelway.pipeline.upgrade import upgrade

    if args.config is not None or args.set:
        raise UsageError("upgrade looks at no settings", where="--config" if args.config else "--set")
    module = module_reference(args.module, args.pin) if args.module else None
    files = upgrade(look(args.directory), module, force=args.force, write=not args.diff)
    open_ones = [one for one in files if one.state in {State.EDITED, State.DIFFERS}]
    code = GateError.exit_code if open_ones else 0
    output.record({"exit_code": code, "files": [one.model_dump(mode="json") for one in files]})
    if not output.json:
        for one in files:
            show(f"{one.state.value:<8}  {one.path}{f'  ({one.reason})' if one.reason else ''}")
            show_block(one.diff)
        if any(one.state is State.EDITED for one in files):
            show("what is edited was left alone: take over by hand what you want, or --force")
    return code
