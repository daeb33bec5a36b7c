"""The project's lock files, whatever their format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.checks.audit.outcome import AuditFaultError, NotConfiguredError
from modelway.checks.audit.pins import Lock
from modelway.checks.audit.pylock import read_pylock
from modelway.checks.audit.requirements import read_requirements

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEFAULTS = ("requirements.lock", "pylock.toml", "requirements.txt")
"""The lock files that are looked for, the best first: beside a lock, `requirements.txt` is what it was made of."""


def read_locks(root: Path, named: Sequence[str]) -> Lock:
    """What the project's lock files pin, in their order.

    Args:
        root: the project's directory.
        named: those of the settings; none takes the first of `DEFAULTS` there is.

    Raises:
        NotConfiguredError: none is named, and none of `DEFAULTS` exists.
        AuditFaultError: one is missing or can't be read, or they pin nothing.
    """
    names = tuple(named) or tuple(name for name in DEFAULTS if (root / name).is_file())[:1]
    if not names:
        raise NotConfiguredError(
            f"no lock file found ({', '.join(DEFAULTS)}): write one with `uv export`, `uv pip compile` or "
            "`pip-compile`, or name it in audit.dependencies.locks"
        )
    read = [_read(root / name, root) for name in names]
    lock = Lock(
        tuple(pin for one in read for pin in one.pins), tuple(problem for one in read for problem in one.unpinned)
    )
    if not lock.pins and not lock.unpinned:
        raise AuditFaultError(f"{', '.join(names)} names no package")
    return lock


def _read(path: Path, root: Path) -> Lock:
    if path.suffix == ".toml":
        return read_pylock(path, root)
    return read_requirements(path, root)
