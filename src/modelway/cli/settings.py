"""The settings that a command line asks for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.settings import Override, find_settings, load_settings, load_slice

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from modelway.records.settings import Settings, SettingsSlice


def read_settings(args: argparse.Namespace, flags: Sequence[Override] = ()) -> tuple[Settings, Path]:
    """The settings and the directory of their file, where the user's own modules are then found.

    Args:
        args: the parsed command line.
        flags: what the command's own flags override; `--set` overrides them in turn.
    """
    path, root = _place(args)
    return load_settings(path, [*flags, *map(Override.parse, args.set)]), root


def read_slice(args: argparse.Namespace, flags: Sequence[Override] = ()) -> tuple[SettingsSlice, Path]:
    """The same for a part of `train`, whose settings may hold its own key alone."""
    path, root = _place(args)
    return load_slice(path, [*flags, *map(Override.parse, args.set)]), root


def _place(args: argparse.Namespace) -> tuple[Path, Path]:
    path = args.config or find_settings(Path.cwd())
    root = path.resolve().parent
    sys.path.insert(0, str(root))
    return path, root


def address(uri: str) -> str:
    """An address given as a flag: a path is relative to the working directory, not to the settings file."""
    return uri if "://" in uri else str(Path(uri).absolute())
