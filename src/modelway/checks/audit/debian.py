"""Debian's packages: which are installed, and the order of their versions.

Sources: deb-version(7) for the order, deb-control(5) and dpkg's `status` file for the packages, os-release(5).
"""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.checks.audit.outcome import AuditFaultError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STATUS = "var/lib/dpkg/status"
_STATUS_FOLDER = "var/lib/dpkg/status.d"
"""What images without dpkg, such as distroless ones, have instead: a file for each package."""
_RELEASES = ("etc/os-release", "usr/lib/os-release")
_SOURCE = re.compile(r"(?P<name>\S+)(?:\s+\((?P<version>\S+)\))?")
_VERSION = re.compile(r"(?:(?P<epoch>\d+):)?(?P<rest>[A-Za-z0-9.+~-]+)")
_PIECES = re.compile(r"(\D*)(\d*)")


class UnknownSystemError(AuditFaultError):
    """An operating system whose packages, or whose advisories, are not known here."""


@dataclass(frozen=True)
class SystemPackage:
    """An installed package of the operating system.

    Attributes:
        name: the binary package's.
        version: its version.
        architecture: such as `amd64` or `all`.
        source: the source package, by which Debian's advisories go.
        source_version: that one's version.
    """

    name: str
    version: str
    architecture: str
    source: str
    source_version: str


@dataclass(frozen=True)
class System:
    """The operating system of an image.

    Attributes:
        identifier: os-release's ID, such as `debian`.
        version: its VERSION_ID, such as `12`.
        codename: its VERSION_CODENAME, such as `bookworm`; empty where it has none.
        packages: what is installed, by name.
        path: the file or folder that says so, relative to the image's root.
    """

    identifier: str
    version: str
    codename: str
    packages: tuple[SystemPackage, ...]
    path: str

    @property
    def ecosystem(self) -> str:
        """OSV's name of it.

        Raises:
            UnknownSystemError: it is not Debian, or a release without a number.
        """
        if self.identifier != "debian" or not self.version.isdigit():
            raise UnknownSystemError(
                f"no advisories are known for {self.identifier} {self.version or 'without a number'}"
            )
        return f"Debian:{self.version}"


def read_system(root: Path) -> System:
    """Read which packages an image's root directory has.

    Raises:
        AuditFaultError: it has no os-release, or its packages can't be read.
        UnknownSystemError: it has no packages of dpkg.
    """
    try:
        told = next(root / name for name in _RELEASES if (root / name).is_file()).read_text(encoding="utf-8")
        release = dict(part.split("=", 1) for part in shlex.split(told, comments=True) if "=" in part)
    except StopIteration:
        raise AuditFaultError(f"{root} has no os-release: it is not an image's root directory") from None
    except (OSError, ValueError) as error:
        raise AuditFaultError(f"the os-release of {root} can't be read: {error}") from error
    path = next((name for name in (_STATUS, _STATUS_FOLDER) if (root / name).exists()), None)
    if path is None:
        raise UnknownSystemError(f"{root} has no packages of dpkg, the only ones that are known here")
    try:
        found = {(one.name, one.architecture): one for text in _texts(root / path) for one in _packages(text)}
    except OSError as error:
        raise AuditFaultError(f"the packages of {root} can't be read: {error}") from error
    if not found:
        raise AuditFaultError(f"{root / path} names no installed package")
    packages = tuple(found[key] for key in sorted(found))
    return System(
        release.get("ID", ""), release.get("VERSION_ID", ""), release.get("VERSION_CODENAME", ""), packages, path
    )


def _texts(path: Path) -> Iterator[str]:
    files = [path] if path.is_file() else sorted(path.iterdir())
    for file in files:
        yield file.read_text(encoding="utf-8", errors="replace")


def _packages(text: str) -> Iterator[SystemPackage]:
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*?)[ \t]*$", paragraph))
        # Configuration files that a removed package left are no package; status.d has no such field.
        installed = fields.get("Status", "install ok installed").split()[-1] == "installed"
        if not installed or not fields.get("Package") or not fields.get("Version"):
            continue
        name, version = fields["Package"], fields["Version"]
        source = _SOURCE.match(fields.get("Source", ""))
        yield SystemPackage(
            name=name,
            version=version,
            architecture=fields.get("Architecture", "all"),
            source=source["name"] if source else name,
            source_version=(source["version"] if source else None) or version,
        )


@functools.total_ordering
class DebianVersion:
    """A version of a Debian package, in the order of deb-version(7); raises `ValueError` for what is none."""

    def __init__(self, text: str) -> None:
        found = _VERSION.fullmatch(text)
        if found is None:
            raise ValueError(f"{text!r} is not a version of a Debian package")
        upstream, _, revision = found["rest"].rpartition("-") if "-" in found["rest"] else (found["rest"], "", "0")
        self._key = int(found["epoch"] or 0), _key(upstream), _key(revision)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DebianVersion) and self._key == other._key

    def __lt__(self, other: DebianVersion) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)


def _key(part: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Text and numbers by turns: a tilde before the end, the end before letters, letters before all else."""
    pieces = [(text, digits) for text, digits in _PIECES.findall(part) if text or digits]
    return tuple(((*map(_weight, text), 0), int(digits or 0)) for text, digits in [*pieces, ("", "")])


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
