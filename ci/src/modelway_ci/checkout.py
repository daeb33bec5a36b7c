"""The caller's checkout: what checks look at, and training is never sent.

The directories of the module's constructor go to the engine at every call, whichever function is meant. The workspace
is asked by those that need it, and knows what git ignores, which an argument does not.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from modelway_ci.refusal import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import dagger

PARTS = ("check-code", "check-data", "test", "audit", "smoke-train")
"""The parts of `ci`."""
_OUR_REPORTS = (*PARTS, *(f"{part}.log" for part in PARTS), "summary.json", "manifest.json")
SKIPPED = [
    # Taken out and back in again, a folder with nothing else in it is not there at all.
    *("**/reports", "!**/reports/**"),
    *(f"**/reports/{name}" for name in _OUR_REPORTS),
    *(f"**/{name}" for name in (".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".modelway")),
    *(f"**/{name}" for name in (".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox")),
    *(f"**/{name}" for name in ("model-artifacts", "mlartifacts", "mlruns", "mlflow.db*")),
]
"""What nothing looks at, also where git does not ignore it: folders that `modelway audit` skips, and what earlier calls
left there, for else each export would be a change."""


@dataclass
class Checkout:
    """The place in the caller's workspace that the source comes from.

    Attributes:
        workspace: the caller's.
        source: the module's source.
        sent: the patterns with which it was sent.
    """

    workspace: dagger.Workspace
    source: dagger.Directory
    sent: Sequence[str]
    _place: str | None = None
    _finding: anyio.Lock = field(default_factory=anyio.Lock)

    async def refuse_elsewhere(self) -> None:
        """Refuse a source that is not where the caller is.

        Raises:
            RefusalError: it is another project.
        """
        await self._find()

    async def tree(self) -> dagger.Directory:
        """What git tracks or would add."""
        return self.workspace.directory(await self._find(), exclude=SKIPPED, gitignore=True)

    async def named(self, paths: Iterable[str]) -> dagger.Directory:
        """These files and folders, whether or not git ignores them."""
        include = [pattern for path in paths for pattern in (path, posixpath.join(path, "**"))]
        return self.workspace.directory(await self._find(), include=include)

    async def _find(self) -> str:
        """Where the source is: the directory that the caller is in, or the one at the top of it.

        Raises:
            RefusalError: it is neither.
        """
        async with self._finding:
            if self._place is None:
                self._place = await self._look()
            return self._place

    async def _look(self) -> str:
        wanted = await self.source.digest()
        for place in (".", "/"):
            if await self.workspace.directory(place, exclude=[*self.sent]).digest() == wanted:
                return place
        raise RefusalError(
            2,
            "--source is another project than the one that you are in: call this where the project is, with --source . "
            "unless the module is the project's own",
        )
