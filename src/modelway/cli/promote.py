"""Make a registered version the champion: what production serves, and what later models are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, open_registry, registry_overrides
from modelway.cli.settings import read_slice

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway promote challenger"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("version", metavar="VERSION", help="a number, alias, run, release tag or latest")
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args, registry_overrides(args))
    version = open_registry(settings, root).promote(args.version)
    if not output.json:
        show(f"champion: {version.name} version {version.number}")
    output.record({"exit_code": 0, "version": version.model_dump(mode="json")})
    return 0
