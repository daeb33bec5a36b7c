"""Look at everything that a command would need, change nothing, and say what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import Column, Styled, show, show_table
from modelway.cli.registry import add_registry_flags, find_credentials, registry_overrides
from modelway.cli.settings import read_slice
from modelway.errors import SettingsError

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.doctor import Diagnosis

EXAMPLE = "modelway doctor --env staging"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--env", metavar="NAME", help="also look at an environment: its target, images and state")
    parser.add_argument("--repository", metavar="OWNER/NAME", help="on GitHub (default: GITHUB_REPOSITORY)")
    parser.add_argument("--api-url", metavar="URL", help="GitHub's API (default: GITHUB_API_URL, else GitHub.com's)")
    add_registry_flags(parser)
    parser.epilog = f"{parser.epilog}. It ends with 0 where nothing is amiss, 6 where something outside fails, 3 where "
    parser.epilog += "data are missing, 2 where a secret, a setting or a package is."


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    from modelway.github import API_URL
    from modelway.pipeline.doctor import Scene, examine
    from modelway.pipeline.environment import open_environment
    from modelway.records.settings import SettingsSlice

    fault: SettingsError | None = None
    try:
        settings, root = read_slice(args, registry_overrides(args))
    except SettingsError as error:
        # The rest of the machine can be looked at all the same.
        settings, root, fault = SettingsSlice(name="unknown"), Path.cwd(), error
    environment = open_environment(settings, args.env, root, os.environ) if args.env and not fault else None
    scene = Scene(
        settings=settings,
        root=root,
        environment=environment,
        secrets=os.environ,
        credentials=find_credentials,
        repository=args.repository or os.environ.get("GITHUB_REPOSITORY", ""),
        api_url=args.api_url or os.environ.get("GITHUB_API_URL") or API_URL,
    )
    diagnosis = examine(scene, fault, output.progress)
    output.close()
    if not output.json:
        _show(diagnosis)
    output.record({"exit_code": diagnosis.exit_code, **diagnosis.model_dump(mode="json")})
    return diagnosis.exit_code


def _show(diagnosis: Diagnosis) -> None:
    from modelway.records.doctor import State

    styles = {State.OK: "green", State.MISSING: "yellow", State.FAILED: "red", State.NOT_CHECKED: "dim"}
    columns = [Column(title, fold=True, no_wrap=title == "state") for title in ("check", "state", "seen", "what to do")]
    rows = [
        (one.check, Styled(one.state, styles[one.state]), one.detail, tuple(one.remedy.split("\n")))
        for one in diagnosis.findings
    ]
    show_table(columns, rows, box=False)
    amiss = sum(one.exit_code != 0 for one in diagnosis.findings)
    show(f"{amiss} of {len(diagnosis.findings)} findings are amiss" if amiss else "nothing is amiss")
