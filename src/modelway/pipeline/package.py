"""The `package` stage: a registered version in, a bundle out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelway.artifacts import check_replaceable, read_manifest
from modelway.atomic import scratch_directory
from modelway.bundle import pack_bundle
from modelway.bundle.layout import BASELINE, METRICS, REFERENCE, SIGNATURE
from modelway.bundle.packing import MODEL
from modelway.pipeline import fit as fit_stage
from modelway.records.bundle import Origin
from modelway.records.progress import Progress, silent
from modelway.records.register import TRUSTED
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from modelway.bundle.packing import Packed
    from modelway.records.package import PackageOptions
    from modelway.records.register import Version
    from modelway.registry import Registry

BUNDLE_DIGEST = "bundle_digest"
"""The version's tag that holds its bundle's digest: what `verify --digest` compares with."""
_KEPT = (METRICS, BASELINE, SIGNATURE, REFERENCE)


def package(
    registry: Registry,
    options: PackageOptions,
    reference: str,
    output: Path,
    *,
    private_key: Path | None = None,
    trusted: Collection[str] = (),
    progress: Progress = silent,
) -> tuple[Version, Packed]:
    """Fetch a registered version, export it, compare the export with it, and write the bundle.

    Its digest and the types and functions that it may use are kept with the version, in the registry.

    Args:
        registry: the model's registry.
        options: the settings' `package` section.
        reference: the version's number, alias or run.
        output: where the bundle goes.
        private_key: what it is signed with; not at all when absent.
        trusted: the types and functions that the project trusts; those of the version's own record are trusted, too.
        progress: told after each part.

    Raises:
        UsageError: there is no such version.
        InputError: its files are missing or not those that were registered, it needs what is not trusted, or the
            export is not the fitted model.
        OutsideError: the registry fails.
    """
    check_replaceable(output)
    version = registry.get(reference)
    number = str(version.number)
    with scratch_directory() as directory:
        training = directory
        (training / MODEL).mkdir()
        registry.download(number, training / MODEL)
        read_manifest(training / MODEL, fit_stage.KIND)
        registry.download_kept(number, _KEPT, training)
        progress("package", 1, 3, "fetched")
        packed = pack_bundle(
            training,
            _origin(version),
            output,
            export=options.export,
            private_key=private_key,
            trusted=join_names(trusted, version.trusted),
        )
    progress("package", 2, 3, "packed")
    registry.note(number, BUNDLE_DIGEST, packed.digest)
    if names := join_names(version.trusted, packed.trusted):
        registry.note(number, TRUSTED, json.dumps(names))
    progress("package", 3, 3, "noted")
    return version, packed


def _origin(version: Version) -> Origin:
    """Where a version comes from, by its tags."""
    tags = version.tags
    return Origin(
        name=version.name,
        version=version.number,
        run_id=version.run_id,
        commit=tags.get("commit"),
        created=tags.get("commit_time"),
        data_digest=tags.get("data_digest"),
        settings_digest=tags.get("settings_digest"),
        lock_digest=tags.get("lock_digest"),
    )
