"""Files and directories that are there whole or not at all, and for their owner alone. The standard library alone.

What is written goes beside its place first, under a hidden name that says which machine and boot it belongs to, with an
advisory lock (flock) that ends with the process. So whoever comes next can tell what a killed process left from what
another one still writes, also in other containers of this machine. What another machine wrote is never touched: from
here nobody can tell whether it still runs.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from modelway.processes import boot, machine

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE, _DIRECTORY = 0o600, 0o700
_GROUP = {_FILE: 0o640, _DIRECTORY: 0o750 | stat.S_ISGID}
"""What the same becomes in a directory that its owner shares with a group, by the set-group-ID bit."""
_NAME = re.compile(r".+\.(?P<machine>[0-9a-f]{8})(?P<boot>[0-9a-f]{8})-[0-9a-f]{8}\.(?:part|work)")
_LOCK, _NEW, _OLD = "lock", "new", "old"
_LONGEST = 100
"""Characters of the target's name that a temporary one keeps: names have at most 255 bytes."""
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}
_PATIENCE = 5.0
"""Seconds that a reader waits for a directory that a living process is just replacing."""
_SPREAD = 8
_MOST = 4096


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a file to write beside `target`; on leaving, put it in `target`'s place, on any error remove it."""
    with temporary_file(target) as work:
        yield work
        work.replace(target)


@contextmanager
def temporary_file(target: Path, *, public: bool = False) -> Iterator[Path]:
    """Give an empty file beside `target`, to be written in place; on leaving it is removed, if it is still there.

    Args:
        target: what it is to become; the directory has to exist.
        public: for other users, too, as the process's umask has it.

    Raises:
        OSError: it can't be made.
    """
    _sweep_if_due(target.parent)
    while True:
        work = target.parent / _temporary_name(f".{target.name[:_LONGEST]}", "part")
        number = os.open(work, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE)
        if _hold(number, work):
            break
        os.close(number)  # swept at the very moment
    try:
        os.fchmod(number, 0o666 & ~_umask() if public else mode_below(target.parent, _FILE))
        yield work
    finally:
        with suppress(OSError):  # what was written is in its place by now; a later writer sweeps what stays
            work.unlink()
        os.close(number)


class Work:
    """A directory beside its place.

    Attributes:
        path: what is to be filled.
    """

    def __init__(self, root: Path, lock: int) -> None:
        self.path = root / _NEW
        self._root = root
        self._lock = lock
        self.path.mkdir(_DIRECTORY)

    def put(self, target: Path) -> None:
        """Put the directory in the place of `target`, which lies beside it; one that is there steps aside first.

        A directory can't be renamed onto a full one, so for a moment there is none. A process that is killed then
        leaves the old one where `recover` finds it.

        Raises:
            OSError: it can't be renamed; `target` is as it was.
        """
        restrict(self.path, target.parent)
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, os.fsencode(target.name), 0)
        for number in range(_MOST):
            aside = self._root / f"{_OLD}-{number}"
            try:
                with suppress(FileNotFoundError):
                    target.rename(aside)
                if self._take(target):
                    return
            except OSError:
                # A network file system may report an error of a rename that was done.
                if os.path.lexists(aside) and not os.path.lexists(target):
                    aside.rename(target)
                raise
        raise OSError(errno.EBUSY, "others keep replacing it", str(target))

    def _take(self, target: Path) -> bool:
        """Rename the directory to `target`; false where another process put its own there."""
        try:
            self.path.rename(target)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return False
        return True


@contextmanager
def temporary_directory(target: Path) -> Iterator[Work]:
    """Give an empty directory beside `target`; on leaving it is removed, unless it was put somewhere.

    Raises:
        OSError: it can't be made.
    """
    with _temporary_directory(target.parent, f".{target.name[:_LONGEST]}") as work:
        yield work


@contextmanager
def replacing_directory(target: Path) -> Iterator[Path]:
    """Give a directory to fill beside `target`; on leaving, put it in `target`'s place, on any error remove it."""
    with temporary_directory(target) as work:
        yield work.path
        work.put(target)


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """Give an empty directory among the system's temporary files; on leaving it is removed."""
    with _temporary_directory(Path(tempfile.gettempdir()), "modelway") as work:
        yield work.path


def recover(target: Path) -> None:
    """Bring a directory back that a process was replacing when it was killed; does nothing where it is there.

    Where a living process replaces it at this very moment, this waits until it is there.
    """
    if target.exists():
        return
    sweep(target.parent)
    deadline = time.monotonic() + _PATIENCE
    while not target.exists() and time.monotonic() < deadline and _is_being_replaced(target):
        time.sleep(0.01)


def sweep(directory: Path) -> int:
    """Remove what killed processes left half-written in a directory, and bring back what they moved aside.

    Returns:
        How many entries the directory has.
    """
    entries = 0
    with suppress(OSError), os.scandir(directory) as found:
        for entry in found:
            entries += 1
            name = _NAME.fullmatch(entry.name)
            if name is not None and _may_be_swept(name["machine"], name["boot"]):
                with suppress(OSError):
                    _clear(Path(entry.path))
    return entries


