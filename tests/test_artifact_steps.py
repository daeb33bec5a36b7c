"""Artifact directories and files with each step of their writing failing: the old or the new is there whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway import atomic
from modelway.artifacts import read_manifest, write_artifact
from modelway.deploy.local.files import Files
from modelway.errors import InputError
from tests.every_step import Failing, Fault, Operation, killed
from tests.stores import name_of


def _write(root: Path, text: str = "new") -> None:
    with write_artifact(root / "out", "toy") as directory:
        (directory / "part").mkdir()
        (directory / "part" / "file.txt").write_text(text)


def _read(root: Path) -> str | None:
    """What a reader finds; None where no artifact is."""
    try:
        read_manifest(root / "out", "toy")
    except InputError:
        if (root / "out").exists():
            raise
        return None
    return (root / "out" / "part" / "file.txt").read_text()


def _is_new_or_missing(root: Path, done: bool) -> None:
    assert _read(root) in {"new", *(() if done else (None,))}


def _over_another(fault: Fault = Fault.BROKEN) -> Operation:
    def check(root: Path, done: bool) -> None:
        assert fault is Fault.KILLED or (root / "out").exists(), "the old one was not put back"
        assert _read(root) in {"new", *(() if done else ("old",))}

    return Operation(lambda root: _write(root, "old"), _write, check, place=name_of, at_least=10, tidy=True)


@pytest.mark.parametrize("fault", Fault)
def test_write_artifact_over_another_with_each_step_failing_keeps_one_whole(tmp_path: Path, fault: Fault) -> None:
    _over_another(fault).with_each_step(tmp_path, fault)


@pytest.mark.parametrize("fault", Fault)
def test_write_artifact_with_each_step_failing_leaves_a_whole_one_or_none(tmp_path: Path, fault: Fault) -> None:
    Operation(lambda _: None, _write, _is_new_or_missing, place=name_of, at_least=10, tidy=True).with_each_step(
        tmp_path, fault
    )


def test_sweep_killed_at_each_step_brings_the_old_artifact_back(tmp_path: Path) -> None:
    steps = _over_another().with_each_step(tmp_path / "steps", Fault.BROKEN)
    second = [at for at, name in enumerate(steps) if name == "rename"][1]

    def die_between_the_renames(root: Path) -> None:
        _write(root, "old")
        assert killed(lambda: _write(root), Failing(str(root), second, Fault.KILLED))
        assert not (root / "out").exists()

    def check(root: Path, done: bool) -> None:
        assert _read(root) == "old"

    operation = Operation(die_between_the_renames, atomic.sweep, check)
    operation.with_each_step(tmp_path / "swept", Fault.KILLED)


@pytest.mark.parametrize("fault", Fault)
def test_local_deployment_state_with_each_step_failing_is_the_old_or_the_new(tmp_path: Path, fault: Fault) -> None:
    def check(root: Path, done: bool) -> None:
        assert Files(root).read("file") in [{"text": "new"}, *(() if done else ({"text": "old"},))]

    def write(root: Path, text: str) -> None:
        Files(root).write("file", {"text": text})

    errors = (OSError,)  # the target that keeps the state reports it
    Operation(
        lambda root: write(root, "old"), lambda root: write(root, "new"), check, errors=errors, tidy=True
    ).with_each_step(tmp_path, fault)
