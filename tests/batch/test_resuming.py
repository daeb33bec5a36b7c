"""A run that is killed and started again: no row lost, none twice, the same bytes as an uninterrupted one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from modelway.data.sample import write_sample
from modelway.errors import OutsideError
from modelway.locks import locked

DRIVER = """
import os, signal, sys
from pathlib import Path
import psutil
from modelway.batch.run import Request, run_batch
from modelway.batch import cutting, text
cutting.UNIT_BYTES, cutting.BLOCK, text.BLOCK = 96 << 10, 16 << 10, 16 << 10
from modelway.records.batch import BatchOptions
from modelway.records.data import DataOptions, S3Options
source, bundle, output, most = sys.argv[1:5]
parts = 0
def kill_after_so_many(*_):
    # Progress is reported once a part.
    global parts
    parts += 1
    if parts == int(most):
        print(*[child.pid for child in psutil.Process().children()], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
request = Request(
    options=BatchOptions(memory="2GB", workers=2, max_rejects=5, slices=("purpose",)),
    source=DataOptions(uri=source), bundle=Path(bundle), output=output, run="one", now="2026-11-26T02:00:00+00:00",
    keys=(), s3=S3Options(),
)
error = run_batch(request, kill_after_so_many).error
sys.exit(str(error) if error else 0)
"""


@pytest.fixture(scope="session")
def many(tmp_path_factory) -> Path:
    """Rows enough for a dozen units, one of them refused."""
    path = write_sample(tmp_path_factory.mktemp("many"), rows=12_000, seed=5)
    lines = path.read_text().splitlines(keepends=True)
    lines[7000] = lines[7000].replace(lines[7000].split(",")[1], "old", 1)
    path.write_text("".join(lines))
    return path


def start(source: Path, bundle: Path, output: Path, kill_after: int = 0) -> subprocess.Popen[str]:
    """Start a run; after so many parts it prints its workers and kills itself, never for 0."""
    argv = [sys.executable, "-c", DRIVER, str(source), str(bundle), str(output), str(kill_after)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE if kill_after else None, text=True)


def test_predictions_are_for_their_owner_alone(many: Path, bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "scored"
    assert start(many, bundle, output).wait(300) == 0
    assert published(output)
    for path in [output, *output.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def published(output: str | Path) -> dict[str, bytes]:
    root = Path(output) / "one"
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != "timings.json" and "_run" not in path.parts
    }


@pytest.fixture(scope="session")
def uninterrupted(many, bundle, tmp_path_factory) -> dict[str, bytes]:
    output = tmp_path_factory.mktemp("whole")
    assert start(many, bundle, output).wait(300) == 0
    return published(output)


def gone(pids: list[int], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def kill(many: Path, bundle: Path, output: Path, parts: int) -> None:
    """Let a run die once so many parts are there; its workers die with it."""
    process = start(many, bundle, output, parts)
    workers, _ = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    assert workers.split()
    assert gone([int(one) for one in workers.split()]), "workers outlive their parent"
    assert len(list((output / "one" / "_run").glob("part-*"))) >= parts
    assert not (output / "one" / "_SUCCESS").exists()


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 2, 5, 7, 10])
def test_a_killed_run_goes_on_and_writes_the_same_bytes(many, bundle, uninterrupted, tmp_path, parts) -> None:
    kill(many, bundle, tmp_path, parts)
    assert start(many, bundle, tmp_path).wait(300) == 0
    assert published(tmp_path) == uninterrupted


def test_workers_die_with_their_parent(many, bundle, tmp_path) -> None:
    process = start(many, bundle, tmp_path)
    deadline = time.monotonic() + 300
    while not (children := psutil.Process(process.pid).children()):
        assert process.poll() is None, "the run was over before it had a worker"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert gone([child.pid for child in children])


def test_a_run_that_lost_its_mark_is_scored_again_to_the_same_bytes(runs, loans) -> None:
    runs.done(loans)
    whole = runs.files()
    (runs.folder() / "_SUCCESS").unlink()
    assert runs.done(loans).fresh
    assert runs.files() == whole


def test_a_part_that_was_harmed_is_made_again_and_no_other(many, bundle, uninterrupted, tmp_path) -> None:
    kill(many, bundle, tmp_path, 4)
    recorded = {path.stem for path in (tmp_path / "one" / "_run").glob("part-*")}
    parts = sorted(path for path in (tmp_path / "one" / "predictions").glob("part-*") if path.stem in recorded)
    content = bytearray(parts[0].read_bytes())
    content[len(content) // 2] ^= 1  # as long as before: only its digest says that it is another one
    parts[0].write_bytes(content)
    parts[1].unlink()
    untouched = {path: path.stat().st_mtime_ns for path in parts[2:]}
    assert len(untouched) >= 2
    (tmp_path / "one" / "predictions" / ".part-00009.parquet.1.part").write_bytes(b"half")
    assert start(many, bundle, tmp_path).wait(300) == 0
    assert published(tmp_path) == uninterrupted
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched


def test_only_one_process_works_on_a_run(runs, loans) -> None:
    with (
        locked(runs.folder() / "_run" / "lock", "the run"),
        pytest.raises(OutsideError, match="another process has held the run"),
    ):
        runs(loans)
