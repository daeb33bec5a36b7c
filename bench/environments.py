"""Environments of packages that are compared with, in the user's cache directory; they stay there."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelway-bench"


def environment(packages: tuple[str, ...]) -> Path:
    """The Python of an environment that holds these packages; it is made where it is not there."""
    return _made("-".join(packages).replace("[", "-").replace("]", ""), list(packages))


def locked_environment(lock: Path) -> Path:
    """The Python of an environment that holds exactly what a lock names."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    return _made(f"{lock.stem}-{digest}", ["--no-deps", "--require-hashes", "-r", str(lock)])


def package_mib(python: Path) -> float:
    """The size of an environment's packages, in MiB; what installs packages is not counted."""
    (folder,) = (python.parent.parent / "lib").glob("python3*/site-packages")
    others = ("pip", "setuptools", "pip-", "setuptools-")
    files = (
        path
        for top in folder.iterdir()
        if top.name not in others[:2] and not top.name.startswith(others[2:])
        for path in ([top] if top.is_file() else top.rglob("*"))
        if path.is_file() and not path.is_symlink()
    )
    return sum(path.stat().st_size for path in files) / 2**20


def _made(name: str, wanted: list[str]) -> Path:
    folder = CACHE / name
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *wanted], check=True)
        done.touch()
    return python
