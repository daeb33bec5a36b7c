"""Say which of code, data, model, settings and documents changed since a revision, and what therefore has to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.changes import find_changes
from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, open_registry, registry_overrides
from modelway.cli.settings import read_settings
from modelway.records.changed import Category, Changes, RegistryChange
from modelway.records.register import Alias

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from modelway.cli.output import Output
    from modelway.records.settings import Settings

EXAMPLE = "modelway changed --base origin/main --model-version 3 --json | jq -r '.run[]'"

_SHOWN = 10
"""Paths of a category that are printed; the record holds all."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--base",
        required=True,
        metavar="REV",
        help="the revision that was checked before; both are compared as they are",
    )
    parser.add_argument("--head", metavar="REV", help="the revision to look at (default: the files as they lie here)")
    parser.add_argument(
        "--model-version",
        type=int,
        metavar="N",
        help="the newest version known; asks the registry for a newer challenger",
    )
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_settings(args, registry_overrides(args))
    known = args.model_version
    registry, notes = (None, ()) if known is None else _ask_registry(settings, root, known)
    changes = find_changes(args, settings, root, base=args.base, head=args.head, registry=registry, notes=notes)
    if not output.json:
        _show(changes)
    output.record({"exit_code": 0, **changes.model_dump(mode="json")})
    return 0


def _ask_registry(settings: Settings, root: Path, known: int) -> tuple[RegistryChange, tuple[str, ...]]:
    """The registry's newest versions; an embedded registry that is not there is not made."""
    versions = open_registry(settings, root).versions()
    numbers = {alias: found.number for found in versions for alias in found.aliases}
    registry = RegistryChange(
        known=known, challenger=numbers.get(Alias.CHALLENGER), champion=numbers.get(Alias.CHAMPION)
    )
    if not versions:
        return registry, (f"the registry holds no version of {settings.name!r}",)
    if registry.challenger is not None and registry.challenger < known:
        return registry, (f"the registry's challenger is version {registry.challenger}, older than {known}",)
    return registry, ()


def _show(changes: Changes) -> None:
    head = changes.head[:12] if changes.head else "the files as they lie here"
    show(f"from {changes.base[:12]} to {head}")
    for category, paths in changes.changed.items():
        if not paths:
            continue
        show("", f"{category}: {len(paths):,} changed")
        for path in paths[:_SHOWN]:
            show(f"  {path}")
        if (more := len(paths) - _SHOWN) > 0:
            show(f"  ... and {more:,} more")
        if category is Category.SETTINGS and changes.settings_keys:
            show(f"  keys: {', '.join(changes.settings_keys)}")
    if changes.registry is not None:
        show("", f"registry: challenger {changes.registry.challenger}, champion {changes.registry.champion}")
    for note in changes.notes:
        show("", f"note: {note}")
    show("", f"to run: {'' if changes.run else 'nothing'}")
    for command, why in changes.because.items():
        parts = f" ({', '.join(changes.train_parts)})" if command == "train" else ""
        show(f"  {command}{parts}: {', '.join(why)}")
