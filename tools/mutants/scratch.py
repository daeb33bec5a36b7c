"""Scratch copies of the project with an environment of their own: a fault never touches the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

# Short: tests bind UNIX sockets below it, whose paths may have 108 characters.
_PREFIX = "mutants-"
_OURS = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTEST_", "COV_CORE_", "COVERAGE_", "MAKE", "MFLAGS")


class Copy:
    """A copy of the files that git tracks or would track, with its own `.venv` that imports from the copy."""

    def __init__(self, source: Path, folder: Path) -> None:
        self.source = source
        self.root = folder / "project"
        self.temporary = folder / "t"
        self._files(source)
        self._environment(source)
        if not (self.root / "tools" / "mutants").is_dir():  # the tests' processes load plugins from there
            shutil.copytree(Path(__file__).parent, self.root / "tools" / "mutants")
        shared = source.parent / "shared"
        if shared.is_dir():
            (folder / "shared").symlink_to(shared)

    @property
    def python(self) -> Path:
        """The interpreter of the copy's environment."""
        return self.root / ".venv" / "bin" / "python"

    def variables(self, **more: str) -> dict[str, str]:
        """Return the environment variables for a process that runs in the copy."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        path = os.pathsep.join([str(self.python.parent), kept.get("PATH", os.defpath)])
        return {**kept, "PATH": path, "VIRTUAL_ENV": str(self.root / ".venv"), "TMPDIR": str(self.temporary), **more}

    def empty_temporary(self) -> None:
        """Remove what tests wrote outside the project, and what Hypothesis remembers of a fault."""
        for folder in (self.temporary, self.root / ".hypothesis"):
            shutil.rmtree(folder, ignore_errors=True)
        self.temporary.mkdir(exist_ok=True)

    def _files(self, source: Path) -> None:
        for name in project_files(source):
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target, follow_symlinks=False)
        self.temporary.mkdir()
        # Tests ask git which files belong to the project.
        for argv in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--no-verify", "-m", "copy"]):
            who = ["-c", "user.name=mutants", "-c", "user.email=mutants@localhost", "-c", "commit.gpgsign=false"]
            subprocess.run(["git", *who, *argv], cwd=self.root, check=True)

    def _environment(self, source: Path) -> None:
        """Link the installed packages; copy, with the copy's paths, what names the checkout or its environment."""
        if sys.prefix == sys.base_prefix:
            raise SystemExit("Run this with the Python of the project's virtual environment, as `make` does.")
        old, new = Path(sys.prefix), self.root / ".venv"
        packages = next(Path(path).relative_to(old) for path in sys.path if path.startswith(f"{old}{os.sep}"))
        (new / packages).mkdir(parents=True)
        shutil.copytree(old / "bin", new / "bin", symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        for entry in old.iterdir():
            if entry.name not in ("bin", "lib", "lib64"):
                (new / entry.name).symlink_to(entry)
        for entry in (old / packages).iterdir():
            (new / packages / entry.name).symlink_to(entry)
        # The first of these files by name: the environment may be that of another checkout.
        (new / packages / "0-copy.pth").write_text(f"{self.root / 'src'}\n", encoding="utf-8")
        candidates = [*(new / "bin").iterdir(), *(new / packages).glob("*.pth")]
        for path in candidates:
            if not path.is_file() or (path.is_symlink() and path.parent.name == "bin"):
                continue
            before = path.read_bytes()
            after = before.replace(bytes(old), bytes(new)).replace(bytes(source), bytes(self.root))
            if after != before:
                mode = path.stat().st_mode
                path.unlink()
                path.write_bytes(after)
                path.chmod(mode)


def project_files(root: Path) -> list[str]:
    """Return the files that git tracks or would track, relative to the root and sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
    return sorted(name for name in names if os.path.lexists(root / name))


@contextmanager
def copies(source: Path, count: int) -> Iterator[list[Copy]]:
    """Make copies below the temporary directory and remove them at the end, as well as those of killed runs."""
    top = Path(tempfile.gettempdir())
    for stale in top.glob(f"{_PREFIX}*"):
        owner = stale.name.removeprefix(_PREFIX)
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(stale, ignore_errors=True)
    folder = top / f"{_PREFIX}{os.getpid()}"
    folder.mkdir(mode=0o700)
    try:
        yield [Copy(source, folder / str(number)) for number in range(count)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
