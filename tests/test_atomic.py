"""What is written is there whole or not at all, whatever a killed process left, and for its owner alone."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelway import atomic
from modelway.adopt.writing import write_all
from modelway.artifacts import read_manifest, write_artifact
from modelway.storage import write_bytes


@contextmanager
def running(action: Callable[[Callable[[], None]], object]) -> Iterator[int]:
    """Run something in another process, which comes to a point and stays there; gives its number."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:

        def stay() -> None:
            os.write(tell, b"x")
            time.sleep(600)

        try:
            action(stay)
        finally:
            os._exit(0)
    os.close(tell)
    try:
        assert os.read(ready, 1) == b"x"
        yield child
    finally:
        os.close(ready)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def write(target: Path, text: str) -> None:
    with write_artifact(target, "toy") as directory:
        (directory / "part").mkdir()
        (directory / "part" / "file.txt").write_text(text)


def read(target: Path) -> str:
    read_manifest(target, "toy")
    return (target / "part" / "file.txt").read_text()


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


class TestWhatRuns:
    def test_is_left_alone(self, tmp_path: Path) -> None:
        def hold(stay: Callable[[], None]) -> None:
            with atomic.temporary_file(tmp_path / "a"), write_artifact(tmp_path / "out", "toy") as directory:
                (directory / "half").write_text("x")
                stay()

        with running(hold):
            before = names(tmp_path)
            assert len(before) == 2
            atomic.sweep(tmp_path)
            write_bytes(str(tmp_path / "a"), b"mine")
            write(tmp_path / "out", "mine")
            assert names(tmp_path) == before | {"a", "out"}
            assert any(path.name == "half" for path in tmp_path.rglob("*"))
        write_bytes(str(tmp_path / "a"), b"mine")
        assert names(tmp_path) == {"a", "out"}

    def test_is_waited_for_by_a_reader_while_it_replaces(self, tmp_path: Path) -> None:
        target = tmp_path / "out"
        write(target, "old")

        real = Path.rename

        def rename(path: Path, to: Path) -> Path:
            if to == target:
                os.kill(os.getpid(), signal.SIGSTOP)
            return real(path, to)

        child = os.fork()
        if child == 0:
            try:
                Path.rename = rename  # type: ignore[method-assign]
                write(target, "new")
            finally:
                os._exit(0)
        os.waitpid(child, os.WUNTRACED)
        try:
            assert not target.exists()
            threading.Timer(0.3, os.kill, (child, signal.SIGCONT)).start()
            assert read(target) == "new"
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)

    def test_of_two_that_replace_at_once_the_last_one_stays(self, tmp_path: Path) -> None:
        target = tmp_path / "out"
        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, target, str(number % 4)) for number in range(80)]
            while not all(writer.done() for writer in writers):
                atomic.sweep(tmp_path)
        for writer in writers:
            writer.result()
        assert read(target) in {"0", "1", "2", "3"}
        assert names(tmp_path) == {"out"}

    def test_is_never_swept_while_it_is_made(self, tmp_path: Path) -> None:
        done = threading.Event()

        def sweeps() -> None:
            while not done.is_set():
                atomic.sweep(tmp_path)

        sweepers = [threading.Thread(target=sweeps) for _ in range(2)]
        for thread in sweepers:
            thread.start()
        try:
            for _ in range(60):
                with atomic.temporary_file(tmp_path / "a") as file, atomic.temporary_directory(tmp_path / "b") as work:
                    assert file.exists()
                    (work.path / "x").write_text("x")
        finally:
            done.set()
            for thread in sweepers:
                thread.join()
        assert names(tmp_path) == set()


