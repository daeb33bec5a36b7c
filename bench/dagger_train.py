"""`dagger call train` on an engine: seconds and executed steps, cold, warm, and after each kind of change.

Cold means that no layer of packages is there (each lock has a line that no engine has seen), while the base images and
the downloads of the package cache are; what a fresh machine adds to that is its network.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "ci"))

import seed_scheme  # noqa: E402
from records import at_most, record, record_rounds  # noqa: E402

from engine_check import Found, find  # noqa: E402 - ci/ is no package

SENT = ("dagger.json", "requirements.lock", "modelway.yaml", "src", "ci")
LOCKS = ("prepare", "fit", "evaluate", "register")
RUNS = 3
ANEW = {"cold", "one line of fit's lock"}
"""What the usual scheme has to download for: its cache has the lock for a key."""
SPARED = {"one test"}
"""What does not start a training there."""
BOUND = 2.0
FLOOR = "dagger functions"
_BEGAN = re.compile(r"^(\d+) +: [┆ ]*withExec ", re.M)
_CACHED = re.compile(r"^(\d+) +: [┆ ]*Container\.withExec CACHED", re.M)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Call:
    """One call of the CLI.

    Attributes:
        seconds: from the shell and back.
        executed: container steps that did not come from the cache.
    """

    seconds: float
    executed: int


def call(found: Found, project: Path, *words: str) -> Call:
    """Call dagger in the project; raises `RuntimeError` with the log's end when it fails."""
    command = [str(found.cli), *words]
    begin = time.perf_counter()
    done = subprocess.run(
        command, cwd=project, env=found.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    seconds = time.perf_counter() - begin
    log = _COLOUR.sub("", done.stdout.decode())
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{log[-2000:]}")
    return Call(seconds, len(set(_BEGAN.findall(log)) - set(_CACHED.findall(log))))


def copy_project(folder: Path) -> None:
    """What the engine is sent, with the sample's data and a name that no registry knows."""
    for name in SENT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "sdk"))
        else:
            shutil.copyfile(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run([sys.executable, "-m", "modelway", "sample", "--output", str(folder / "data")], check=True)
    settings = folder / "modelway.yaml"
    settings.write_text(settings.read_text().replace("name: loans", f"name: bench-{uuid.uuid4().hex[:8]}"))


def touch(path: Path) -> None:
    """Begin a file with a line that no engine has seen."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# {uuid.uuid4()}\n" + (path.read_text() if path.exists() else ""))


def change_gate(project: Path) -> None:
    """Lower a gate by a little."""
    path = project / "modelway.yaml"
    bound = 0.6 + uuid.uuid4().int % 10**6 / 10**8
    path.write_text(re.sub(r"minimum: \{roc_auc: [0-9.]+\}", f"minimum: {{roc_auc: {bound}}}", path.read_text()))


CHANGES = {
    "one test": lambda project: touch(project / "tests" / "test_new.py"),
    "one source file (report)": lambda project: touch(project / "src" / "modelway" / "report" / "formats.py"),
    "one source file (data)": lambda project: touch(project / "src" / "modelway" / "data" / "table.py"),
    "one line of fit's lock": lambda project: touch(project / "ci" / "locks" / "fit.lock"),
    "one gate": change_gate,
}


def measure() -> str:
    """Run the benchmark and give its lines of the results."""
    found = find()
    if not found.usable:
        return f"Not measured: {found}."
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        copy_project(project)
        train = ("--progress=plain", "call", "train", "export", "--path", str(project / "model-artifacts"))
        call(found, project, "functions")
        for lock in LOCKS:
            touch(project / "ci" / "locks" / f"{lock}.lock")
        rows = {"cold": call(found, project, *train), "champion there for the first time": call(found, project, *train)}
        pairs = [(call(found, project, *train), call(found, project, "functions")) for _ in range(RUNS)]
        warm, floors = (list(calls) for calls in zip(*pairs, strict=True))
        seconds = statistics.median(one.seconds for one in warm)
        rows["nothing changed"] = Call(seconds, max(one.executed for one in warm))
        for what, change in CHANGES.items():
            change(project)
            rows[what] = call(found, project, *train)
    floor = statistics.median(one.seconds for one in floors)
    ratio = statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)
    _record(rows, pairs)
    summary = f"The floor, `dagger functions`: {floor:.1f} s. Nothing changed costs {ratio:.2f} times as much"
    return "\n".join([*_table(found, rows), "", f"{summary}; bound {BOUND:g}."])


def _record(rows: dict[str, Call], pairs: list[tuple[Call, Call]]) -> None:
    for what, one in rows.items():
        record("dagger", "executed steps", one.executed, case=what)
        if what != "nothing changed":
            record("dagger", "seconds", one.seconds, "s", case=what)
    warm, floors = ([one.seconds for one in calls] for calls in zip(*pairs, strict=True))
    record_rounds("dagger", "seconds", warm, "s", case="nothing changed")
    record_rounds("dagger", "seconds", floors, "s", case="nothing changed", way=FLOOR)
    ratios = [ours / floor for ours, floor in zip(warm, floors, strict=True)]
    record_rounds(
        "dagger", "ratio of seconds, modelway to peer", ratios, case="nothing changed", way=FLOOR, aim=at_most(BOUND)
    )


def _table(found: Found, rows: dict[str, Call]) -> list[str]:
    """The calls, and beside each the job of the usual scheme that the same change starts."""
    fresh, cached = seed_scheme.measure()
    jobs = {what: fresh if what in ANEW else cached for what in rows if what not in SPARED}
    lines = [
        f"`dagger call train` on the sample, {found.version}; medians of {RUNS} where nothing changed. Beside it the",
        "job of `bench/seed_scheme.py`: a new environment with the same packages, then a bare script. A test does not",
        "start it; after a change of the lock it has to download.",
        "",
        "| changed since the call before | seconds | steps | job: seconds | installing | MB installed | MB restored |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, one in rows.items():
        if what in jobs:
            _record_job(what, jobs[what])
        ours = f"| {what} | {one.seconds:.1f} | {one.executed} |"
        lines.append(f"{ours} {_words(jobs[what])} |" if what in jobs else f"{ours} - | - | - | - |")
    return lines


def _record_job(case: str, job: seed_scheme.Job) -> None:
    for what, value, unit in (
        ("seconds", job.seconds, "s"),
        ("seconds of installing", job.installing, "s"),
        ("installed", job.written / 1e6, "MB"),
        ("restored", job.restored / 1e6, "MB"),
    ):
        record("dagger", what, value, unit, case=case, way="usual workflow scheme")


def _words(job: seed_scheme.Job) -> str:
    sizes = f"{job.written / 1e6:.0f} | {job.restored / 1e6:.0f}"
    return f"{job.seconds:.1f} | {job.installing:.1f} | {sizes}"


if __name__ == "__main__":
    print(measure())
