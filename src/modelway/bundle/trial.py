"""A bundle's model, loaded and asked in a process of its own: with a bound on its time and on its memory.

The process gets a private copy of the verified bytes, checks their digests again, and prints one JSON object. What the
model prints goes to standard error. It is run as `python -P -m modelway.bundle.trial`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.artifacts import MANIFEST
from modelway.atomic import scratch_directory
from modelway.errors import InputError, ModelwayError, SettingsError, UsageError
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.bundle.contents import Contents

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
"""Threads reserve memory that they never use, and the bound would count it."""
_RESERVED = 8 << 30
"""Bytes of addresses beyond the memory bound, for libraries that reserve more than they use."""


@dataclass(frozen=True)
class Limits:
    """What a model gets.

    Attributes:
        seconds: to load and to answer.
        memory: bytes that its process may hold (Linux).
    """

    seconds: float = 120.0
    memory: int = 4 << 30


@dataclass(frozen=True)
class Answered:
    """What came of the reference rows.

    Attributes:
        rows: how many were answered as recorded.
        difference: the largest between two probabilities, or two values.
    """

    rows: int
    difference: float


def try_model(contents: Contents, trusted: Sequence[str], limits: Limits, *, rows: bool) -> Answered | None:
    """Load a bundle's model and, with `rows`, let it score the reference rows.

    Args:
        contents: the verified files.
        trusted: types and functions that it may use in addition to modelway's own list.
        limits: the seconds and the memory that it gets.
        rows: whether it scores the reference rows, and its answers are compared with those recorded.

    Returns:
        What came of the reference rows; None without `rows`.

    Raises:
        InputError: it can't be loaded, needs what is not trusted, answers otherwise than recorded, ends its process, or
            exceeds a limit.
        SettingsError: a trusted function can't be imported.
        UsageError: pyarrow, which reads the reference rows, is not installed.
    """
    with scratch_directory() as folder:
        for name, content in contents.files.items():
            (folder / name).write_bytes(content)
        (folder / MANIFEST).write_text(contents.manifest.to_json(), encoding="utf-8")
        question = {
            "copy": str(folder),
            "directory": str(contents.directory),
            "digest": contents.digest,
            "trusted": list(trusted),
            "rows": rows,
            "path": [str(Path(entry).absolute()) for entry in sys.path],
            "memory": limits.memory,
            "seconds": limits.seconds,
        }
        answer = _ask(question, limits, str(contents.directory))
    if "error" in answer:
        raise _as_error(answer["error"])
    return Answered(answer["rows"], answer["difference"]) if rows else None


def _ask(question: dict[str, Any], limits: Limits, where: str) -> dict[str, Any]:
    """Run the process; gives what it printed."""
    process = subprocess.Popen(  # noqa: S603 - this very module
        [sys.executable, "-P", "-m", __name__],
        env={**os.environ, **_ONE_THREAD},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(json.dumps(question).encode(), timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        raise InputError(
            f"the model did not load and answer within {limits.seconds:g} seconds",
            where=where,
            remedy="Don't use it if you don't know why; --timeout gives it longer.",
        ) from None
    finally:
        _kill(process)
    try:
        found = parse_json(said)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    code = process.returncode
    how = f"signal {-code} ({signal.strsignal(-code)})" if code < 0 else f"code {code}"
    raise InputError(
        f"the process that ran the model ended with {how}",
        where=where,
        remedy=f"It may hold {limits.memory >> 20:,} MB; --memory gives it more. Don't use it if that is not why.",
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process with all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _as_error(told: dict[str, Any]) -> ModelwayError:
    kinds: dict[int, type[ModelwayError]] = {kind.exit_code: kind for kind in (InputError, SettingsError, UsageError)}
    kind = kinds.get(told["exit_code"], InputError)
    return kind(told["what"], where=told["where"], remedy=told["remedy"])


def main() -> int:
    """Be the process."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    question = json.load(sys.stdin)
    sys.path[:] = question["path"]
    _limit(question["memory"], question["seconds"])
    try:
        answer = _answer(question)
    except ModelwayError as error:
        answer = {"error": _told(error)}
    except MemoryError:
        answer = {"error": _told(_too_large(question))}
    except Exception as error:  # noqa: BLE001 - a hostile model may raise anything
        what = f"the model raised {type(error).__name__}: {error}"
        refused = InputError(what[:1000], where=question["directory"])
        answer = {"error": _told(_too_large(question) if "bad_alloc" in what else refused)}
    json.dump(answer, answers)
    answers.flush()
    os._exit(0)  # what a model left running, or registered for the end, is not waited for


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    from modelway.bundle.contents import read_contents
    from modelway.bundle.opening import load_contents

    contents = read_contents(Path(question["copy"]), digest=question["digest"])
    contents = replace(contents, directory=Path(question["directory"]))
    bundle = load_contents(contents, question["trusted"])
    if not question["rows"]:
        return {}
    try:
        from modelway.bundle.comparing import compare_reference
    except ImportError as error:
        raise UsageError(
            f"the reference rows can't be read: {error}",
            remedy="pip install 'modelway[package]', or leave them out: --no-run.",
        ) from error
    rows, difference = compare_reference(bundle, contents)
    return {"rows": rows, "difference": difference}


def _limit(memory: int, seconds: float) -> None:
    import resource

    bounds = (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, memory + _RESERVED),
        (resource.RLIMIT_CPU, int(seconds) + 2),
        (resource.RLIMIT_CORE, 0),
    )
    for kind, bound in bounds:
        # A bound that is lower already stays; macOS has none of memory.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (bound, bound))


def _too_large(question: dict[str, Any]) -> InputError:
    return InputError(
        f"the model needs more than {question['memory'] >> 20:,} MB of memory",
        where=question["directory"],
        remedy="Don't use it if you don't know why; --memory gives it more.",
    )


def _told(error: ModelwayError) -> dict[str, Any]:
    return {"exit_code": error.exit_code, "what": error.what, "where": error.where, "remedy": error.remedy}


if __name__ == "__main__":
    sys.exit(main())
