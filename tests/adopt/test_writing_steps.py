"""The files of a user's project with each step of their writing failing: all of them or none."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from modelway.adopt.writing import write_all
from tests.every_step import Fault, Operation
from tests.stores import name_of

NEW = {"first": "1", "a/b": "2", "a/c/d": "3"}
REPLACED = {"settings": "after " * 50, "other": "after " * 50}
BEFORE = dict.fromkeys(REPLACED, "before " * 50)


def _start(root: Path) -> None:
    for name, text in BEFORE.items():
        (root / name).write_text(text)
        (root / name).chmod(0o640)


def _run(root: Path) -> None:
    """Write what a killed run did not, as `init` plans it from what is there."""
    write_all(root, {name: text for name, text in NEW.items() if not (root / name).exists()}, REPLACED, NEW)


def _no_link(source: Path, target: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("fault", Fault)
def test_write_all_with_each_step_failing_writes_all_or_nothing(tmp_path: Path, fault: Fault) -> None:
    _operation(fault).with_each_step(tmp_path, fault)


# Without links, a process that is killed may leave an empty file: nothing else keeps a name from being taken twice.
@pytest.mark.parametrize("fault", [Fault.STAYS_FULL, Fault.BROKEN])
def test_write_all_without_links_with_each_step_failing_writes_all_or_nothing(
    tmp_path: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _no_link)
    _operation(fault).with_each_step(tmp_path, fault)


def _operation(fault: Fault) -> Operation:
    def check(root: Path, done: bool) -> None:
        found = {
            str(path.relative_to(root)): path.read_text()
            for path in root.rglob("*")
            if path.is_file() and path.suffix != ".part"
        }
        if fault is Fault.KILLED and not done:  # no two files are written at one moment
            assert all(found[name] in {BEFORE[name], REPLACED[name]} for name in REPLACED)
            assert all(found[name] == text for name, text in NEW.items() if name in found)
        else:
            assert found in [NEW | REPLACED, *(() if done else (BEFORE,))]
        assert {(root / name).stat().st_mode & 0o777 for name in BEFORE} == {0o640}

    return Operation(_start, _run, check, place=name_of, at_least=25, tidy=True)
