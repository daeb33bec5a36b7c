"""A run that is killed and started again: no row lost, none twice, the same bytes as an uninterrupted one."""

from __future__ import annotations

import os
import random
import shutil
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
import sys
from pathlib import Path
from modelway.batch.run import Request, run_batch
import modelway.batch.cutting as cutting
cutting.UNIT_BYTES, cutting.BLOCK = 128 << 10, 32 << 10
from modelway.records.batch import BatchOptions
from modelway.records.data import DataOptions, S3Options
source, bundle, output = sys.argv[1:4]
request = Request(
    options=BatchOptions(memory="2GB", workers=2, max_rejects=5, slices=("purpose",)),
    source=DataOptions(uri=source), bundle=Path(bundle), output=output, run="one", now="2026-11-26T02:00:00+00:00",
    keys=(), s3=S3Options(),
)
error = run_batch(request).error
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


def start(source: Path, bundle: Path, output: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", DRIVER, str(source), str(bundle), output])


def test_predictions_are_for_their_owner_alone(many: Path, bundle: Path, tmp_path: Path) -> None:
    output = tmp_path / "scored"
    assert start(many, bundle, str(output)).wait() == 0
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
    assert start(many, bundle, str(output)).wait(300) == 0
    return published(output)


def wait_for_parts(output: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while len(list((output / "one" / "_run").glob("part-*"))) < count and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pids: list[int], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        alive = [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
        if not alive:
            return True
        time.sleep(0.05)
    return False


def kill_and_finish(many: Path, bundle: Path, output: Path, parts: int) -> dict[str, bytes]:
    """Kill the run without warning once so many parts are there, then let it go on."""
    process = start(many, bundle, str(output))
    wait_for_parts(output, parts, process)
    children = [child.pid for child in psutil.Process(process.pid).children()] if process.poll() is None else []
    process.kill()
    process.wait()
    assert gone(children), "workers outlive their parent"
    assert start(many, bundle, str(output)).wait(300) == 0
    return published(output)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_a_killed_run_goes_on_and_writes_the_same_bytes(many, bundle, uninterrupted, tmp_path, seed) -> None:
    process_parts = random.Random(seed).randrange(0, 8)
    assert kill_and_finish(many, bundle, tmp_path, process_parts) == uninterrupted


def test_workers_die_with_their_parent(many, bundle, tmp_path) -> None:
    process = start(many, bundle, str(tmp_path))
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


def test_a_part_that_was_harmed_is_made_again(many, bundle, uninterrupted, tmp_path) -> None:
    process = start(many, bundle, str(tmp_path))
    wait_for_parts(tmp_path, 3, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if (tmp_path / "one" / "_SUCCESS").exists():
        pytest.skip("the run was faster than the kill")
    parts = sorted((tmp_path / "one" / "predictions").glob("part-*"))
    parts[0].write_bytes(parts[0].read_bytes()[:-10])
    parts[1].unlink()
    untouched = {path: path.stat().st_mtime_ns for path in parts[2:3]}
    (tmp_path / "one" / "predictions" / ".part-00009.parquet.1.part").write_bytes(b"half")
    assert start(many, bundle, str(tmp_path)).wait(300) == 0
    assert published(tmp_path) == uninterrupted
    assert {path: path.stat().st_mtime_ns for path in untouched} == untouched


def test_only_one_process_works_on_a_run(runs, loans) -> None:
    with (
        locked(runs.folder() / "_run" / "lock", "the run"),
        pytest.raises(OutsideError, match="another process has held the run"),
    ):
        runs(loans)


def test_a_worker_that_is_killed_ends_the_run_with_6(many, bundle, uninterrupted, tmp_path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(many), str(bundle), str(tmp_path)], stderr=subprocess.PIPE, text=True
    )
    wait_for_parts(tmp_path, 1, process)
    children = psutil.Process(process.pid).children()
    if not children:
        pytest.skip("the run was faster than the kill")
    os.kill(children[0].pid, signal.SIGKILL)
    said = process.communicate(timeout=300)[1]
    if process.returncode == 0:  # that worker had done its share, and was on its way out
        assert published(tmp_path) == uninterrupted
        return
    assert "ended by signal 9" in said
    assert not (tmp_path / "one" / "_SUCCESS").exists()
    shutil.rmtree(tmp_path / "one")
