"""The registry that a command line asks for, with who we are to it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from modelway.settings import Override

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from modelway.records.settings import SettingsSlice
    from modelway.registry import Registry

_PLACE = ("register", "tracking_uri")


def add_registry_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says where the registry is."""
    parser.add_argument(
        "--tracking-uri",
        metavar="URI",
        help="MLflow's server or database (default: MLFLOW_TRACKING_URI, else the settings)",
    )


def registry_overrides(args: argparse.Namespace) -> list[Override]:
    """What the flag, or else the environment, overrides."""
    if args.tracking_uri is not None:
        return [Override("--tracking-uri", _PLACE, args.tracking_uri)]
    if uri := os.environ.get("MLFLOW_TRACKING_URI"):
        return [Override("MLFLOW_TRACKING_URI", _PLACE, uri)]
    return []


def open_registry(settings: SettingsSlice, root: Path) -> Registry:
    """The model's registry. User and password, or a token, come from MLflow's own environment variables."""
    from modelway.registry import Credentials, Registry

    names = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
    values = [os.environ.get(name) or None for name in names]
    credentials = Credentials(*values) if any(values) else None
    return Registry(settings.register_, settings.name, root, credentials)


def find_commit(root: Path) -> str | None:
    """The revision of the user's code, from MODELWAY_COMMIT or else git; it ends with -dirty where files differ."""
    if commit := os.environ.get("MODELWAY_COMMIT"):
        return commit
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None if described.returncode == 0 else None
