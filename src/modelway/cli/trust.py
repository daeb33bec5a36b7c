"""What the command line, the environment and the settings say of models: which code they may use, who signs them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import SettingsError
from modelway.records.trust import TRUST, Trust, read_names

if TYPE_CHECKING:
    import argparse

    from modelway.records.settings import SettingsSlice


def add_trust_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names trusted code."""
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="NAME",
        help="a type (module.Class) or function (module:function) that the model may use; may be repeated "
        f"(also: {TRUST}, and what the project's settings name)",
    )


def find_trust(args: argparse.Namespace, settings: SettingsSlice | None = None, root: Path | None = None) -> Trust:
    """Return what may be loaded: by the settings, by `--trust` where the command has it, and by MODELWAY_TRUST.

    Raises:
        UsageError: a name is malformed.
    """
    trust = Trust() if settings is None else settings.trust(root or Path.cwd())
    flags = [read_names(name, "--trust") for name in getattr(args, "trust", [])]
    return trust.with_names(read_names(os.environ.get(TRUST, ""), TRUST), *flags)


def project_trust(args: argparse.Namespace, *judged: Path) -> Trust:
    """Return the same for a command that needs no settings, by those of the project where there is one.

    Args:
        args: the parsed command line.
        judged: directories that are judged: settings inside of them count for nothing.

    Raises:
        SettingsError: the settings can't be used.
        UsageError: a name is malformed.
    """
    from modelway.cli.settings import read_slice
    from modelway.settings import find_settings

    if args.config is None:
        try:
            found = find_settings(Path.cwd()).resolve()
        except SettingsError:
            return find_trust(args)
        if any(found.is_relative_to(directory.resolve()) for directory in judged):
            return find_trust(args)
    return find_trust(args, *read_slice(args))
