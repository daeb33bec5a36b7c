"""Tools are bounded in time and output, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from modelway.checks import streams
from modelway.checks import tools as room
from modelway.checks.tools import Interrupted, Tools, environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_both_streams_and_the_exit_code_are_kept(tmp_path: Path) -> None:
    with Tools() as tools:
        run = tools.run(["sh", "-c", "echo out; echo err >&2; pwd; exit 3"], tmp_path, timeout=60)
    assert (run.exit_code, run.stdout, run.stderr) == (3, f"out\n{tmp_path}\n", "err\n")
    assert run.problem is None


def test_no_shell_and_no_input(tmp_path: Path) -> None:
    with Tools() as tools:
        assert tools.run(["echo", "$HOME;", "*"], tmp_path, timeout=60).stdout == "$HOME; *\n"
        assert tools.run(["cat"], tmp_path, timeout=60).stdout == ""


def test_too_much_output_is_cut_and_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LIMIT", 2**20)
    with Tools() as tools:
        run = tools.run(["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; exit 1"], tmp_path, timeout=60)
    assert run.exit_code == 1
    assert len(run.stdout) < 2**20 + 100
    assert run.stdout.endswith("[cut after 1 MiB]\n")


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    with Tools() as tools:
        assert tools.run(["printf", "a\\377b"], tmp_path, timeout=60).stdout == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_the_time_is_bounded_for_the_whole_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: Callable[[int], bool], stubborn: str
) -> None:
    monkeypatch.setattr(room, "GRACE", 0.2)
    script = f"{stubborn}sleep 600 > /dev/null 2>&1 & echo $!; wait; sleep 600"
    with Tools() as tools:
        run = tools.run(["sh", "-c", script], tmp_path, timeout=0.5)
    assert run.exit_code is None
    assert run.problem == "sh did not end within 0.5 s and was stopped"
    assert ends(int(run.stdout))


def test_what_a_tool_leaves_behind_does_not_hold_us_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: Callable[[int], bool]
) -> None:
    monkeypatch.setattr(room, "_LINGER", 0.2)
    with Tools() as tools:
        run = tools.run(["sh", "-c", "sleep 600 & echo $!"], tmp_path, timeout=60)
    assert run.exit_code == 0
    assert ends(int(run.stdout))


def test_leaving_the_block_stops_what_other_threads_started(tmp_path: Path) -> None:
    started = threading.Event()
    runs = []
    with Tools() as tools:
        thread = threading.Thread(
            target=lambda: runs.append(
                tools.run(["sh", "-c", "echo up; sleep 600"], tmp_path, timeout=600, watch=lambda _: started.set())
            )
        )
        thread.start()
        assert started.wait(60)
    thread.join(60)
    assert runs[0].problem == "sh was ended by SIGTERM"
    assert "interrupted" in (tools.run(["true"], tmp_path, timeout=60).problem or "")


def test_an_interrupt_hands_over_what_there_is(tmp_path: Path) -> None:
    def interrupt(chunk: bytes) -> None:
        if chunk == b"up\n":
            os.kill(os.getpid(), signal.SIGINT)

    script = "trap 'echo last words; exit 7' INT; echo up; while :; do sleep 0.1; done"
    with Tools() as tools, pytest.raises(Interrupted) as caught:
        tools.run(["sh", "-c", script], tmp_path, timeout=600, politely=signal.SIGINT, watch=interrupt)
    assert caught.value.run.stdout == "up\nlast words\n"
    assert caught.value.run.exit_code is None


def test_what_cannot_be_started_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    (tmp_path / "text").chmod(0o755)
    with Tools() as tools:
        assert "can't be started" in (tools.run(["./text"], tmp_path, timeout=60).problem or "")
        assert tools.run(["./none"], tmp_path, timeout=60).missing
        assert tools.run(["no-such-tool"], tmp_path, timeout=60).missing
        assert tools.run([str(tmp_path)], tmp_path, timeout=60).missing


def test_the_environment_is_ours_but_for_what_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-x")
    monkeypatch.setenv("KEPT", "yes")
    with Tools() as tools:
        given = environment(("PYTEST_",), MORE="1")
        run = tools.run(["sh", "-c", "echo $PYTEST_ADDOPTS,$KEPT,$MORE"], tmp_path, timeout=60, environment=given)
    assert run.stdout == ",yes,1\n"
