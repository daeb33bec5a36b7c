"""What the commands of an environment have in common: which one, who we are, what they show."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.registry import add_registry_flags, open_registry, registry_overrides
from modelway.cli.settings import read_slice

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.deploy.flow import Flow
    from modelway.pipeline.bundles import BundleStore
    from modelway.pipeline.environment import Environment
    from modelway.records.settings import SettingsSlice


def add_environment_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag that names the environment."""
    parser.add_argument("--env", required=True, metavar="NAME", help="an environment of the settings")


def add_flow_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a command that changes releases."""
    add_environment_flag(parser)
    add_registry_flags(parser)


def add_key_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag of a command that may have to make bundles anew."""
    parser.add_argument(
        "--private-key", type=Path, metavar="FILE", help="sign bundles with this key of an elliptic curve (PEM)"
    )


def find_environment(args: argparse.Namespace) -> tuple[Environment, SettingsSlice, Path]:
    """The environment that `--env` names, with the settings and the directory of their file."""
    from modelway.pipeline.environment import open_environment

    overrides = registry_overrides(args) if hasattr(args, "tracking_uri") else []
    settings, root = read_slice(args, overrides)
    return open_environment(settings, args.env, root, os.environ), settings, root


def find_flow(
    args: argparse.Namespace, output: Output, *, pushes: bool = False, deploys: bool = False, asks: bool = True
) -> tuple[Environment, Flow, BundleStore]:
    """The environment's flow; refuses at once where a secret is missing, `pushes` where an image may have to be.

    `deploys` where a new release may come: its servers are given the token of smoke tests, made where there is none.
    `asks` is false where only files are written, which need no account.
    """
    environment, settings, root = find_environment(args)
    from modelway.pipeline.deploy import check_secrets, open_flow

    target = environment.target()
    if asks:
        check_secrets(environment, target, pushes=pushes)
    registry, key = open_registry(settings, root), getattr(args, "private_key", None)
    flow, store = open_flow(environment, registry, whoami(), output.note, output.progress, key, deploys=deploys)
    return environment, flow, store


def whoami() -> str:
    """Who runs this, for whoever finds the lock or reads the history."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    who = f"{user}@{socket.gethostname()}, process {os.getpid()}"
    link = run_link()
    return f"{who}, {link}" if link else who


def run_link() -> str | None:
    """The address of the run of GitHub Actions that this is a part of."""
    server, repository, run = (
        os.environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    )
    if link := os.environ.get("MODELWAY_RUN_URL"):
        return link
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None
