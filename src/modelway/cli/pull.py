"""Fetch a registered version's model directory, by number, alias or run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, open_registry, registry_overrides
from modelway.cli.settings import read_slice

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway pull champion --output champion"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("version", metavar="VERSION", help="a number, alias, run, release tag or latest")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the model directory goes")
    parser.add_argument("--allow-missing", action="store_true", help="write nothing where there is no such version")
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args, registry_overrides(args))
    from modelway.pipeline.register import pull

    registry = open_registry(settings, root)
    known = {version.model_digest: version.number for version in registry.versions()}
    if args.allow_missing and registry.find(args.version) is None:
        if not output.json:
            show(f"there is no version {args.version}; {args.output} is not written")
        output.record({"exit_code": 0, "output": None, "version": None, "known": known})
        return 0
    version = pull(registry, args.version, args.output)
    if not output.json:
        show(f"{version.name} version {version.number} is in {args.output}")
    told = {"version": version.model_dump(mode="json"), "trusted": version.trusted}
    record = {"exit_code": 0, "output": str(args.output), **told}
    output.record({**record, "known": known})
    return 0
