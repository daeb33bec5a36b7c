"""A registry's database that is away, silent or not there ends a command with 6 or 2; one that works, works."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import ModelwayError
from modelway.records.register import RegisterOptions
from modelway.registry import Registry
from modelway.registry.looking import look

from .conftest import LISTING, answer, dribble, hang, outcome, say, silent


def _find(uri: str, root: Path) -> object:
    return Registry(RegisterOptions(tracking_uri=uri), "loans", root).versions()


def _look(uri: str, root: Path) -> object:
    return look(RegisterOptions(tracking_uri=uri), "loans", root, None)


CALLS = {"find": _find, "look": _look}
DRIVERS = {"postgresql+psycopg2": "psycopg2", "postgresql+psycopg": "psycopg", "mysql+pymysql": "pymysql"}
WAYS = {
    "hangs": hang,
    "reads nothing": silent,
    "dribbles": dribble(b"R" * 9999),
    "closes": say(b""),
    "speaks HTTP": say(answer(LISTING)),
}


@pytest.mark.parametrize("scheme", DRIVERS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("way", WAYS)
def test_a_database_that_misbehaves_ends_with_6_and_its_name(
    start, short, tmp_path: Path, call: str, scheme: str, way: str
) -> None:
    pytest.importorskip(DRIVERS[scheme])
    server = start(WAYS[way])
    short()
    found = outcome(lambda: CALLS[call](f"{scheme}://me:s3cr%40et@{server.host}/mlflow", tmp_path))
    assert isinstance(found, ModelwayError), repr(found)
    assert found.exit_code == 6, found
    assert server.host in str(found)
    assert "s3cr" not in str(found)


@pytest.mark.parametrize("call", CALLS)
def test_a_database_that_nobody_serves_ends_at_once(tmp_path: Path, call: str) -> None:
    pytest.importorskip("psycopg2")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens
        host = f"127.0.0.1:{held.getsockname()[1]}"
        found = outcome(lambda: CALLS[call](f"postgresql+psycopg2://me@{host}/mlflow", tmp_path))
    assert isinstance(found, ModelwayError), repr(found)
    assert found.exit_code == 6
    assert host in str(found)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("mssql+pyodbc://me@host/x", "pyodbc"),
        ("mysql+no_such_driver://me@host/x", "driver"),
        ("postgresql://me:p@ss@host:port/x", "address of a database"),
        ("oracle://me@host/x", "neither"),
        ("redis://host", "neither"),
    ],
)
def test_an_address_that_can_not_be_used_ends_with_2(tmp_path: Path, call: str, uri: str, words: str) -> None:
    found = outcome(lambda: CALLS[call](uri, tmp_path))
    assert isinstance(found, ModelwayError), repr(found)
    assert found.exit_code == 2, found
    assert words in str(found)
    assert "p@ss" not in str(found)


@pytest.mark.parametrize("content", [b"not a database" * 99, b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_file_that_is_no_database_ends_with_6(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)
    for call in CALLS.values():
        found = outcome(lambda call=call: call("sqlite:///mlflow.db", tmp_path))
        assert isinstance(found, ModelwayError), repr(found)
        assert found.exit_code == 6


@pytest.fixture
def postgres() -> Iterator[tuple[str, int]]:
    """A PostgreSQL server: its address and its process."""
    if shutil.which("initdb") is None:
        pytest.skip("there is no PostgreSQL here")
    pytest.importorskip("psycopg2")
    folder = Path(tempfile.mkdtemp(prefix="modelway-pg-"))
    who: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        try:
            shutil.chown(folder, "postgres")
        except LookupError:
            pytest.skip("there is no user for PostgreSQL here")
        who = {"user": "postgres", "cwd": folder}
    data, port = folder / "data", free_port()
    subprocess.run(
        ["initdb", "-D", str(data), "-U", "me", "-A", "trust", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        **who,
    )
    control = ["pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log")]
    flags = ["-o", f"-p {port} -h 127.0.0.1 -k {folder} -F"]
    subprocess.run([*control, *flags, "start"], check=True, stdout=subprocess.DEVNULL, **who)
    first = int((data / "postmaster.pid").read_text().splitlines()[0])
    try:
        yield f"postgresql+psycopg2://me@127.0.0.1:{port}/postgres", first
    finally:
        _signal([first, *_children(first)], signal.SIGCONT)
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, **who)
        shutil.rmtree(folder)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _signal(numbers: list[int], sent: signal.Signals) -> None:
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):  # a server's own short helper
            os.kill(number, sent)


def _children(parent: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@pytest.mark.slow
def test_a_server_that_is_stopped_ends_calls_with_6_and_goes_on_later(
    postgres: tuple[str, int], short, tmp_path: Path
) -> None:
    uri, first = postgres
    registry = Registry(RegisterOptions(tracking_uri=uri), "loans", tmp_path)
    assert registry.versions() == []
    assert look(RegisterOptions(tracking_uri=uri), "loans", tmp_path, None).versions == 0
    stopped = [first, *_children(first)]
    _signal(stopped, signal.SIGSTOP)
    short()
    for call in (registry.versions, lambda: _find(uri, tmp_path), lambda: _look(uri, tmp_path)):
        found = outcome(call)
        assert isinstance(found, ModelwayError), repr(found)
        assert found.exit_code == 6
        assert "127.0.0.1" in str(found)
    _signal(stopped, signal.SIGCONT)
    assert _find(uri, tmp_path) == []
