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

CHECKS = "checks.json"
"""What a part of `ci` says, in its artifact."""

_RUN = f'"$@" && code=0 || code=$?; case $code in 0|2|3|4|5) echo $code > {OUT}/exit_code ;; *) exit $code ;; esac'
"""Runs a command. An exit code that its inputs decide is a result, and cached with what was written; any other (a bug,
an outside failure, a kill) fails the step, so that the engine runs it again the next time."""
_RUN_LEAVING = (
    f'"$@" && code=0 || code=$?; if [ -n "$(ls -A {ARTIFACT} 2>/dev/null)" ]; then echo $code > {OUT}/exit_code; '
    f"else case $code in 0|2|3|4|5) echo $code > {OUT}/exit_code ;; *) exit $code ;; esac; fi"
)
"""The same where nothing is cached and a report is left whatever happened: then any exit code is a result."""
_RUN_PART = (
    f'{{ "$@" 2>&1; echo $? > {OUT}/exit_code; }} | tee {OUT}/log; code=$(cat {OUT}/exit_code); '
    f'sed -i "s#{ARTIFACT}#$4#g" {OUT}/log; '
    f"case $code in 0|2|3|4|5) ;; 6) [ -e {ARTIFACT}/{CHECKS} ] || exit 6 ;; *) exit $code ;; esac"
)
"""The same for a part of `ci`, with a log. One that says why it ends with 6 has it from its inputs: the advisories are
looked up by a step of its own."""

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
        log: all that a part of `ci` printed.
        ran: whether the stage came to its own end, and so could report itself.
    """

    stage: str
    exit_code: int
    stdout: str = ""
    said: str = ""
    artifact: dagger.Directory | None = None
    log: dagger.File | None = None
    ran: bool = True


def never_cached(container: dagger.Container) -> dagger.Container:
    """Have what follows run even if it ran before: a value that no run has had."""
    return container.with_env_variable("MODELWAY_RUN", uuid.uuid4().hex)


async def run_stage(
    stage: str, container: dagger.Container, argv: list[str], *, leaves_report: bool = False
) -> Outcome:
    """Run a command of modelway and collect what came of it; nothing is raised for its exit code.

    Args:
        stage: the command.
        container: where it runs.
        argv: it and its arguments.
        leaves_report: whether what it wrote is kept whatever its exit code; of a container that is never cached.
    """
    script = _RUN_LEAVING if leaves_report else _RUN
    done = await _run(stage, container, [script, "modelway", "python", "-m", "modelway", *argv])
    if isinstance(done, Outcome):
        return done
    out = done.directory(OUT)
    code = int(await out.file("exit_code").contents())
    stdout = await done.stdout() if code or "--json" in argv else ""
    said = _last_lines(f"{stdout}\n{await done.stderr()}") if code else ""
    return Outcome(stage, code, stdout, said, await by_content(out, "artifact/"))


async def run_part(part: str, container: dagger.Container, argv: list[str]) -> Outcome:
    """The same for a part of `ci`: its log is kept, and nothing follows from its artifact."""
    done = await _run(part, container, [_RUN_PART, "modelway", "python", "-m", "modelway", *argv])
    if isinstance(done, Outcome):
        return done
    out = done.directory(OUT)
    code, log = int(await out.file("exit_code").contents()), out.file("log")
    artifact = out.directory("artifact") if await out.exists("artifact") else None
    said = "" if artifact is not None else _last_lines(await log.contents())
    return Outcome(part, code, said=said, artifact=artifact, log=log)


async def look_up(stage: str, container: dagger.Container, argv: list[str], path: str) -> dagger.File | Outcome:
    """Have a command of modelway write a file, each time anew; gives it, or how the command ended if it wrote none."""
    script = f'"$@" || [ -e {path} ]'
    done = await _run(stage, never_cached(container), [script, "modelway", "python", "-m", "modelway", *argv])
    if isinstance(done, Outcome):
        return done
    # As `by_content`: a file of a directory is named by what it holds, one of a container by the run.
    return (await dag.directory().with_file("file", done.file(path)).sync()).file("file")


async def _run(stage: str, container: dagger.Container, script: list[str]) -> dagger.Container | Outcome:
    try:
        # What is synced is known by its id from then on; a lazy object is asked for anew, all of it, at each question.
        return await container.with_exec(["sh", "-c", *script]).sync()
    except dagger.ExecError as error:
        return _failed(stage, error)


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
        said = f"its container can't be made: {command} ended with {error.exit_code}\n{said}"
        return Outcome(stage, OUTSIDE_FAILED, said=said, ran=False)
    if error.exit_code == KILLED:
        said = f"{said}\nkilled; most often for want of memory".strip()
    return Outcome(stage, error.exit_code, said=said, ran=error.exit_code != KILLED)


def _last_lines(text: str) -> str:
    return "\n".join([line for line in text.splitlines() if line.strip()][-_LAST_LINES:])
