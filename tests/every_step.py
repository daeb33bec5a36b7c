"""Run an operation with its first step failing, then its second, until it gets through; and killed at each step.

The method is SQLite's for errors of input and output ("How SQLite Is Tested", https://sqlite.org/testing.html, 3.2). A
step is a call that changes something below a directory (open for writing, write, flush to disk, rename, unlink, ...), a
commit of a database, or an HTTP request. After each run the old or the new state has to be there whole, running the
operation again has to get through, and nothing may be left behind.

Not seen as steps: what C libraries write (SQLite within a commit, Arrow's own files), and writes by `tempfile`.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any

from modelway import waiting
from modelway.errors import ModelwayError, OutsideError


class Fault(Enum):
    """What happens at a step.

    FULL and BROKEN: the call reports a full or broken disk; of a write, half is done. STAYS_FULL: so does each later
    one that needs space. LOST: the call is made, and reports an error nevertheless, as a commit or a request whose
    answer is lost. KILLED: the process ends; of a write, half is done. A request is refused by a closed connection, and
    so are its retries.
    """

    FULL = errno.ENOSPC
    STAYS_FULL = -errno.ENOSPC
    BROKEN = errno.EIO
    LOST = -errno.EIO
    KILLED = None

    @property
    def after(self) -> bool:
        """Whether the call is made before it fails."""
        return self is Fault.LOST

    def error(self) -> OSError:
        """Return what the call raises; a killed process does not return."""
        if self.value is None:
            os.kill(os.getpid(), signal.SIGKILL)
        number = abs(self.value or 0)
        return OSError(number, os.strerror(number))


_WRITES = ("open", "pwrite", "write", "sendfile", "ftruncate", "truncate", "fsync")
_NAMES = ("rename", "replace", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "chmod")
READS = ("close", "fstat", "stat", "listdir", "scandir")
_NEEDS_SPACE = {"pwrite", "write", "sendfile", "mkdir", "link", "symlink", "create", "commit"}
_REMOVALS = {"unlink", "rmdir", "remove"}
_CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_ftruncate, _open, _readlink = os.ftruncate, io.open, os.readlink


@dataclass
class Failing:
    """The step that fails, and those that came.

    Attributes:
        below: calls about something below this directory count; commits and requests always.
        at: which step fails, from 0.
        fault: what happens there.
        reads: whether calls that only read count, too, and `close`.
        seen: the names of the steps.
    """

    below: str
    at: int
    fault: Fault
    reads: bool = False
    seen: list[str] = field(default_factory=list)
    _short: bool = False
    _begins: dict[int, int] = field(default_factory=dict)
    _request: tuple[object, ...] | None = None

    @property
    def hit(self) -> bool:
        """Whether the step came."""
        return len(self.seen) > self.at

    def step(self, name: str) -> bool:
        """Count a step; whether it fails."""
        self.seen.append(name)
        if self.fault is Fault.STAYS_FULL and self.hit and name in _NEEDS_SPACE:
            return True
        return len(self.seen) - 1 == self.at

    def request(self, *what: object) -> bool:
        """Count a request; whether it fails, as a retry of one that failed does."""
        if what == self._request:
            return True
        fails = self.step("request")
        self._request = what if fails else None
        return fails

    def touches(self, *places: Any) -> bool:
        """Whether a call is about the directory: by a path, or by the number of an open file."""
        for one in places:
            if isinstance(one, bool) or not isinstance(one, int | str | os.PathLike):
                continue
            try:
                place = _readlink(f"/proc/self/fd/{one}") if isinstance(one, int) else os.fspath(one)
            except OSError:
                continue
            if str(place).startswith(self.below):
                return True
        return False

    def held(self) -> list[str]:
        """Return the files below the directory that this process has open."""
        found = (str(one.resolve()) for one in Path("/proc/self/fd").iterdir())
        return [path for path in found if path.startswith(self.below)]

    def call(self, name: str, real: Callable[..., Any], arguments: tuple[Any, ...], more: dict[str, Any]) -> Any:
        """Make a call of the operating system, or let it fail."""
        if not self.touches(*arguments[:2], more.get("dir_fd"), more.get("src_dir_fd")):
            return real(*arguments, **more)
        if name == "open" and not arguments[1] & _CHANGING and not self.reads:
            return real(*arguments, **more)
        if name == "pwrite":
            self._begins[arguments[0]] = min(arguments[2], self._begins.get(arguments[0], arguments[2]))
        if name in {"pwrite", "write"} and self._short:  # the call after a short one reports why
            self._short = False
            self.seen.append(name)
            raise self.fault.error()
        begins = self._begins.pop(arguments[0], None) if name == "close" else None
        if not self.step("create" if name == "open" and arguments[1] & os.O_CREAT else name):
            return real(*arguments, **more)
        if name in {"pwrite", "write"} and not self.fault.after:
            half = real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2], *arguments[2:])
            if self.fault is Fault.KILLED or not half:
                raise self.fault.error()
            self._short = True
            return half
        if name == "close" and self.fault is not Fault.KILLED:  # Linux closes the file whatever it reports
            if begins is not None and not self.fault.after:  # what a network file system had not sent is lost
                _ftruncate(arguments[0], begins)
            real(*arguments, **more)
        elif self.fault.after:
            made = real(*arguments, **more)
            if name == "open":
                os.close(made)
        raise self.fault.error()


class _File(io.FileIO):
    """A file opened by `open`, whose writes are steps."""

    failing: Failing

    def write(self, content: Any) -> int:
        if self.failing.step("write"):
            super().write(bytes(content) if self.failing.fault.after else bytes(content)[: len(bytes(content)) // 2])
            raise self.failing.fault.error()
        return super().write(content)


def _opened(failing: Failing, file: Any, mode: str, buffering: int, encoding: Any, errors: Any, newline: Any) -> Any:
    """Open a file for writing as `open` does (see `_pyio.open`), with writes that may fail."""
    plain = mode.replace("b", "").replace("t", "")
    if failing.step("create"):
        if failing.fault.after:
            _open(file, mode).close()
        raise failing.fault.error()
    raw = _File(file, plain)
    raw.failing = failing
    if buffering == 0:
        return raw
    buffered = io.BufferedRandom(raw) if "+" in plain else io.BufferedWriter(raw)  # type: ignore[type-var]
    return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)


@contextmanager
def failing(what: Failing) -> Iterator[Failing]:
    """Let the step fail in what runs within, in all threads."""
    undo: list[Callable[[], None]] = []

    def put(owner: Any, name: str, new: Any) -> None:
        old = getattr(owner, name)
        undo.append(lambda: setattr(owner, name, old))
        setattr(owner, name, new)

    def wrap(name: str) -> None:
        # To wait for a disk would only take time.
        real = (lambda _: None) if name == "fsync" else getattr(os, name)
        put(os, name, lambda *arguments, **more: what.call(name, real, arguments, more))

    def opened(file: Any, mode: str = "r", buffering: int = -1, *text: Any, **more: Any) -> Any:
        given = dict(zip(("encoding", "errors", "newline", "closefd", "opener"), text, strict=False)) | more
        changes = bool(set(mode) & set("wax+")) and not isinstance(file, int) and given.get("opener") is None
        if what.touches(file) and (changes or what.reads):
            if changes:
                coding = (given.get(name) for name in ("encoding", "errors", "newline"))
                return _opened(what, file, mode, buffering, *coding)
            if what.step("open"):
                raise what.fault.error()
        return _open(file, mode, buffering, **given)

    for name in (*_WRITES, *_NAMES, *(READS if what.reads else ())):
        wrap(name)
    put(io, "open", opened)
    put(builtins, "open", opened)
    _wrap_requests(what, put)
    _wrap_commits(what, put)
    try:
        yield what
    finally:
        for one in reversed(undo):
            one()


def _wrap_requests(what: Failing, put: Callable[[Any, str, Any], None]) -> None:
    """Count each HTTP request of urllib3, by which boto3, requests and modelway's own client go."""
    from urllib3.connectionpool import HTTPConnectionPool
    from urllib3.exceptions import ProtocolError

    real, sleep = HTTPConnectionPool._make_request, time.sleep

    def make_request(pool: Any, connection: Any, method: str, url: str, *arguments: Any, **more: Any) -> Any:
        # AWS's clients name each call, and ours wait for each; a retry, urllib3's own as well, is of the same one.
        name = (more.get("headers") or {}).get("amz-sdk-invocation-id") or waiting.current()
        if not what.request(method, url.partition("?")[0] if method == "PUT" else url, name):
            return real(pool, connection, method, url, *arguments, **more)
        if what.fault.after:
            real(pool, connection, method, url, *arguments, **more).drain_conn()
        if what.fault is Fault.KILLED:
            what.fault.error()
        raise ProtocolError("Connection aborted.", ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))

    put(HTTPConnectionPool, "_make_request", make_request)
    put(time, "sleep", lambda seconds: sleep(min(seconds, 0.001)))


