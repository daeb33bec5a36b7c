"""An environment's flags, in its simplest words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.errors import InputError, UsageError
from modelway.flags import read_shares, update_flags, with_shares
from modelway.flags.document import load_document, parse_document
from modelway.records.flags import Shares
from modelway.storage import is_s3, read_bytes

if TYPE_CHECKING:
    from modelway.deploy.target import Place
    from modelway.records.releases import Releases


def show_flags(place: Place) -> dict[str, Any]:
    """The document's address, its shares, and both in words."""
    try:
        content = read_bytes(place.flags, s3=place.options.s3)
    except InputError:
        return {"uri": place.flags, "shares": None, "words": "none: the champion answers everything"}
    document = load_document(content, place.flags)
    rules = parse_document(content, place.flags)
    shares = read_shares(document)
    if shares is None:
        words = "rules of another form"
    else:
        version = f", version {shares.version}" if shares.version else ""
        words = f"challenger answers {shares.new_model:.2%}, shadows {shares.shadow:.2%}{version}"
    return {
        "uri": place.flags,
        "epoch": rules.epoch,
        "shares": shares.model_dump(mode="json") if shares else None,
        "words": f"{words} (epoch {rules.epoch})",
    }


def set_flags(
    place: Place, known: Releases, *, new_model: float | None, shadow: float | None, version: str | None
) -> dict[str, Any]:
    """Change some of the shares; what is not given stays. In force at every replica within its `poll_seconds`.

    Raises:
        UsageError: the servers could not read the document, or no release holds a challenger.
        InputError: what is there is no flag document.
        OutsideError: the store fails.
    """
    if place.options.target is not None and place.options.target.kind != "local" and not is_s3(place.flags):
        raise UsageError(
            "the environment's servers can't read a local flag document",
            where=f"environments.{place.environment}.flags",
            remedy="Name an s3:// address.",
        )

    def change(document: dict[str, Any] | None) -> dict[str, Any]:
        before = (read_shares(document) if document else None) or Shares()
        given = {"new_model": new_model, "shadow": shadow, "version": version}
        shares = before.model_copy(update={key: value for key, value in given.items() if value is not None})
        if (shares.new_model or shares.shadow) and not (known.current and known.current.challengers):
            raise UsageError(
                "no challenger is there to get a share",
                where=f"environments.{place.environment}",
                remedy=f"`modelway deploy --env {place.environment} --challenger V` brings one.",
            )
        return with_shares(document, shares)

    update_flags(place.flags, change, s3=place.options.s3)
    return show_flags(place)
