"""What a lock file pins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.checks.audit.outcome import Observation
from modelway.records.checks import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

UNPINNED = "unpinned"
"""The rule of a line that names no one version, so that nothing can be said of it."""


@dataclass(frozen=True)
class Pin:
    """A package that a lock file holds to one version.

    Attributes:
        name: normalized (PEP 503).
        version: as the lock writes it.
        lock: the lock file, relative to the project's root.
        line: from 1; None where the format has no lines of its own.
        marker: for which environments (PEP 508).
        hashes: of its files, as `algorithm:hexadecimal`.
    """

    name: str
    version: str
    lock: str
    line: int | None = None
    marker: str | None = None
    hashes: tuple[str, ...] = ()

    @property
    def public(self) -> str:
        """The version without its local part (PEP 440): a build of one's own has what the release has."""
        from packaging.version import Version

        return Version(self.version).public


@dataclass(frozen=True)
class Lock:
    """What a lock file pins, and what it names without pinning it."""

    pins: tuple[Pin, ...]
    unpinned: tuple[Observation, ...]


def unpinned(name: str, lock: str, line: int | None, what: str) -> Observation:
    """The observation that something stands in a lock without one version.

    Args:
        name: what stands there; no address, which may hold a password.
        lock: the lock file.
        line: from 1.
        what: why it can't be audited.
    """
    from packaging.utils import canonicalize_name

    finding = Finding(rule=UNPINNED, message=f"{name}: {what}", path=lock, line=line)
    return Observation(finding, package=canonicalize_name(name), undecided=True)


def pinned_version(requirement: Requirement) -> str | None:
    """The one version that a requirement allows; None where it allows others, or the version is none (PEP 440)."""
    specifiers = list(requirement.specifier)
    if len(specifiers) != 1 or specifiers[0].operator not in {"==", "==="} or requirement.url:
        return None
    version = specifiers[0].version
    return version if is_version(version) else None


def is_version(text: str) -> bool:
    """Whether this is a version (PEP 440)."""
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
