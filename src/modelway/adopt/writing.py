"""Files into a project that is somebody's: all of them or none, and never over one that is there."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from modelway.atomic import temporary_file
from modelway.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_all(root: Path, new: Mapping[str, str], replaced: Mapping[str, str] | None = None) -> None:
    """Write files; whatever goes wrong, what was there before is there after it, and nothing else.

    Args:
        root: the folder that paths are relative to.
        new: the text of each file that is not there, by its path.
        replaced: the text of each file that is there and takes its place, by its path.

    Raises:
        InputError: one of `new` is there by now, or a folder of its path is a file.
    """
    undo = _Undo()
    try:
        for name, text in new.items():
            _create(root / name, text, undo)
        for name, text in (replaced or {}).items():
            _replace(root / name, text, undo)
    except BaseException:
        undo.run()
        raise


class _Undo:
    """What was done, to be taken back in the other order."""

    def __init__(self) -> None:
        self.created: list[Path] = []
        self.folders: list[Path] = []
        self.before: dict[Path, tuple[bytes, int]] = {}

    def run(self) -> None:
        for path, (content, mode) in self.before.items():
            with suppress(OSError):
                path.write_bytes(content)
                path.chmod(mode)
        for path in reversed(self.created):
            path.unlink(missing_ok=True)
        for folder in reversed(self.folders):
            with suppress(OSError):
                folder.rmdir()


def _create(path: Path, text: str, undo: _Undo) -> None:
    _make_folders(path.parent, undo)
    try:
        with temporary_file(path, public=True) as beside:
            beside.write_text(text, encoding="utf-8", newline="")
            # A link is made only where nothing is, however lately it came; a renaming would take its place.
            _link(beside, path, text)
    except FileExistsError:
        raise InputError("this is there by now", where=str(path), remedy="Run it again: it is kept.") from None
    undo.created.append(path)


def _link(beside: Path, path: Path, text: str) -> None:
    try:
        os.link(beside, path)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}:
            raise
        with path.open("x", encoding="utf-8", newline="") as file:  # a file system that knows no links
            file.write(text)


def _replace(path: Path, text: str, undo: _Undo) -> None:
    mode = path.stat().st_mode
    undo.before[path] = (path.read_bytes(), mode)
    target = path.resolve()  # what a link leads to is what people edit
    with temporary_file(target, public=True) as beside:
        beside.write_text(text, encoding="utf-8", newline="")
        beside.chmod(mode)
        beside.replace(target)


def _make_folders(folder: Path, undo: _Undo) -> None:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        try:
            one.mkdir()
        except NotADirectoryError:
            raise InputError("this can't be made: a part of its path is a file", where=str(one)) from None
        undo.folders.append(one)
    if not folder.is_dir():
        raise InputError("this is a file where a folder is needed", where=str(folder), remedy="Rename it.")
