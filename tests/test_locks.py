"""One process at a time, by a file."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from modelway.errors import OutsideError
from modelway.locks import locked


def test_locked_while_held_says_by_whom(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with locked(path, "x"), pytest.raises(OutsideError) as error, locked(path, "x", 0):
        pass
    assert f"(process {os.getpid()} on {socket.gethostname()})" in error.value.what
    assert error.value.remedy
    with locked(path, "x", 0):  # let go
        pass


def test_locked_by_a_file_that_says_nothing_is_refused_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with locked(path, "x"):
        path.write_bytes(b"\xff")
        with pytest.raises(OutsideError, match="more than 0 s\n"), locked(path, "x", 0):
            pass
