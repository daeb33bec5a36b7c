"""GitHub's JSON of releases and their files, as records."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from modelway.errors import OutsideError
from modelway.records.github import Asset, Release


def to_release(told: Any) -> Release:
    """A release; raises `OutsideError` when the JSON is not one of a release."""
    try:
        return Release(
            id=told["id"],
            tag=told["tag_name"],
            title=told["name"] or "",
            notes=told["body"] or "",
            commit=told["target_commitish"],
            draft=told["draft"],
            immutable=told.get("immutable", False),
            page=told["html_url"],
            # It ends in a URI template (RFC 6570) for the parameters: {?name,label}.
            upload_address=told["upload_url"].partition("{")[0],
            assets=tuple(to_asset(asset) for asset in told["assets"]),
        )
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise unknown("release") from error


def to_asset(told: Any) -> Asset:
    """A file of a release; raises `OutsideError` when the JSON is not one of a file."""
    try:
        return Asset(
            id=told["id"],
            name=told["name"],
            uploaded=told["state"] == "uploaded",
            size=told["size"],
            digest=told.get("digest"),
        )
    except (KeyError, TypeError, AttributeError, ValidationError) as error:
        raise unknown("file of a release") from error


def to_list(told: Any) -> list[dict[str, Any]]:
    """A list of objects; raises `OutsideError` when the JSON is not one."""
    if told is None:
        return []
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise unknown("list")
    return told


def unknown(kind: str) -> OutsideError:
    """Return the error that JSON of another kind is."""
    return OutsideError(
        f"GitHub's answer is no {kind}",
        remedy="See that the address is the API's: https://HOST/api/v3 for GitHub Enterprise.",
    )
