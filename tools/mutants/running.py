"""Runs tests against one fault, and ends every process that the tests or the fault started."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

import psutil

from tools.mutants import selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tools.mutants.choosing import Chosen
    from tools.mutants.mapping import Test
    from tools.mutants.scratch import Copy

MARK = "MUTANTS_RUN"
# A machine may be busier than when the tests' seconds were measured.
_FACTOR = 4.0

_NO_TESTS = 5
_seconds = count(int(time.time()))


@dataclass(frozen=True)
class Outcome:
    """What the tests said about a fault: `seen` by which test, or `unseen`, or `error` if they could not run."""

    verdict: str
    by: str = ""
    seconds: float = 0.0


# The tests' parent: it reaps processes whose own parents ended, and takes a signal that was meant for a parent.
_SHELL = ("sh", "-c", '"$@"; exit $?', "sh")


@cache
def _namespace() -> tuple[str, ...]:
    """Return the command that gives tests their own process numbers, so that all of them end with the first.

    A fault may signal the wrong process or leave daemons. Where the system has no PID namespaces, the processes are
    found by an environment variable.
    """
    if not shutil.which("unshare") or not shutil.which("setpriv"):
        return ()
    for namespace in (("unshare",), ("unshare", "--user", "--map-current-user")):
        prefix = ("setpriv", "--pdeathsig", "KILL", *namespace, "--pid", "--fork", "--mount-proc", "--kill-child")
        if subprocess.run([*prefix, "true"], check=False, capture_output=True).returncode == 0:
            return prefix
    return ()


@contextmanager
def faulty(copy: Copy, file: str, text: str) -> Iterator[None]:
    """Put other text into a file of the copy for the time of the block."""
    path = copy.root / file
    before = path.read_bytes()
    try:
        _write(path, text.encode())
        yield
    finally:
        _write(path, before)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    # Python takes compiled code for fresh by the size and the second of the source: each text has a second of its own.
    second = next(_seconds)
    os.utime(path, (second, second))


def run_near(copy: Copy, chosen: Chosen, patience: float) -> Outcome:
    """Run the chosen tests until one fails twice: a test that fails once and then passes is not evidence.

    `patience` is the seconds that a run may take in addition to a multiple of its tests' own.
    """
    tests, began = list(chosen.tests), time.monotonic()
    while tests:
        code, failed = _run(copy, tests, patience + _FACTOR * sum(test.seconds for test in tests))
        spent = time.monotonic() - began
        if code == 0:
            return Outcome("unseen", seconds=spent)
        if code == _NO_TESTS:
            return Outcome("error", "no test was collected", spent)
        if not failed:
            return Outcome("seen", "timeout" if code is None else f"pytest exited with {code}", spent)
        names = [test.name for test in tests]
        if failed not in names:  # a file that cannot be imported
            return Outcome("seen", failed, spent)
        place = names.index(failed)
        again, _ = _run(copy, [tests[place]], patience + _FACTOR * tests[place].seconds)
        if again != 0:
            return Outcome("seen", failed, time.monotonic() - began)
        tests = tests[place + 1 :]
    return Outcome("unseen", seconds=time.monotonic() - began)


def types_reject(copy: Copy, file: str) -> bool:
    """Return whether the type checker, which runs before the tests, rejects a file of the copy."""
    cache = ".mypy_cache"
    if (copy.source / cache).is_dir() and not (copy.root / cache).exists():
        shutil.copytree(copy.source / cache, copy.root / cache)
    command = [str(copy.python), "-m", "mypy", "--no-error-summary", file]
    return (
        subprocess.run(command, cwd=copy.root, env=copy.variables(), check=False, capture_output=True).returncode == 1
    )


def _run(copy: Copy, tests: Sequence[Test], seconds: float) -> tuple[int | None, str]:
    """Run tests up to the first failure; return the exit code (None after a timeout) and the test that failed."""
    listed, failed = copy.temporary.with_name("tests"), copy.temporary.with_name("failed")
    listed.write_text("".join(f"{test.name}\n" for test in tests), encoding="utf-8")
    failed.unlink(missing_ok=True)
    copy.empty_temporary()
    files = list(dict.fromkeys(test.name.partition("::")[0] for test in tests))
    mark = f"{os.getpid()}-{next(_seconds)}"
    command = [
        *_namespace(), *_SHELL,
        str(copy.python), "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", "--hypothesis-seed=0",
        "-p", "no:randomly", "-p", "no:xdist", "-p", "no:cacheprovider", "-p", "tools.mutants.selection",
        f"--basetemp={copy.temporary / 'b'}", *files,
    ]  # fmt: skip
    variables = copy.variables(**{selection.LIST: str(listed), selection.FAILED: str(failed), MARK: mark})
    with copy.temporary.with_name("output").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=copy.root, env=variables, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            code: int | None = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process, mark)
    names = failed.read_text(encoding="utf-8").splitlines() if failed.exists() else []
    return code, names[0] if names else ""


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End the process and everything that it started."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if not _namespace():
        for one in psutil.process_iter():
            with suppress(psutil.Error):
                if one.environ().get(MARK) == mark:
                    one.kill()
