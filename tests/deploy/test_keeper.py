"""The keeper of local servers, one turn at a time: its server's log, rests after a failure, and hand-overs."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.deploy.local import keeper as keeper_module
from modelway.deploy.local import target as target_module
from modelway.deploy.local.files import (
    KEEPER,
    LOG,
    NEXT,
    NEXT_SERVER,
    READY,
    REFUSED,
    SERVER,
    WANTED,
    WATCHED,
    Files,
    last_words,
)
from modelway.deploy.local.keeper import Keeper
from modelway.deploy.local.target import LocalTarget
from modelway.processes import start_of

LIMIT = 100


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(keeper_module, "_LARGEST_LOG", LIMIT)
    found: Any = Keeper(Files(tmp_path))
    found.rests = []
    found._ending = SimpleNamespace(wait=found.rests.append, is_set=lambda: False)
    return found


def test_log_of_a_server_that_runs_is_copied_and_grows_again_each_time(keeper: Any, tmp_path: Path) -> None:
    log, copy = tmp_path / LOG, tmp_path / "server.1.log"
    keeper._rotate()  # there is none yet
    with log.open("ab", buffering=0) as server:  # the server keeps it open
        for number in (b"1", b"2", b"3"):
            server.write(number * LIMIT)
            keeper._rotate()
            assert log.read_bytes() == number * LIMIT
            server.write(b"!")
            keeper._rotate()
            assert (log.read_bytes(), copy.read_bytes()) == (b"", number * LIMIT + b"!")
            keeper._rotate()
            assert copy.read_bytes() == number * LIMIT + b"!"
            server.write(b"more")
            assert log.read_bytes() == b"more"
            log.write_bytes(b"")
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("answered", "rests"),
    [
        ("------", [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]),
        ("--+--", [1.0, 2.0, 1.0, 2.0]),
        ("+++", []),
        ("r-", [1.0, 2.0]),
    ],
)
def test_server_that_ends_before_it_answered_rests_longer_each_time(
    keeper: Any, tmp_path: Path, answered: str, rests: list[float]
) -> None:
    """`+` it answered, `r` it said that it is refused, `-` it said nothing."""
    files, failures = Files(tmp_path), 0
    for number, how in enumerate(answered):
        if how != "-":
            files.write(READY, {"exit_code": 0 if how == "+" else 3})
        failures = 0 if how == "+" else failures + 1
        keeper._bury(number)
        assert files.read(WATCHED) == {"exit_code": number, "failures": failures}
        assert files.read(READY) == {}
    assert keeper.rests == rests


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ""),
        (b"short\n", "short"),
        (b"a" * 10, "a" * 10),
        (b"b" + b"a" * 10, "a" * 10),
        (b"x" * 50 + b"the end  \n", "the end"),
        (b"\xe4" + b"a" * 9, "\ufffd" + "a" * 9),
    ],
)
def test_last_words_are_the_end_of_the_log(tmp_path: Path, content: bytes, words: str) -> None:
    assert last_words(tmp_path / LOG) == ""
    (tmp_path / LOG).write_bytes(content)
    assert last_words(tmp_path / LOG, 10) == words


Child = subprocess.Popen[bytes]


@pytest.fixture
def start() -> Iterator[Callable[[], Child]]:
    """Start processes that stand in for servers, and end them."""
    children = []

    def run() -> Child:
        children.append(subprocess.Popen(["sleep", "600"]))
        return children[-1]

    yield run
    for child in children:
        child.kill()
        child.wait()


def test_hand_over_while_the_server_before_writes_its_number_down_waits_for_it(
    tmp_path: Path, start: Callable[[], Child]
) -> None:
    files, before, after = Files(tmp_path), start(), start()

    def note(name: str, child: Child) -> None:
        files.write(name, {"pid": child.pid, "started": start_of(child.pid)})

    keeper: Any = Keeper(files)
    wanted = {"argv": ["serve"]}
    keeper._child, keeper._next, keeper._next_wanted = before, after, wanted  # the one before was restarted just now
    files.write(NEXT, wanted)
    files.write(f".next-{READY}", {"exit_code": 0})
    note(NEXT_SERVER, after)
    assert not keeper._replace()
    assert not files.read(WANTED)
    note(SERVER, before)  # later, it would replace the number of the one that took over
    assert keeper._replace()
    assert files.process(SERVER) == after.pid
    assert files.read(WANTED) == wanted
    assert not files.read(NEXT)
    assert before.wait() == -signal.SIGTERM


def test_start_that_was_withdrawn_does_not_answer_the_same_request_made_again(
    tmp_path: Path, start: Callable[[], Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine may let the keeper notice the end of the withdrawn server after the next request for it."""
    files, withdrawn = Files(tmp_path), start()
    keeper: Any = Keeper(files)
    target = SimpleNamespace(_files=files, _launched=lambda _: {"argv": ["serve"]})
    asked: list[dict[str, Any]] = []

    def turn(_: float) -> None:
        """Let the keeper take its turn while the target waits; the second request is answered by a server."""
        asked.append(files.read(NEXT))
        if len(asked) == 1:
            keeper._next, keeper._next_wanted = withdrawn, asked[0]
            files.remove(NEXT)
            raise TimeoutError
        keeper._replace()
        assert not files.read(REFUSED)
        files.write(WANTED, files.read(NEXT))
        files.remove(NEXT)

    monkeypatch.setattr(target_module, "time", SimpleNamespace(sleep=turn, monotonic=lambda: 0.0))
    standing_in = start()
    files.write(KEEPER, {"pid": standing_in.pid, "started": start_of(standing_in.pid)})
    restart: Any = LocalTarget._restart
    with pytest.raises(TimeoutError):
        restart(target, {})
    withdrawn.terminate()
    withdrawn.wait()
    restart(target, {})
    assert [one["argv"] for one in asked] == [["serve"], ["serve"]]
