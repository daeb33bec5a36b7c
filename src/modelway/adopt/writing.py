"""Files into a project that is somebody's: all of them or none, and never over one that is there."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from modelway.atomic import sweep, temporary_file
from modelway.errors import InputError, OutsideError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


def write_all(
    root: Path, new: Mapping[str, str], replaced: Mapping[str, str] | None = None, kept: Iterable[str] = ()
) -> None:
    """Write files; whatever goes wrong, what was there before is there after it, and nothing else.

    All that needs space is written beside its place first, so that a full disk stops this before anything is replaced.

    Args:
        root: the folder that paths are relative to.
        new: the text of each file that is not there, by its path.
        replaced: the text of each file that is there and takes its place, by its path.
        kept: paths of files that stay as they are; what a killed process left beside them is removed.

    Raises:
        InputError: one of `new` is there by now, or a folder of its path is a file.
        OutsideError: the disk is full, or a file can't be written.
    """
    for folder in {(root / name).parent for name in kept}:
        sweep(folder)
    undo = _Undo()
    try:
        with _writing(root), ExitStack() as beside:
            try:
                files: list[_New | _Replacement] = [_New(root / name, new[name], undo, beside) for name in new]
                files += [_Replacement(root / name, text, beside) for name, text in (replaced or {}).items()]
                for file in files:
                    with _writing(file.path):
                        file.put(undo)
            except BaseException:
                undo.files()
                raise
    except BaseException:
        undo.folders()
        raise


class _Undo:
    """What was done, to be taken back. The files tell whether it was: an error may come of what was done nevertheless.

    Attributes:
        made: files that are made, each with the one beside its place that it links to; None where links are unknown.
        replaced: files that are replaced, each with its copy.
        parents: folders that are made.
    """

    def __init__(self) -> None:
        self.made: list[tuple[Path, Path | None]] = []
        self.replaced: list[tuple[Path, Path]] = []
        self.parents: list[Path] = []

    def files(self) -> None:
        for target, copy in self.replaced:
            with suppress(OSError):
                copy.replace(target)
        for path, beside in self.made:
            with suppress(OSError):
                if beside is None or path.samefile(beside):
                    path.unlink()

    def folders(self) -> None:
        for folder in reversed(self.parents):
            with suppress(OSError):
                folder.rmdir()


class _New:
    """A file that is not there, written beside its place."""

    def __init__(self, path: Path, text: str, undo: _Undo, beside: ExitStack) -> None:
        self.path = path
        self._text = text
        with _writing(path):
            _make_folders(path.parent, undo)
            self._beside = beside.enter_context(temporary_file(path, public=True))
            self._beside.write_text(text, encoding="utf-8", newline="")

    def put(self, undo: _Undo) -> None:
        """Link it into its place. A link is made only where nothing is; a renaming would replace what came there."""
        undo.made.append((self.path, self._beside))
        try:
            try:
                os.link(self._beside, self.path)
            except OSError as error:
                if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}:
                    raise
                with self.path.open("x", encoding="utf-8", newline="") as file:  # a file system that knows no links
                    undo.made.append((self.path, None))
                    file.write(self._text)
        except FileExistsError:
            raise InputError("this is there by now", where=str(self.path), remedy="Run it again: it is kept.") from None


class _Replacement:
    """A file that is there and its next text, which lies beside its place, as does a copy of what is there."""

    def __init__(self, path: Path, text: str, beside: ExitStack) -> None:
        self.path = path
        with _writing(path):
            self._target = path.resolve()  # what a link leads to is what people edit
            self._copy, self._next = (beside.enter_context(temporary_file(self._target, public=True)) for _ in range(2))
            self._copy.write_bytes(self._target.read_bytes())
            self._next.write_text(text, encoding="utf-8", newline="")
            for one in (self._copy, self._next):
                one.chmod(self._target.stat().st_mode)

    def put(self, undo: _Undo) -> None:
        """Rename it to its place."""
        undo.replaced.append((self._target, self._copy))
        self._next.replace(self._target)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutsideError(
            f"can't write: {error.strerror or error}", where=str(path), remedy="Check the space and the permissions."
        ) from error


def _make_folders(folder: Path, undo: _Undo) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        undo.parents.append(one)
        try:
            one.mkdir(exist_ok=True)
        except NotADirectoryError:
            raise InputError("this can't be made: a part of its path is a file", where=str(one)) from None
    if not folder.is_dir():
        raise InputError("this is a file where a folder is needed", where=str(folder), remedy="Rename it.")