class TestOthers:
    @staticmethod
    def fill(directory: Path) -> None:
        with atomic.temporary_file(directory / "a"), atomic.temporary_directory(directory / "b"):
            os.kill(os.getpid(), signal.SIGKILL)

    @pytest.mark.parametrize(
        ("machine", "boot", "stays"),
        [
            ("another", "its boot", True),  # a host that shares the directory
            ("another", "", True),
            ("another", "ours", False),  # a container of this machine
            ("ours", "an earlier one", False),
            ("ours", "", False),
        ],
    )
    def test_leftovers_of_another_machine_stay(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, boot: str, stays: bool
    ) -> None:
        ours = {"machine": atomic.machine(), "boot": "the boot"}
        monkeypatch.setattr(atomic, "boot", lambda: ours["boot"])
        its = (ours["machine"] if machine == "ours" else machine, ours["boot"] if boot == "ours" else boot)
        with monkeypatch.context() as patched:
            patched.setattr(atomic, "machine", lambda: its[0])
            patched.setattr(atomic, "boot", lambda: its[1])
            child = os.fork()
            if child == 0:
                self.fill(tmp_path)
            os.waitpid(child, 0)
        assert len(names(tmp_path)) == 2
        for path in tmp_path.iterdir():
            os.utime(path, (0, 0))  # however old
        atomic.sweep(tmp_path)
        assert len(names(tmp_path)) == (2 if stays else 0)

    def test_a_machine_without_a_boots_name_is_not_every_machine(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(atomic, "boot", lambda: "")
        with monkeypatch.context() as patched:
            patched.setattr(atomic, "machine", lambda: "another")
            child = os.fork()
            if child == 0:
                self.fill(tmp_path)
            os.waitpid(child, 0)
        atomic.sweep(tmp_path)
        assert len(names(tmp_path)) == 2

    def test_files_of_another_user_stay(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        child = os.fork()
        if child == 0:
            self.fill(tmp_path)
        os.waitpid(child, 0)
        with monkeypatch.context() as patched:
            patched.setattr(os, "geteuid", lambda: os.getuid() + 1)
            atomic.sweep(tmp_path)
            assert len(names(tmp_path)) == 2
        atomic.sweep(tmp_path)
        assert names(tmp_path) == set()

    def test_other_names_and_links_stay(self, tmp_path: Path) -> None:
        (tmp_path / ".out.tmp").write_text("x")
        (tmp_path / ".model-artifacts.abc").mkdir()
        (tmp_path / "away").mkdir()
        link = tmp_path / atomic._temporary_name(".out", "work")
        link.symlink_to(tmp_path / "away")
        before = names(tmp_path)
        atomic.sweep(tmp_path)
        assert names(tmp_path) == before
        assert names(tmp_path / "away") == set()

    def test_what_was_replaced_and_then_removed_does_not_come_back(self, tmp_path: Path) -> None:
        root = tmp_path / atomic._temporary_name(".out", "work")
        (root / "old-0").mkdir(parents=True)
        (root / "lock").write_text("out")  # and no `new`: it took its place
        atomic.sweep(tmp_path)
        assert names(tmp_path) == set()

    def test_a_lock_of_a_file_that_was_swept_and_made_again_is_not_held(self, tmp_path: Path) -> None:
        path = tmp_path / "lock"
        with path.open("w") as swept:
            path.unlink()
            assert not atomic._hold(swept.fileno(), path)
            path.touch()
            assert not atomic._hold(swept.fileno(), path)
        with path.open() as held:
            assert atomic._hold(held.fileno(), path)

    def test_a_lock_whose_name_leads_elsewhere_moves_nothing(self, tmp_path: Path) -> None:
        inside = tmp_path / "inside"
        root = inside / atomic._temporary_name(".out", "work")
        (root / "new").mkdir(parents=True)
        (root / "old-0").mkdir()
        (root / "lock").write_text("../outside")
        atomic.sweep(inside)
        assert names(tmp_path) == {"inside"}
        assert names(inside) == set()


def test_scratch_of_a_killed_process_is_removed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic.tempfile, "tempdir", str(tmp_path))

    def hold(stay: Callable[[], None]) -> None:
        with atomic.scratch_directory() as directory:
            (directory / "customers.csv").write_text("x")
            stay()

    with running(hold), atomic.scratch_directory():
        assert len(names(tmp_path)) == 2
    with atomic.scratch_directory():
        assert len(names(tmp_path)) == 1
    assert names(tmp_path) == set()


def test_many_files_in_a_large_directory_are_swept_rarely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(400):
        (tmp_path / str(number)).touch()
    swept, real = [], atomic.sweep
    monkeypatch.setattr(atomic, "sweep", lambda directory: swept.append(directory) or real(directory))
    for _ in range(100):
        write_bytes(str(tmp_path / "x"), b"x")
    assert len(swept) == 2


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestModes:
    @pytest.fixture(autouse=True)
    def umask(self) -> Iterator[None]:
        before = os.umask(0o022)
        yield
        os.umask(before)

    def test_files_and_directories_are_for_their_owner_alone(self, tmp_path: Path) -> None:
        write_bytes(str(tmp_path / "a" / "b" / "file"), b"x")
        write(tmp_path / "a" / "out", "x")
        for path in tmp_path.rglob("*"):
            assert mode(path) == (0o700 if path.is_dir() else 0o600), path

    def test_programs_stay_programs_and_links_are_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "other").write_text("x")
        with write_artifact(tmp_path / "out", "toy") as directory:
            (directory / "tool").write_text("x")
            (directory / "tool").chmod(0o755)
            (directory / "link").symlink_to(tmp_path / "other")
        assert mode(tmp_path / "out" / "tool") == 0o700
        assert mode(tmp_path / "other") == 0o644

    def test_directories_that_are_there_stay_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "shared").mkdir(mode=0o755)
        write_bytes(str(tmp_path / "shared" / "file"), b"x")
        assert mode(tmp_path / "shared") == 0o755

    def test_a_group_may_read_below_a_directory_that_is_shared_with_it(self, tmp_path: Path) -> None:
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o2770)
        write_bytes(str(shared / "log" / "file"), b"x")
        write(shared / "out", "x")
        for path in shared.rglob("*"):
            assert mode(path) == (0o2750 if path.is_dir() else 0o640), path

    def test_a_users_own_project_is_as_the_umask_has_it(self, tmp_path: Path) -> None:
        write_all(tmp_path, {"new": "x"})
        assert mode(tmp_path / "new") == 0o644
