"""Registered versions as verified bundles under their digests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.atomic import make_directories, temporary_directory
from modelway.bundle import verify_bundle
from modelway.errors import GateError, InputError
from modelway.pipeline.package import package
from modelway.records.deploy import BundleRef
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.package import PackageOptions
    from modelway.records.register import Version
    from modelway.records.trust import Trust
    from modelway.registry import Registry


class BundleStore:
    """Bundles by digest.

    Args:
        path: where they lie.
        registry: where they come from.
        trust: the code that they may use, whether they have to be signed, and with which key.
        how: how a version becomes a bundle.
        private_key: what a bundle is signed with; not at all when absent.
    """

    def __init__(
        self,
        path: Path,
        registry: Registry,
        trust: Trust,
        how: PackageOptions,
        private_key: Path | None = None,
    ) -> None:
        self.path = path
        self._registry = registry
        self._trust = trust
        self._how = how
        self._private_key = private_key

    def bring(self, reference: str) -> tuple[BundleRef, Version]:
        """A version's bundle, packaged unless it is here already, and verified.

        Raises:
            UsageError: there is no such version.
            GateError: its gates did not pass.
            InputError: the bundle does not verify.
            OutsideError: the registry fails.
        """
        version = self._registry.get(reference)
        verdict = version.tags.get("verdict", "")
        if verdict in {Verdict.FAIL, Verdict.ERROR}:
            raise GateError(
                f"the gates of version {version.number} say {verdict}", where=version.name, remedy="Deploy another one."
            )
        make_directories(self.path)
        with temporary_directory(self.path / "bundle") as work:
            _, packed = package(
                self._registry,
                self._how,
                str(version.number),
                work.path,
                private_key=self._private_key,
                trusted=self._trust.names,
            )
            digest = self._verified(work.path, packed.digest)
            ref = BundleRef(version=version.number, digest=digest, trusted=packed.trusted)
            if not self._holds(ref):
                work.put(self.path / ref.digest)
        return ref, version

    def directory(self, ref: BundleRef) -> Path:
        """Where a known bundle lies; packaged again where it is gone, or no longer what it was.

        Raises:
            InputError: the version now gives another bundle.
        """
        if not self._holds(ref):
            found, _ = self.bring(str(ref.version))
            if found.digest != ref.digest:
                raise InputError(
                    f"version {ref.version} gives another bundle now: {found.digest}, not {ref.digest}",
                    where=str(self.path),
                    remedy="Deploy the version again, with this version of modelway.",
                )
        return self.path / ref.digest

    def _holds(self, ref: BundleRef) -> bool:
        try:
            return self._verified(self.path / ref.digest, ref.digest) == ref.digest
        except InputError:
            return False

    def _verified(self, directory: Path, digest: str) -> str:
        """Verify a bundle's files; that its model loads and answers was seen when it was packaged."""
        return verify_bundle(directory, self._trust, digest=digest, load=False).digest
