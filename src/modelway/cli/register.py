"""Register a model that passed its gates: the last part of `train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, find_commit, find_source, open_registry, registry_overrides
from modelway.cli.settings import read_settings

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway register model-artifacts"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="what `evaluate` or `train` wrote")
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_settings(args, registry_overrides(args))
    from modelway.pipeline.register import register

    registry = open_registry(settings, root)
    commit = find_commit(root)
    source = find_source(root, commit)
    registration = register(registry, settings, args.directory, commit=commit, source=source, progress=output.progress)
    output.close()
    version = registration.version
    if not output.json:
        word = "registered:" if registration.created else "already registered:"
        show(f"{word} {version.name} version {version.number}")
    output.record({"exit_code": 0, "created": registration.created, "version": version.model_dump(mode="json")})
    return 0
