"""One stage: run it in its container, take its artifact and its exit code."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import dagger
from dagger import dag

from modelway_ci.images import OUT

ARTIFACT = f"{OUT}/artifact"
"""Where a stage is told to write."""

OUTSIDE_FAILED = 6
KILLED = 137

_RUN = f'"$@" && code=0 || code=$?; case $code in 0|2|3|4|5) echo $code > {OUT}/exit_code ;; *) exit $code ;; esac'
"""Runs a command. An exit code that its inputs decide is a result, and cached with what was written; any other (a bug,
an outside failure, a kill) fails the step, so that the engine runs it again the next time."""

_LAST_LINES = 25


@dataclass(frozen=True)
class Outcome:
    """How a stage ended.

    Attributes:
        stage: its name.
        exit_code: its exit code.
        stdout: what it printed; the record, if it was asked for JSON.
        said: the last lines of what it printed for people, the error among them.
        artifact: what it wrote; None when it wrote nothing.
    """

    stage: str
    exit_code: int
    stdout: str = ""
    said: str = ""
    artifact: dagger.Directory | None = None


def never_cached(container: dagger.Container) -> dagger.Container:
    """Have what follows run even if it ran before: a value that no run has had."""
    return container.with_env_variable("MODELWAY_RUN", uuid.uuid4().hex)


async def run_stage(stage: str, container: dagger.Container, argv: list[str]) -> Outcome:
    """Run a command of modelway and collect what came of it; nothing is raised for its exit code."""
    try:
        # What is synced is known by its id from then on; a lazy object is asked for anew, all of it, at each question.
        done = await container.with_exec(["sh", "-c", _RUN, "modelway", "python", "-m", "modelway", *argv]).sync()
    except dagger.ExecError as error:
        return _failed(stage, error)
    out = done.directory(OUT)
    code = int(await out.file("exit_code").contents())
    stdout = await done.stdout() if code or "--json" in argv else ""
    said = _last_lines(f"{stdout}\n{await done.stderr()}") if code else ""
    return Outcome(stage, code, stdout, said, await by_content(out, "artifact/"))


async def by_content(directory: dagger.Directory, prefix: str = "") -> dagger.Directory | None:
    """What lies below a folder of a directory, known to the engine by what it holds and not by how it was made.

    The engine (0.21) names a file by its content but a directory by the call that made it, so the directory is put
    together from its files. What follows from it is then cached whenever the files are the same. None without files.
    """
    names = [name for name in await directory.glob(f"{prefix}**") if not name.endswith("/")]
    result = dag.directory()
    for name in sorted(names):
        result = result.with_file(name.removeprefix(prefix), directory.file(name))
    return await result.sync() if names else None


def _failed(stage: str, error: dagger.ExecError) -> Outcome:
    """The outcome of a step that ended in no way that is a result; a step before it was an install or a pull."""
    said = _last_lines(f"{error.stdout}\n{error.stderr}")
    if "modelway" not in error.command:
        command = " ".join(error.command)
        return Outcome(
            stage, OUTSIDE_FAILED, said=f"its container can't be made: {command} ended with {error.exit_code}\n{said}"
        )
    if error.exit_code == KILLED:
        said = f"{said}\nkilled; most often for want of memory".strip()
    return Outcome(stage, error.exit_code, said=said)


def _last_lines(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])
