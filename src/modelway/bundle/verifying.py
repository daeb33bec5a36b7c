"""Whether a bundle holds what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.bundle.manifests import bundle_digest
from modelway.bundle.opening import open_bundle
from modelway.errors import InputError
from modelway.records.bundle import BundleReport, Check

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["bundle_digest", "verify_bundle"]


def verify_bundle(
    directory: Path,
    *,
    digest: str | None = None,
    public_key: Path | None = None,
    require_signature: bool = False,
) -> BundleReport:
    """Verify a bundle, and let it be loaded.

    Args:
        directory: what `modelway package` wrote.
        digest: SHA-256 that it has to have: a manifest can be swapped together with its files, but not this.
        public_key: the key (PEM) that its signature is checked with.
        require_signature: whether it has to be signed.

    Raises:
        InputError: it does not verify.
    """
    bundle = open_bundle(directory, public_key=public_key, require_signature=require_signature)
    checks = [Check(name="files", detail="each file of the manifest has its digest, and nothing else is there")]
    if digest is not None:
        _compare(directory, bundle.digest, digest)
        checks.append(Check(name="manifest", detail="the bundle has the digest that was asked for"))
    return BundleReport(digest=bundle.digest, info=bundle.info, signed=bundle.signed, checks=tuple(checks))


def _compare(directory: Path, found: str, wanted: str) -> None:
    if found != wanted.removeprefix("sha256:"):
        raise InputError(
            f"the bundle's digest is {found}, not {wanted}",
            where=str(directory),
            remedy="Package the version again, and don't use this one: its manifest is another bundle's.",
        )
