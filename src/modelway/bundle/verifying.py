"""Whether a bundle holds what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.bundle import layout, provenance, sbom
from modelway.bundle.contents import REMEDY, bundle_digest, read_contents
from modelway.bundle.mlmodel import check_mlmodel
from modelway.bundle.opening import read_record
from modelway.bundle.trial import Limits, try_model
from modelway.errors import InputError
from modelway.parsing import parse_json
from modelway.records.bundle import BundleInfo, BundleReport, Check
from modelway.records.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modelway.bundle.contents import Contents

__all__ = ["bundle_digest", "verify_bundle"]


def verify_bundle(
    directory: Path,
    trust: Trust | None = None,
    *,
    digest: str | None = None,
    load: bool = True,
    rows: bool = True,
    limits: Limits | None = None,
) -> BundleReport:
    """Verify a bundle: its files, then what they say of each other, then the model itself in a process of its own.

    Args:
        directory: what `modelway package` wrote.
        trust: the types and functions that it may use in addition to modelway's own list, the key that its signature is
            checked with, and whether it has to be signed.
        digest: SHA-256 that it has to have: a manifest can be swapped together with its files, but not this.
        load: whether the model is loaded.
        rows: whether the loaded model then scores the reference rows, and its answers are compared with those recorded.
        limits: the seconds and the memory that the model gets.

    Raises:
        InputError: it does not verify, needs what is not trusted, or exceeds the limits.
        UsageError: the reference rows can't be read: pyarrow is not installed.
    """
    trust = trust or Trust()
    contents = read_contents(directory, trust, digest=digest)
    if missing := sorted({*layout.REQUIRED} - contents.files.keys()):
        raise InputError(f"the bundle has no {missing[0]}", where=str(directory), remedy=REMEDY)
    info = read_record(contents, layout.INFO, BundleInfo)
    deciding = (*layout.DECIDING, layout.ESTIMATORS[info.format])
    if deciding[-1] not in contents.files:
        raise InputError(f"the bundle has no {deciding[-1]}", where=str(directory), remedy=REMEDY)
    compared = "is the one that was asked for" if digest is not None else "was not compared: none was given by --digest"
    checks = [
        Check(name="files", detail=f"{len(contents.files)} files, each with its digest, and nothing else is there"),
        Check(name="manifest", detail=f"the digest {compared}"),
        Check(name="signature", detail=_signature_detail(contents)),
        _check_named(contents, layout.PROVENANCE, provenance.files_of, deciding),
        _check_named(contents, layout.SBOM, sbom.files_of, deciding),
    ]
    check_mlmodel(contents)
    checks.append(
        Check(name="mlflow", detail="MLflow loads it with modelway's own loader, and installs named versions")
    )
    if load:
        found = try_model(contents, trust.names, limits or Limits(), rows=rows)
        checks.append(Check(name="contents", detail=f"{info.name} version {info.version} ({info.format}) loads"))
        if found is not None:
            differ = f"they differ by {found.difference:.3g} at most"
            checks.append(Check(name="reference", detail=f"{found.rows:,} rows give the recorded answers; {differ}"))
    return BundleReport(digest=contents.digest, info=info, signed=contents.signed, checks=tuple(checks))


def _signature_detail(contents: Contents) -> str:
    if contents.signed:
        return "made with the key, of these very files"
    return "there, but no key was given to check it with" if contents.has_signature else "none"


def _check_named(
    contents: Contents,
    name: str,
    files_of: Callable[[dict[str, Any]], list[tuple[str, str]]],
    deciding: Sequence[str],
) -> Check:
    """Check that a document names the files that decide the model's answers, with the digests that they have."""
    try:
        named = files_of(parse_json(contents.read(name)))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError("this can't be read", where=contents.where(name), remedy=REMEDY) from error
    if other := sorted(file for file, digest in named if contents.manifest.files.get(file) != digest):
        raise InputError(f"it names another {other[0]}", where=contents.where(name), remedy=REMEDY)
    if missing := sorted({*deciding} - {file for file, _ in named}):
        raise InputError(f"it does not name {missing[0]}", where=contents.where(name), remedy=REMEDY)
    return Check(name=name.partition(".")[0], detail=f"names {', '.join(dict(named))} as they are here")
