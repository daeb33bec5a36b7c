"""What goes between a worker and its shadow."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.serve.line import Frames, accept, connect, frame, listen

VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
MESSAGES = st.lists(st.lists(VALUES) | st.dictionaries(st.text(), st.lists(VALUES)), max_size=5)


@given(MESSAGES, st.data())
def test_messages_come_out_whole_wherever_their_bytes_are_cut(messages, data) -> None:
    content = b"".join(map(frame, messages))
    frames, found, start = Frames(), [], 0
    while start < len(content):
        size = data.draw(st.integers(1, len(content) - start))
        found += frames.take(content[start : start + size])
        start += size
    assert found == messages


@pytest.fixture(params=["in no directory", "in a directory, as on macOS"])
def listener(request, monkeypatch):
    if request.param != "in no directory":
        monkeypatch.setattr("modelway.serve.line._ABSTRACT", False)
    with listen() as found:
        yield found


def test_a_process_of_ours_is_heard(listener) -> None:
    with connect(listener.getsockname()) as end:
        connection = accept(listener)
        end.send(frame([1, "two"]))
        assert connection.receive() == [[1, "two"]]
        connection.send([3])
        end.setblocking(True)
        assert end.recv(100) == frame([3])
        end.shutdown(socket.SHUT_WR)
        assert connection.receive() is None
        connection.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_not() -> None:
    with listen() as listener:
        _call_as_nobody(listener)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_does_not_get_into_the_directory(monkeypatch) -> None:
    monkeypatch.setattr("modelway.serve.line._ABSTRACT", False)
    with listen() as listener:
        pid = os.fork()
        if not pid:
            os.setuid(65534)
            try:
                connect(listener.getsockname())
            except PermissionError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_the_directory_goes_when_the_process_ends() -> None:
    code = "from modelway.serve import line; line._ABSTRACT = False; print(line.listen().getsockname())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path = Path(done.stdout.strip())
    assert path.name == "line"
    assert not path.parent.exists()


def _call_as_nobody(listener) -> None:
    pid = os.fork()
    if not pid:
        os.setuid(65534)
        connect(listener.getsockname())
        os._exit(0)
    assert accept(listener) is None
    os.waitpid(pid, 0)
