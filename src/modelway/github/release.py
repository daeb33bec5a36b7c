"""Publish a GitHub release: look what is there, do what is missing, and do it again as often as one likes.

A release begins as a draft and is published when all of its files are there, so that nobody sees half of one. Whatever
interrupts this, the next run goes on from what it finds.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

from modelway.errors import InputError, OutsideError, UsageError
from modelway.github.answers import to_asset, to_list, to_release
from modelway.github.client import ATTEMPTS
from modelway.github.failures import AbsentError, TakenError, UnansweredError
from modelway.records.github import Published
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.github.client import GitHub
    from modelway.records.github import Release, ReleasePlan

LARGEST = 2 * 1024**3
"""Bytes; GitHub takes only smaller files."""
_PAGE = 100


def publish(github: GitHub, plan: ReleasePlan, files: Sequence[Path], progress: Progress = silent) -> Published:
    """Make the release that is planned, with these files; a release that is there is brought up to date.

    Files that a person added to it stay. A file is sent only where GitHub has none of the name with the same bytes;
    where an old server tells no digest, it is sent again.

    Args:
        github: the repository.
        plan: what the release is to be.
        files: what is attached, each by its own name.
        progress: told after each part.

    Raises:
        UsageError: a release of this tag is there, and it is another model's or a person's.
        InputError: a file is too large for GitHub.
        OutsideError: GitHub does not answer, or refuses.
    """
    for file in files:
        _check_size(file)
    found = _find(github, plan.tag)
    release = found or _create(github, plan)
    _check_ours(release, plan)
    total = len(files) + 1
    uploaded: list[str] = []
    kept: list[str] = []
    for done, file in enumerate(files, start=1):
        sent = _settle_file(github, release, file)
        (uploaded if sent else kept).append(file.name)
        progress("release", done, total, file.name)
    release = _show(github, release, plan)
    progress("release", total, total, plan.tag)
    return Published(tag=plan.tag, page=release.page, created=found is None, uploaded=tuple(uploaded), kept=tuple(kept))


def _find(github: GitHub, tag: str) -> Release | None:
    """The release of a tag, a draft too; drafts are not found by their tag but in the list alone."""
    with suppress(AbsentError):
        return to_release(github.call("GET", f"/releases/tags/{quote(tag, safe='')}"))
    drafts = []
    page = 1
    while True:
        told = to_list(github.call("GET", f"/releases?per_page={_PAGE}&page={page}"))
        drafts += [to_release(one) for one in told if one.get("tag_name") == tag]
        if len(told) < _PAGE:
            # The oldest, so that runs that met agree on one.
            return min(drafts, key=lambda draft: draft.id, default=None)
        page += 1


def _create(github: GitHub, plan: ReleasePlan) -> Release:
    body = {"tag_name": plan.tag, "name": plan.title, "body": plan.notes, "draft": True}
    if plan.commit:
        body["target_commitish"] = plan.commit
    for attempt in range(ATTEMPTS):
        try:
            return to_release(github.call("POST", "/releases", body))
        except UnansweredError:
            if attempt == ATTEMPTS - 1:
                raise
        github.wait(attempt)
        # Only the answer may have been lost: a second draft would stay for ever.
        if (release := _find(github, plan.tag)) is not None:
            return release
    raise AssertionError("unreachable")


def _check_ours(release: Release, plan: ReleasePlan) -> None:
    if plan.marker not in release.notes:
        raise UsageError(
            f"there is a release {plan.tag} already, and it is not of this model",
            where=release.page,
            remedy="Delete that release and its tag if nobody needs it. Has the registry begun at version 1 again?",
        )


def _settle_file(github: GitHub, release: Release, file: Path) -> bool:
    """See that the release has the file; gives whether it had to be sent."""
    with file.open("rb") as stream:
        digest = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    assets = release.assets
    for attempt in range(ATTEMPTS):
        there = next((asset for asset in assets if asset.name == file.name), None)
        if there and there.uploaded and there.digest == digest:
            return attempt > 0
        if release.immutable:
            raise OutsideError(
                f"the release is immutable, and its {file.name} is not the version's",
                where=release.page,
                remedy="Delete the release and its tag on GitHub, then run it again.",
            )
        if there:
            with suppress(AbsentError):
                github.call("DELETE", f"/releases/assets/{there.id}")
        try:
            _send(github, release, file, digest)
        except (UnansweredError, TakenError):
            # What such a failure leaves is seen only after another look: an empty file, the whole one, or nothing.
            if attempt == ATTEMPTS - 1:
                raise
        else:
            return True
        github.wait(attempt)
        assets = to_release(github.call("GET", f"/releases/{release.id}")).assets
    raise AssertionError("unreachable")


def _send(github: GitHub, release: Release, file: Path, digest: str) -> None:
    asset = to_asset(github.upload(f"{release.upload_address}?name={quote(file.name, safe='')}", file))
    if asset.digest not in {None, digest} or asset.size != file.stat().st_size:
        raise UnansweredError(
            f"{file.name} arrived otherwise than it was sent", where=release.page, remedy="Run it again."
        )


def _show(github: GitHub, release: Release, plan: ReleasePlan) -> Release:
    """Publish a draft, and bring title and notes up to date."""
    shown = release.notes.replace("\r\n", "\n").strip()
    if not release.draft and (release.title, shown) == (plan.title, plan.notes.strip()):
        return release
    body = {"name": plan.title, "body": plan.notes, "draft": False}
    if release.draft:
        # By date and version: releasing an older model again does not make it the latest.
        body["make_latest"] = "legacy"
        if plan.commit:
            body["target_commitish"] = plan.commit
    try:
        return to_release(github.call("PATCH", f"/releases/{release.id}", body))
    except TakenError:
        # Another run published the same tag meanwhile; our draft would stay for ever.
        if release.draft:
            github.call("DELETE", f"/releases/{release.id}")
        raise


def _check_size(file: Path) -> None:
    if file.stat().st_size >= LARGEST:
        raise InputError(
            "the file is too large for a GitHub release, which takes less than 2 GiB",
            where=file.name,
            remedy="Fetch the model from the registry instead: `modelway pull`.",
        )
