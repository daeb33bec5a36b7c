"""GitHub: whether the token shows the repository, and what it may do there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import OutsideError, UsageError
from modelway.github import GitHub, rights_of
from modelway.pipeline.doctor.findings import failed, missing, not_checked, ok
from modelway.records.github import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.github import Rights
    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

TOKEN = "GITHUB_TOKEN"  # noqa: S105 - the variable's name


def check_github(scene: Scene) -> Iterator[Finding]:
    """Asks for the repository alone."""
    token = scene.secrets.get(TOKEN, "").strip()
    if not token:
        remedy = "Only `release`, and the issues and dispatches of `monitor --act`, need it."
        yield missing(TOKEN, "not set", remedy, needed=False)
        return
    if not scene.repository:
        yield not_checked(TOKEN, "set, but no repository is named", "Give --repository OWNER/NAME.")
        return
    rights = rights_of(GitHub(_repository(scene.repository), token, scene.api_url))
    until = f", until {rights.expires}" if rights.expires else ""
    yield ok(TOKEN, f"shows {scene.repository}{until}")
    yield _releases(rights)


def _repository(text: str) -> Repository:
    owner, _, name = text.partition("/")
    try:
        return Repository(owner=owner, name=name)
    except ValueError as error:
        raise UsageError(
            f"this names no repository: {text!r}", where="GitHub", remedy="Give it as OWNER/NAME."
        ) from error


def _releases(rights: Rights) -> Finding:
    name = f"{TOKEN}: rights"
    if rights.releases:
        return ok(name, f"scopes {', '.join(rights.scopes or ())}: releases, issues and dispatches")
    if rights.releases is None:
        words = "a token that tells no scopes (fine-grained, or a workflow's own) shows its rights when it is used"
        remedy = "It needs Contents: write for `release`; Issues and Actions: write for `monitor --act`."
        return not_checked(name, words, remedy)
    scopes = "none" if rights.scopes is None else ", ".join(rights.scopes) or "none"
    return failed(
        name,
        OutsideError(
            f"the token may not write to the repository (scopes: {scopes})",
            remedy="Give it Contents, Issues and Actions: write; a classic one the scope `repo`.",
        ),
    )