def _wrap_commits(what: Failing, put: Callable[[Any, str, Any], None]) -> None:
    """Count each commit of a database below the directory, by SQLAlchemy."""
    from sqlalchemy.engine.default import DefaultDialect

    real = DefaultDialect.do_commit

    def commit(dialect: Any, connection: Any) -> None:
        if not what.step("commit"):
            real(dialect, connection)
            return
        if what.fault.after:
            real(dialect, connection)
        what.fault.error()
        raise sqlite3.OperationalError("disk I/O error")

    put(DefaultDialect, "do_commit", commit)


def killed(action: Callable[[], object], what: Failing) -> bool:
    """Run an action in a process that is killed at the step; whether it was.

    Raises:
        AssertionError: the process failed otherwise, or did not end in two minutes.
    """
    child = os.fork()
    if not child:
        status = 1
        try:
            _forget_connections()
            with failing(what):
                action()
            status = 0
        finally:
            os._exit(status)
    for _ in range(12_000):
        if (ended := os.waitpid(child, os.WNOHANG)) != (0, 0):
            assert ended[1] in {0, signal.SIGKILL}, f"the process failed before it was killed: {ended[1]}"
            return bool(ended[1])
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError("the process did not end")


def _forget_connections() -> None:
    """Open connections of its own: the other process's answers come on those it has."""
    from urllib3.connectionpool import HTTPConnectionPool

    HTTPConnectionPool._get_conn = lambda pool, timeout=None: pool._new_conn()  # type: ignore[method-assign]


