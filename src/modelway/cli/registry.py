"""The registry that a command line asks for, with who we are to it."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelway.artifacts import file_digest
from modelway.errors import UsageError
from modelway.processes import git_environment
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from modelway.records.settings import SettingsSlice
    from modelway.registry import Credentials, Registry

_LOCKS = ("requirements.lock", "pylock.toml", "requirements.txt")
"""The project's lock, the best first."""
_TIME = "MODELWAY_COMMIT_TIME"
_PLACE = ("register", "tracking_uri")
CREDENTIALS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")


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
    from modelway.registry import Registry

    return Registry(settings.register_, settings.name, root, find_credentials())


def find_credentials() -> Credentials | None:
    """Who we are to a tracking server; None where the environment says nothing.

    Raises:
        UsageError: it says the half of it, or both ways at once.
    """
    from modelway.registry import Credentials

    values = [os.environ.get(name) or None for name in CREDENTIALS]
    return Credentials(*values) if any(values) else None


def find_commit(root: Path) -> str | None:
    """The revision of the user's code, from MODELWAY_COMMIT or else git; it ends with -dirty where files differ."""
    if commit := os.environ.get("MODELWAY_COMMIT"):
        return commit
    return _ask_git(root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def find_source(root: Path, commit: str | None) -> dict[str, str]:
    """What else a version is known by: the time of its commit (ISO 8601, UTC), the digest of the project's lock.

    The time comes from MODELWAY_COMMIT_TIME or else git; what is not known is left out.

    Raises:
        UsageError: MODELWAY_COMMIT_TIME is no time.
    """
    found = {}
    if given := os.environ.get(_TIME):
        found["commit_time"] = _in_utc(given)
    elif commit and (time := _commit_time(root, commit.partition("-")[0])):
        found["commit_time"] = time
    if lock := next((root / name for name in _LOCKS if (root / name).is_file()), None):
        found["lock_digest"] = file_digest(lock)
    return found


def _in_utc(text: str) -> str:
    """A time as `git show --format=%cI` writes it, the way that a version keeps it."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        remedy = "Give what `git show --no-patch --format=%cI` prints."
        raise UsageError(f"{text!r} is no time with its zone (ISO 8601)", where=_TIME, remedy=remedy)
    return time.astimezone(UTC).isoformat()


def _commit_time(root: Path, commit: str) -> str | None:
    seconds = _ask_git(root, "show", "--no-patch", "--format=%ct", commit)
    return datetime.fromtimestamp(int(seconds), UTC).isoformat() if seconds and seconds.isdigit() else None


def _ask_git(root: Path, *argv: str) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603 - no shell, and the words are ours or a revision's
            ["git", *argv],  # noqa: S607
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            env=git_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() or None if answer.returncode == 0 else None
