"""Where this modelway comes from, as far as its own metadata tell: an address is never invented."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from modelway.parsing import parse_json

_SOURCES = ("repository", "source", "source code", "code", "github", "homepage")
"""Labels of a project's URLs under which its repository stands, the best first."""
_REPOSITORY = re.compile(r"(?:git\+)?(?:https?|ssh)://(?:[^@/]+@)?(?P<address>[\w.-]+(?:/[\w.~-]+){2,})/?")


def own_origin(dist: Distribution | None = None) -> tuple[str, str | None] | None:
    """The address of the repository that modelway was installed from, as `github.com/OWNER/REPO`, and the commit.

    From what pip notes of an installation by git (PEP 610), which knows the commit; else from the URLs in the metadata.
    None where neither tells.
    """
    if dist is None:
        try:
            dist = distribution("modelway")
        except PackageNotFoundError:
            return None
    return _installed_from(dist) or _from_metadata(dist)


def _installed_from(dist: Distribution) -> tuple[str, str | None] | None:
    try:
        noted: Any = parse_json(dist.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    if not isinstance(noted, dict):
        return None
    vcs = noted.get("vcs_info", {})
    match = _REPOSITORY.fullmatch(str(noted.get("url", "")))
    return (match["address"].removesuffix(".git"), vcs.get("commit_id")) if vcs.get("vcs") == "git" and match else None


def _from_metadata(dist: Distribution) -> tuple[str, str | None] | None:
    listed = [text.partition(",")[::2] for text in dist.metadata.get_all("Project-URL") or []]
    urls = {label.strip().casefold(): url.strip() for label, url in listed}
    for label in _SOURCES:
        if match := _REPOSITORY.fullmatch(urls.get(label, "")):
            return match["address"].removesuffix(".git"), None
    return None
