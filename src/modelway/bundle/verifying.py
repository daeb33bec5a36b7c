"""Whether a bundle holds what it says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelway.bundle import layout, provenance, sbom
from modelway.bundle.manifests import bundle_digest, check_files, read_file
from modelway.bundle.opening import open_bundle
from modelway.errors import InputError
from modelway.records.bundle import BundleReport, Check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelway.records.artifacts import Manifest

__all__ = ["bundle_digest", "verify_bundle"]

_REMEDY = "Package the version again, and don't use this one: somebody changed it."


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
    manifest = check_files(directory)
    checks = [
        Check(name="files", detail=f"{len(manifest.files)} files, each with its digest, and nothing else is there")
    ]
    if missing := sorted({*layout.REQUIRED} - manifest.files.keys()):
        raise InputError(f"the bundle has no {missing[0]}", where=str(directory), remedy=_REMEDY)
    bundle = open_bundle(directory, public_key=public_key, require_signature=require_signature)
    if digest is not None:
        _compare(directory, bundle.digest, digest)
    told = "is the one that was asked for" if digest is not None else "was not compared: none was given with --digest"
    checks += [
        Check(name="manifest", detail=f"the digest {told}"),
        Check(name="signature", detail=_signature_detail(directory, signed=bundle.signed)),
        _check_told(directory, manifest, layout.PROVENANCE, provenance.files_of),
        _check_told(directory, manifest, layout.SBOM, sbom.files_of),
        Check(name="contents", detail=f"{bundle.info.name} version {bundle.info.version} ({bundle.info.format}) loads"),
    ]
    return BundleReport(digest=bundle.digest, info=bundle.info, signed=bundle.signed, checks=tuple(checks))


def _signature_detail(directory: Path, *, signed: bool) -> str:
    if signed:
        return "made with the key, of these very files"
    return "there, but no key was given to check it with" if (directory / layout.SIGNED).exists() else "none"


def _check_told(
    directory: Path, manifest: Manifest, name: str, files_of: Callable[[dict[str, Any]], dict[str, str]]
) -> Check:
    """See that a document speaks of the files that are there."""
    try:
        told = files_of(json.loads(read_file(directory, manifest, name)))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError("this can't be read", where=str(directory / name), remedy=_REMEDY) from error
    other = sorted(file for file, digest in told.items() if manifest.files.get(file) != digest)
    if other or not told:
        what = f"it speaks of another {other[0]}" if other else "it speaks of no file"
        raise InputError(what, where=str(directory / name), remedy=_REMEDY)
    return Check(name=name.partition(".")[0], detail=f"speaks of {', '.join(told)} as they are here")


def _compare(directory: Path, found: str, wanted: str) -> None:
    if found != wanted.removeprefix("sha256:"):
        raise InputError(
            f"the bundle's digest is {found}, not {wanted}",
            where=str(directory),
            remedy="Package the version again, and don't use this one: its manifest is another bundle's.",
        )
