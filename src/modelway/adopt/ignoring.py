"""`.gitignore`: what runs leave beside the settings, and git need not know."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from modelway.processes import git_environment
from modelway.waiting import default_seconds

if TYPE_CHECKING:
    from pathlib import Path

FILE = ".gitignore"
LEFT = (".modelway/", "mlflow.db", "mlflow.db-*", "mlartifacts/", "model-artifacts/", "reports/", "predictions/")
"""What modelway's commands leave by themselves."""
_HEAD = "# state and outputs of modelway\n"


def lacking(root: Path) -> list[str]:
    """The lines that are lacking; a folder of that name which git knows already is the user's own."""
    return [f"/{name}" for name in LEFT if not _is_ignored(root, name) and not _is_tracked(root, name)]


def with_lines(root: Path, lines: list[str]) -> str:
    """The file with further lines at its end."""
    path = root / FILE
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    before += "" if not before or before.endswith("\n") else "\n"
    gap = "\n" if before else ""
    return f"{before}{gap}{_HEAD}" + "".join(f"{line}\n" for line in lines)


def _is_ignored(root: Path, name: str) -> bool:
    asked = _git(root, "check-ignore", "--quiet", "--no-index", name.replace("*", "wal"))
    if asked is not None:
        return asked.returncode == 0
    path = root / FILE
    known = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    spelled = {name, name.rstrip("/"), f"/{name}", f"/{name.rstrip('/')}"}
    return any(line.strip() in spelled for line in known)


def _is_tracked(root: Path, name: str) -> bool:
    asked = _git(root, "ls-files", "--", name.rstrip("/"))
    return asked is not None and bool(asked.stdout.strip())


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str] | None:
    """What git says; None where there is no git, or no repository."""
    try:
        asked = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *words],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=git_environment(),
            timeout=default_seconds(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return asked if asked.returncode in {0, 1} else None
