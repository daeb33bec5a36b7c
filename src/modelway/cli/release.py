"""Publish a registered version as a GitHub release, with the model, its metrics and its report."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, open_registry, registry_overrides
from modelway.cli.settings import read_slice
from modelway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.github import GitHub
    from modelway.records.github import Repository

EXAMPLE = "modelway release champion --repository octocat/loans"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("version", metavar="VERSION", help="a number, alias, run, release tag or latest")
    parser.add_argument(
        "--repository", metavar="OWNER/NAME", help="where the release goes (default: GITHUB_REPOSITORY)"
    )
    parser.add_argument(
        "--api-url",
        metavar="URL",
        help="GitHub's API; https://HOST/api/v3 for GitHub Enterprise (default: GITHUB_API_URL, else GitHub.com's)",
    )
    add_registry_flags(parser)
    parser.epilog = f"{parser.epilog}. The token comes from GITHUB_TOKEN; it may write the repository's contents."


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args, registry_overrides(args))
    github = open_github(args.repository, args.api_url, output)
    from modelway.pipeline.release import release

    version, published = release(open_registry(settings, root), github, args.version, output.progress)
    output.close()
    if not output.json:
        show(f"released: {version.name} version {version.number} as {published.tag}")
        show(f"sent: {', '.join(published.uploaded) or 'nothing, all was there'}")
        show(f"page: {published.page}")
    output.record({"exit_code": 0, "version": version.number, **published.model_dump(mode="json")})
    return 0


def open_github(repository: str | None, api_url: str | None, output: Output) -> GitHub:
    """The repository that is named, or else the workflow's own; the token comes from GITHUB_TOKEN."""
    from modelway.github import API_URL, GitHub

    place = _read_repository(repository or os.environ.get("GITHUB_REPOSITORY", ""))
    token = os.environ.get("GITHUB_TOKEN", "").strip()
    if not token:
        raise UsageError(
            "a secret is missing: GITHUB_TOKEN",
            remedy="Set it to a token that may write the repository's contents.",
        )

    def wait(seconds: float) -> None:
        output.note(f"GitHub: another attempt in {seconds:.0f} s")
        time.sleep(seconds)

    return GitHub(place, token, api_url or os.environ.get("GITHUB_API_URL") or API_URL, sleep=wait)


def _read_repository(text: str) -> Repository:
    from pydantic import ValidationError

    from modelway.records.github import Repository

    if not text:
        raise UsageError("no repository is named", remedy="Give --repository OWNER/NAME, or set GITHUB_REPOSITORY.")
    owner, _, name = text.partition("/")
    try:
        return Repository(owner=owner, name=name)
    except ValidationError as error:
        raise UsageError(
            f"this names no repository: {text!r}", where="--repository", remedy="Give it as OWNER/NAME."
        ) from error
