"""Lock files in the format of PEP 751, `pylock.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.checks.audit.outcome import AuditFaultError
from modelway.checks.audit.paths import relative
from modelway.checks.audit.pins import Lock, Pin, is_version, unpinned
from modelway.parsing import parse_toml

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.checks.audit.outcome import Observation

_MAJOR = "1"


def read_pylock(path: Path, root: Path) -> Lock:
    """What a pylock file pins.

    Args:
        path: the file.
        root: the project's directory, which the paths of findings are relative to.

    Raises:
        AuditFaultError: it can't be read, or is of another major version of the format.
    """
    name = relative(path, root)
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
        version = str(content["lock-version"])
        if version.split(".", maxsplit=1)[0] != _MAJOR:
            raise AuditFaultError(f"{name} is of lock version {version}; {_MAJOR}.x is known")
        # The project itself may stand in its lock; its code is audited by other checks.
        packages = [one for one in content["packages"] if one.get("directory", {}).get("path") != "."]
        entries = [_entry(package, name) for package in packages]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise AuditFaultError(f"{name} can't be read as a lock file of PEP 751: {type(error).__name__}") from error
    return Lock(
        tuple(entry for entry in entries if isinstance(entry, Pin)),
        tuple(entry for entry in entries if not isinstance(entry, Pin)),
    )


def _entry(package: dict[str, Any], lock: str) -> Pin | Observation:
    from packaging.utils import canonicalize_name

    name, version = str(package.get("name", "")), str(package.get("version", ""))
    if not is_version(version):
        return unpinned(name or "a package", lock, None, "it has no version")
    marker = package.get("marker")
    return Pin(
        name=canonicalize_name(name),
        version=version,
        lock=lock,
        marker=str(marker) if marker else None,
        hashes=tuple(sorted(_hashes(package))),
    )


def _hashes(package: dict[str, Any]) -> set[str]:
    files = [*package.get("wheels", ()), *(package[key] for key in ("sdist", "archive") if key in package)]
    return {f"{name}:{value}" for file in files for name, value in file.get("hashes", {}).items()}
