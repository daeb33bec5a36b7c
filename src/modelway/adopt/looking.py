"""What lies in a stranger's project: its repository, its data, its tools, where its packages come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.errors import InputError
from modelway.parsing import parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCKS = ("requirements.lock", "pylock.toml", "requirements.txt")
"""The locks that modelway reads, the best first."""
_OTHER_LOCKS = {
    "uv.lock": "uv export --format requirements.txt --no-emit-project --output-file requirements.lock",
    "poetry.lock": "poetry export --output requirements.lock",
    "pdm.lock": "pdm export --output requirements.lock",
    "Pipfile.lock": "pipenv requirements --hash > requirements.lock",
}
"""What makes of another tool's lock the hashed one that containers install."""
_DATA = (".csv", ".parquet", ".jsonl")
_DATA_FOLDERS = ("", "data", "data/raw", "dataset", "datasets", "input")
_NAME = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Found:
    """A project as it is.

    Attributes:
        root: its folder.
        repository: the top of the git repository that it is in; else the folder itself.
        in_git: whether there is a git repository.
        name: what the project calls itself.
        data: the data files, relative to the folder.
        lock: the lock that modelway reads.
        export: the command that makes it from the lock that there is.
        private_index: whether packages come from an index of one's own.
        pyproject: what stands in pyproject.toml.
    """

    root: Path
    repository: Path
    in_git: bool
    name: str
    data: tuple[str, ...]
    lock: str | None
    export: str | None
    private_index: bool
    pyproject: dict[str, Any]

    @property
    def folder(self) -> str:
        """The folder below the repository's; empty for the repository's own."""
        return "" if self.root == self.repository else self.root.relative_to(self.repository).as_posix()

    @property
    def check_code(self) -> dict[str, Any]:
        """The section of the settings, where the project has chosen other tools than ruff and mypy."""
        tools = self.pyproject.get("tool", {})
        section: dict[str, Any] = {}
        if "black" in tools and "ruff" not in tools:
            section["format"] = {"command": ["black", "--check", "."]}
        if (self.root / ".flake8").is_file() and "ruff" not in tools:
            section["lint"] = {"command": ["flake8", "."]}
        elif ("pylint" in tools or (self.root / ".pylintrc").is_file()) and "ruff" not in tools:
            section["lint"] = {"command": ["pylint", "--recursive=y", "."]}
        return section


def look(root: Path) -> Found:
    """Look at a project.

    Raises:
        InputError: there is no such folder, or its pyproject.toml is torn.
    """
    if not root.is_dir():
        raise InputError("there is no such folder", where=str(root), remedy="Name the project's folder, or make it.")
    root = root.resolve()
    top = next((one for one in (root, *root.parents) if (one / ".git").exists()), None)
    pyproject = _read_pyproject(root / "pyproject.toml")
    return Found(
        root=root,
        repository=top or root,
        in_git=top is not None,
        name=_name(pyproject, root),
        data=tuple(_data_files(root)),
        lock=next((name for name in LOCKS if (root / name).is_file()), None),
        export=next((how for name, how in _OTHER_LOCKS.items() if (root / name).is_file()), None),
        private_index=_has_private_index(root, pyproject),
        pyproject=pyproject,
    )


def _read_pyproject(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return parse_toml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"this is no TOML: {error}", where=str(path), remedy="Correct the file.") from error


def _name(pyproject: dict[str, Any], root: Path) -> str:
    """The project's name as a model's: letters, digits, hyphens, underscores."""
    own = pyproject.get("project", {}).get("name") or pyproject.get("tool", {}).get("poetry", {}).get("name")
    name = _NAME.sub("-", str(own or root.name)).strip("-_")[:100]
    return name or "model"


def _data_files(root: Path) -> Iterator[str]:
    for folder in _DATA_FOLDERS:
        place = root / folder
        if place.is_dir():
            for path in sorted(place.iterdir()):
                if path.suffix in _DATA and path.is_file() and not path.name.startswith(("_", ".")):
                    yield path.relative_to(root).as_posix()


def _has_private_index(root: Path, pyproject: dict[str, Any]) -> bool:
    """Whether pyproject.toml, a requirements file or pip.conf name an index of packages.

    What they name is not taken over: it may hold a password, and the workflows take it from a secret.
    """
    tools = pyproject.get("tool", {})
    uv, named = tools.get("uv", {}), []
    named += [uv.get("index"), uv.get("index-url"), uv.get("extra-index-url")]
    named += [tools.get("poetry", {}).get("source"), tools.get("pdm", {}).get("source")]
    if any(named):
        return True
    files = [*root.glob("requirements*.txt"), *root.glob("requirements*.in"), root / "requirements.lock"]
    option = re.compile(r"(?m)^\s*(-i|--index-url|--extra-index-url)[ =]")
    if any(option.search(path.read_text(encoding="utf-8", errors="replace")) for path in files if path.is_file()):
        return True
    confs = [root / "pip.conf", root / ".pip" / "pip.conf"]
    return any("index-url" in path.read_text(encoding="utf-8", errors="replace") for path in confs if path.is_file())