@dataclass(frozen=True)
class Operation:
    """What is run with each of its steps failing. Each callable is given a directory of its own.

    Attributes:
        start: makes the old state there.
        run: the operation.
        check: asserts that the old or the new state is there whole; with `done`, the new one.
        traces: gives what else there is, to be as after an undisturbed run, or after two; the names of all files
            unless given.
        errors: what a run may raise where a step fails. One of modelway's has to name its place.
        place: what the place that an error names has to contain.
        exit_codes: the exit codes that they may have.
        at_least: so many steps have to come, or the test has lost what it was written for.
        tidy: whether a run leaves no file open, and one that fails no other traces than there were before it; but where
            a removal fails, or what is made nevertheless.
    """

    start: Callable[[Path], object]
    run: Callable[[Path], object]
    check: Callable[[Path, bool], object]
    traces: Callable[[Path], object] = lambda root: sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    errors: tuple[type[BaseException], ...] = (ModelwayError,)
    place: Callable[[Path], str] = lambda _: ""
    exit_codes: tuple[int, ...] = (OutsideError.exit_code,)
    at_least: int = 3
    tidy: bool = False

    def with_each_step(
        self, place: Path, fault: Fault, *, reads: bool = False, every: int = 1, most: int = 1000
    ) -> list[str]:
        """Run the operation with each of its steps failing in turn; return the steps' names.

        Args:
            place: an empty directory.
            fault: what happens at the step.
            reads: whether calls that only read fail, too.
            every: only each so-many-th step fails, from a first one that depends on the fault.
            most: no operation has so many steps.

        Raises:
            AssertionError: a state is not whole, a repeat does not get through, or something is left behind.
        """
        before, *expected = self._undisturbed(place / "undisturbed")
        for at in count(list(Fault).index(fault) % every, every):
            assert at < most, "the operation does not end"
            root = place / f"{fault.name.lower()}-{at}"
            root.mkdir(parents=True)
            self.start(root)
            what = Failing(str(root), at, fault, reads)
            try:
                done = self._run(root, what)
                self.check(root, done)
                assert not self.tidy or not what.held(), what.held()
                if self.tidy and what.hit and not fault.after and what.seen[at] not in _REMOVALS:
                    traces = self.traces(root)
                    assert traces in (before, *expected), f"left at once: {traces}; expected {before}"
                if fault is not Fault.KILLED and not what.hit:
                    assert at >= self.at_least, f"only {at} steps"
                    return what.seen
                self.run(root)
                self.check(root, True)
                traces = self.traces(root)
                assert traces in expected, f"left behind: {traces}; expected {expected[0]}"
            except BaseException as error:
                error.add_note(f"{fault.name} at step {at} {what.seen[at] if what.hit else ''}")
                raise
            shutil.rmtree(root)
            if fault is Fault.KILLED and done:
                assert at >= self.at_least, f"only {at} steps"
                return []
        raise AssertionError

    def _undisturbed(self, root: Path) -> list[object]:
        root.mkdir(parents=True)
        self.start(root)
        found = [self.traces(root)]
        for _ in range(2):
            self.run(root)
            self.check(root, True)
            found.append(self.traces(root))
        shutil.rmtree(root)
        return found

    def _run(self, root: Path, what: Failing) -> bool:
        """Run it once with the step failing; whether it got through."""
        if what.fault is Fault.KILLED:
            return not killed(lambda: self.run(root), what)
        try:
            with failing(what):
                self.run(root)
        except self.errors as error:
            self._judge(error, self.place(root))
            return False
        return True

    def _judge(self, error: BaseException, place: str) -> None:
        if isinstance(error, ModelwayError):
            assert error.exit_code in self.exit_codes, f"exit code {error.exit_code}: {error}"
            assert error.where, f"no place: {error}"
            assert place in error.where, f"another place than {place}: {error}"