def make_directories(directory: Path) -> None:
    """Make a directory and those above it that are missing, for their owner alone; others stay as they are.

    Raises:
        OSError: it can't be made, or a file is in its place.
    """
    if directory.is_dir():
        return
    if directory.parent != directory:
        make_directories(directory.parent)
    with suppress(FileExistsError):
        directory.mkdir(_DIRECTORY)
        directory.chmod(mode_below(directory.parent, _DIRECTORY))
    if not directory.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(directory))


def open_private(path: Path, mode: str) -> IO[Any]:
    """Open a file as `open` does; one that is made is for its owner alone.

    Raises:
        OSError: it can't be opened.
    """
    access = mode_below(path.parent, _FILE)
    return open(path, mode, opener=lambda name, flags: os.open(name, flags, access))


def restrict(path: Path, parent: Path | None = None) -> None:
    """Give a file, or a directory and all below it, to its owner alone; programs stay programs.

    Args:
        path: the file or directory.
        parent: the directory whose group may read it, if it shares with one; its own when absent.
    """
    shared = path.parent if parent is None else parent
    file, folder = mode_below(shared, _FILE), mode_below(shared, _DIRECTORY)
    if path.is_dir():
        for place, folders, files in os.walk(path):
            for name in files:
                _restrict_file(Path(place, name), file)
            for name in folders:
                if not Path(place, name).is_symlink():
                    Path(place, name).chmod(folder)
        path.chmod(folder)
    else:
        _restrict_file(path, file)


def mode_below(directory: Path, mode: int) -> int:
    """Return the mode of what is made in a directory: `mode`, and for a group if the directory is shared with one.

    Sharing is asked for in the way of Unix: by the set-group-ID bit (`chmod g+s`), which Kubernetes sets by `fsGroup`.
    """
    try:
        shared = directory.stat().st_mode & stat.S_ISGID
    except OSError:
        return mode
    return _GROUP[mode] if shared else mode


def _restrict_file(path: Path, mode: int) -> None:
    if not path.is_symlink():
        path.chmod(mode | (0o110 & (mode >> 2) if path.stat().st_mode & stat.S_IXUSR else 0))


def _temporary_name(name: str, ending: str) -> str:
    return f"{name}.{_short(machine())}{_short(boot())}-{secrets.token_hex(4)}.{ending}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _may_be_swept(its_machine: str, its_boot: str) -> bool:
    """Whether a lock that nobody holds means that the process is gone: in this boot, or before it on this machine."""
    return its_machine == _short(machine()) or (boot() != "" and its_boot == _short(boot()))


def _hold(number: int, path: Path) -> bool:
    """Lock an open file, and return whether it still is the one of this name. Some file systems know no locks."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # whoever sweeps can't lock it either, and leaves it
    try:
        found, ours = path.stat(follow_symlinks=False), os.fstat(number)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)


@contextmanager
def _temporary_directory(parent: Path, name: str) -> Iterator[Work]:
    sweep(parent)
    root, number = _make_root(parent, name)
    try:
        yield Work(root, number)
    finally:
        shutil.rmtree(root, ignore_errors=True)
        os.close(number)


def _make_root(parent: Path, name: str) -> tuple[Path, int]:
    """Make a temporary directory with a lock that is held; gives both."""
    while True:
        root = parent / _temporary_name(name, "work")
        root.mkdir(_DIRECTORY)
        try:
            number = _open_lock(root)
        except OSError:
            root.rmdir()
            raise
        if number is not None:
            if _hold(number, root / _LOCK):
                return root, number
            os.close(number)  # swept at the very moment


def _open_lock(root: Path) -> int | None:
    """A directory's lock, made if it is missing; None where the directory is gone."""
    try:
        return os.open(root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE)
    except FileNotFoundError:
        return None


def _clear(path: Path) -> None:
    """Remove a temporary file or directory, unless somebody holds it."""
    found = path.lstat()
    if found.st_uid != os.geteuid() or stat.S_ISLNK(found.st_mode):
        return
    folder = stat.S_ISDIR(found.st_mode)
    number = _open_lock(path) if folder else os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    if number is None:
        return
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder:
            _bring_back(path, number)
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    finally:
        os.close(number)


def _bring_back(root: Path, lock: int) -> None:
    """Put the directory that stepped aside last in its place again, if neither the new one nor another came there."""
    name = os.fsdecode(os.pread(lock, _MOST, 0))
    target = root.parent / name
    if not name or target.parent != root.parent or os.path.lexists(target) or not (root / _NEW).exists():
        return
    aside = sorted(root.glob(f"{_OLD}-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    if aside:
        aside[-1].rename(target)


def _is_being_replaced(target: Path) -> bool:
    """Whether a process has moved the directory of this name aside."""
    with suppress(OSError):
        for root in target.parent.iterdir():
            if _NAME.fullmatch(root.name) and any(root.glob(f"{_OLD}-*")):
                return os.fsdecode((root / _LOCK).read_bytes()) == target.name
    return False


_due: dict[Path, int] = {}


def _sweep_if_due(directory: Path) -> None:
    """Sweep so often that it costs little per file written: small directories each time, large ones rarely."""
    left = _due.get(directory, 0)
    if left > 0:
        _due[directory] = left - 1
        return
    if len(_due) >= _MOST:
        _due.clear()
    _due[directory] = sweep(directory) // _SPREAD


def _umask() -> int:
    """The process's file mode mask; the system only tells it while setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
