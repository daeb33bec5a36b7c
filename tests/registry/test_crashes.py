"""Interruptions, races, locks and moved directories: nothing is lost, nothing is half there."""

from __future__ import annotations

import fcntl
import multiprocessing
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelway.errors import OutsideError
from modelway.records.register import Alias, RegisterOptions
from modelway.registry import Registry

if TYPE_CHECKING:
    from tests.registry.conftest import MakeTrained

BOTH = (Alias.CHAMPION, Alias.CHALLENGER)


def statuses(registry: Registry) -> list[str]:
    with registry._calls() as client:
        experiment = client.get_experiment_by_name("loans")
        return sorted(run.info.status for run in client.search_runs([experiment.experiment_id]))


def test_register_that_a_person_interrupts_leaves_a_failed_run_and_completes_when_repeated(
    registry: Registry, trained: MakeTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("modelway.registry.registry.log_files", interrupt)
        with pytest.raises(KeyboardInterrupt):
            registry.register(trained(1))
    assert registry.versions() == []
    assert statuses(registry) == ["FAILED"]
    assert registry.register(trained(1)).created
    assert statuses(registry) == ["FAILED", "FINISHED"]


def test_an_older_version_does_not_become_challenger_again(registry: Registry, trained: MakeTrained) -> None:
    registry.register(trained(1))
    registry.register(trained(2))
    registry.register(trained(1))
    assert registry.get("challenger").number == 2


def register_one(root: Path, directory: Path) -> None:
    # On a busy machine the last of twenty waits for minutes.
    Registry(RegisterOptions(), "loans", root, lock_seconds=1800).register(directory)


def register_at_once(context: str, root: Path, directories: list[Path]) -> list[int | None]:
    start = multiprocessing.get_context(context)
    processes = [start.Process(target=register_one, args=(root, directory)) for directory in directories]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def check_complete(root: Path, count: int) -> None:
    found = Registry(RegisterOptions(), "loans", root).versions()
    assert [version.number for version in found] == list(range(1, count + 1))
    assert len({version.model_digest for version in found}) == count
    assert [version.number for version in found if Alias.CHAMPION in version.aliases] == [1]
    assert [version.number for version in found if Alias.CHALLENGER in version.aliases] == [count]


def test_processes_that_register_at_once_lose_nothing(trained: MakeTrained, tmp_path: Path) -> None:
    import mlflow  # noqa: F401 - imported before the fork, so that four processes need not

    root = tmp_path / "new"
    root.mkdir()
    assert register_at_once("fork", root, [trained(seed) for seed in range(4)]) == [0] * 4
    check_complete(root, 4)
    assert {path.name for path in root.iterdir()} == {"mlflow.db", "mlartifacts", ".modelway"}


@pytest.mark.slow
def test_twenty_processes_that_register_at_once_lose_nothing(trained: MakeTrained, tmp_path: Path) -> None:
    root = tmp_path / "new"
    root.mkdir()
    assert register_at_once("spawn", root, [trained(seed) for seed in range(20)]) == [0] * 20
    check_complete(root, 20)


def test_threads_that_register_one_model_at_once_register_it_once(root: Path, trained: MakeTrained) -> None:
    directory = trained(1)
    created: list[bool] = []

    def register() -> None:
        created.append(Registry(RegisterOptions(), "loans", root).register(directory).created)

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == [False, False, False, True]
    assert len(list((root / "mlartifacts").iterdir())) == 1


@pytest.mark.parametrize("act", ["register", "promote"])
def test_a_lock_that_is_held_too_long_is_an_outside_error(root: Path, trained: MakeTrained, act: str) -> None:
    registry = Registry(RegisterOptions(), "loans", root, lock_seconds=0.2)
    registry.register(trained(1))
    with (root / ".modelway" / "registry.lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OutsideError, match="another process"):
            registry.register(trained(2)) if act == "register" else registry.promote("1")
    assert len(registry.versions()) == 1


def test_a_database_that_is_locked_is_an_outside_error(
    root: Path, trained: MakeTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelway.registry.location.BUSY_SECONDS", 0.1)
    other = sqlite3.connect(root / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(OutsideError, match="locked"):
        Registry(RegisterOptions(), "loans", root).register(trained(1))
    other.close()


def test_a_torn_database_is_an_outside_error(root: Path, trained: MakeTrained) -> None:
    whole = (root / "mlflow.db").read_bytes()
    for content in (b"no database" * 100, whole[: len(whole) // 3]):
        (root / "mlflow.db").write_bytes(content)
        with pytest.raises(OutsideError, match="Restore it from a copy"):
            Registry(RegisterOptions(), "loans", root).register(trained(1))
        assert (root / "mlflow.db").read_bytes() == content


def test_a_database_of_another_version_of_mlflow_says_how_to_upgrade(root: Path, trained: MakeTrained) -> None:
    with sqlite3.connect(root / "mlflow.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    with pytest.raises(OutsideError, match="mlflow db upgrade sqlite:///"):
        Registry(RegisterOptions(), "loans", root).register(trained(1))


def test_a_database_that_cannot_be_opened_is_told_before_mlflow_tries_for_minutes(
    root: Path, trained: MakeTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(**options: object) -> None:
        raise AssertionError("mlflow was asked")

    monkeypatch.setattr("mlflow.MlflowClient", ask)
    with pytest.raises(OutsideError, match="unable to open"):
        Registry(RegisterOptions(tracking_uri="sqlite:///."), "loans", root).register(trained(1))


def test_a_place_that_is_no_directory_is_an_outside_error(trained: MakeTrained, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = RegisterOptions(tracking_uri="sqlite:///file/mlflow.db")
    with pytest.raises(OutsideError):
        Registry(options, "loans", tmp_path).register(trained(1))


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_a_registry_goes_on_where_its_directory_is_now(
    root: Path, trained: MakeTrained, tmp_path: Path, move: object
) -> None:
    Registry(RegisterOptions(), "loans", root).register(trained(1))
    moved, out = tmp_path / "now here", tmp_path / "out"
    out.mkdir()
    move(root, moved)  # type: ignore[operator]
    if root.exists():
        shutil.rmtree(root / "mlartifacts")
    registry = Registry(RegisterOptions(), "loans", moved)
    assert registry.download("champion", out).number == 1
    registry.register(trained(2))
    assert len(list((moved / "mlartifacts").iterdir())) == 2
    assert not (root / "mlartifacts").exists()
