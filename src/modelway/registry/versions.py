"""Reading the versions of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.artifacts import file_digest
from modelway.errors import InputError, OutsideError, UsageError
from modelway.parsing import parse_json
from modelway.records.register import Alias, Version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

MODEL_DIGEST = "model_digest"
FILES_DIGEST = "files_digest"
LATEST = "latest"
"""Names the newest version, as MLflow's own model URIs do."""
KEPT_DIGESTS = "kept_digests"
"""The tag that holds the SHA-256 of each file that is kept with a version's run, by name; JSON."""
_PAGE = 1000
_ABSENT = {"RESOURCE_DOES_NOT_EXIST", "NOT_FOUND", "ENDPOINT_NOT_FOUND"}


def all_versions(client: MlflowClient, name: str) -> list[Version]:
    """The versions that modelway registered, oldest first; others, which lack our digests, are passed over."""
    models = client.search_registered_models(f"name = '{name}'")
    if not models:
        return []
    aliases: dict[int, list[Alias]] = {}
    for alias in Alias:
        if number := models[0].aliases.get(alias.value):
            aliases.setdefault(int(number), []).append(alias)
    found: list[ModelVersion] = []
    token: str | None = ""
    while token is not None:
        page = client.search_model_versions(f"name = '{name}'", max_results=_PAGE, page_token=token or None)
        found.extend(page)
        token = page.token or None
    ours = [version for version in found if {MODEL_DIGEST, FILES_DIGEST} <= version.tags.keys()]
    return sorted((_record(version, aliases) for version in ours), key=lambda version: version.number)


def find(versions: Sequence[Version], reference: str) -> Version | None:
    """Find a version by its number, alias, run or release tag; `latest` is the newest.

    Args:
        versions: those of one model, oldest first.
        reference: what names the version. MLflow refuses `latest` as an alias.
    """
    if reference == LATEST:
        return versions[-1] if versions else None
    for version in versions:
        if reference in {str(version.number), version.run_id, version.tag, *version.aliases}:
            return version
    return None


def unknown(reference: str, versions: Sequence[Version], name: str) -> UsageError:
    """The error for a reference that leads nowhere."""
    if not versions:
        return UsageError(
            f"there is no version {reference!r}: no version of {name!r} is registered", remedy="Run `modelway train`."
        )
    shown = [f"{version.number}{_aliases(version)}" for version in versions[-10:]]
    return UsageError(
        f"there is no version {reference!r} of {name!r}",
        remedy=f"Name one of {', '.join(shown)}; a number, alias, run, release tag or latest.",
    )


def download(client: MlflowClient, version: Version, path: str, work: Path) -> Path:
    """Fetch a directory of a version's run; gives where it is now.

    Raises:
        InputError: it is not there any more.
    """
    fetched = _fetch(client, version, path, work)
    if not fetched.is_dir():
        raise _missing(version)
    return fetched


def download_file(client: MlflowClient, version: Version, name: str, work: Path) -> Path:
    """Fetch a file of a version's run; gives where it is now.

    Versions that were registered by earlier releases have no digests of these files.

    Raises:
        InputError: it is not there any more, or not the one that was registered.
    """
    fetched = _fetch(client, version, name, work)
    if not fetched.is_file():
        raise _missing(version)
    kept = _kept_digests(version)
    if kept is not None and kept.get(name) != file_digest(fetched):
        raise InputError(
            f"the file {name} of version {version.number} is not the one that was registered",
            where=f"run {version.run_id}",
            remedy="Restore it from a copy, or train the version again.",
        )
    return fetched


def _kept_digests(version: Version) -> dict[str, str] | None:
    """Return the digests of a version's kept files; None where none were recorded."""
    if KEPT_DIGESTS not in version.tags:
        return None
    try:
        found: dict[str, str] = dict(parse_json(version.tags[KEPT_DIGESTS]))
    except (ValueError, TypeError):
        return {}
    return found


def _fetch(client: MlflowClient, version: Version, path: str, work: Path) -> Path:
    from mlflow.exceptions import MlflowException

    try:
        return Path(client.download_artifacts(version.run_id, path, str(work)))
    except FileNotFoundError as error:
        raise _missing(version) from error
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        if not _is_kept(client, version, path):
            raise _missing(version) from error
        # MLflow reports a full disk as a path that does not exist.
        raise OutsideError(
            f"can't fetch the files of version {version.number}",
            where=str(work),
            remedy="Free space, check the permissions of that directory, and try again.",
        ) from error


def _is_kept(client: MlflowClient, version: Version, path: str) -> bool:
    """Whether a version's run has a file or directory of this path."""
    folder = path.rpartition("/")[0] or None
    return any(found.path == path for found in client.list_artifacts(version.run_id, folder))


def _missing(version: Version) -> InputError:
    return InputError(
        f"the files of version {version.number} are missing",
        where=f"run {version.run_id}",
        remedy="Restore them from a copy, or train the version again.",
    )


def _record(version: ModelVersion, aliases: dict[int, list[Alias]]) -> Version:
    number = int(version.version)
    return Version(
        name=version.name,
        number=number,
        run_id=version.run_id or "",
        model_digest=version.tags[MODEL_DIGEST],
        aliases=tuple(aliases.get(number, ())),
        tags=dict(version.tags),
    )


def _aliases(version: Version) -> str:
    return f" ({', '.join(version.aliases)})" if version.aliases else ""
