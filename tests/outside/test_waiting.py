"""A call moves enough in each span of time, or ends; whoever waits is told whom for."""

from __future__ import annotations

import threading
import time

import pytest

from modelway import waiting
from modelway.waiting import (
    LEAST,
    SECONDS,
    VARIABLE,
    OverdueError,
    Wait,
    current,
    deadline,
    default_seconds,
    shown,
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(waiting.time, "monotonic", lambda: now[0])
    return now


class TestWait:
    def test_a_call_that_is_silent_is_over_after_its_seconds(self, clock: list[float]) -> None:
        bound = Wait("host:1", 60, "s3://b/k", renewed=True)
        clock[0] += 59
        bound.check()
        clock[0] += 1
        with pytest.raises(OverdueError, match=r"host:1 did not finish its answer within 60 s") as caught:
            bound.check()
        assert caught.value.exit_code == 6
        assert caught.value.where == "s3://b/k"

    def test_a_byte_a_second_buys_no_time(self, clock: list[float]) -> None:
        bound = Wait("x", 60, renewed=True)
        for _ in range(60):
            clock[0] += 1
            bound.moved(1)
        assert bound.left == 0

    def test_a_long_transfer_goes_on_while_it_moves_enough(self, clock: list[float]) -> None:
        bound = Wait("x", 60, renewed=True)
        for _ in range(1000):
            clock[0] += 59
            bound.moved(LEAST)
            bound.check()

    def test_a_transfer_that_was_fast_is_over_when_it_stalls(self, clock: list[float]) -> None:
        bound = Wait("x", 60, renewed=True)
        bound.moved(LEAST * 9999)
        clock[0] += 60
        assert bound.left == 0

    def test_a_total_deadline_is_not_renewed(self, clock: list[float]) -> None:
        bound = Wait("x", 60)
        clock[0] += 59
        bound.moved(LEAST)
        clock[0] += 1
        assert bound.left == 0

    def test_what_comes_too_late_does_not_bring_a_call_back(self, clock: list[float]) -> None:
        bound = Wait("x", 60, renewed=True)
        clock[0] += 61
        bound.moved(LEAST)
        assert bound.left == 0


class TestNesting:
    def test_an_inner_call_has_the_outer_ones_time(self, clock: list[float]) -> None:
        with deadline("outer") as outer:
            clock[0] += 40
            with deadline("inner") as inner:
                assert inner is outer
        assert current() is None

    def test_a_part_is_of_what_is_left(self, clock: list[float]) -> None:
        with deadline("outer") as outer:
            clock[0] += 20
            with deadline("inner", part=0.5) as inner:
                assert inner.left == 20
            assert current() is outer

    @pytest.mark.parametrize("given", ["0", "-1", "x", "inf", "nan", ""])
    def test_seconds_that_are_none_are_the_default(self, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
        monkeypatch.setenv(VARIABLE, given)
        assert default_seconds() == SECONDS

    def test_the_environment_sets_the_seconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(VARIABLE, "5")
        assert default_seconds() == 5


class TestRun:
    def test_it_gives_what_the_call_gives_and_raises_what_it_raises(self) -> None:
        bound = Wait("x", 60, renewed=True)
        assert bound.run(lambda: 3) == 3
        with pytest.raises(KeyError):
            bound.run(lambda: {}[1])

    def test_the_call_knows_its_deadline(self) -> None:
        with deadline("x") as bound:
            assert bound.run(current) is bound

    def test_a_call_that_never_ends_is_left_behind_and_cancelled(self) -> None:
        go = threading.Event()
        with pytest.raises(OverdueError):
            Wait("x", 0.05).run(go.wait, go.set)
        assert go.is_set()

    def test_a_call_has_less_than_what_is_left_where_that_is_said(self) -> None:
        go = threading.Event()
        with pytest.raises(OverdueError):
            Wait("x", 60).run(go.wait, go.set, 0.05)

    def test_what_moves_enough_is_waited_for_beyond_the_first_deadline(self) -> None:
        bound = Wait("x", 1, renewed=True)

        def transfer() -> str:
            for _ in range(6):
                time.sleep(0.3)
                bound.moved(LEAST)
            return "whole"

        assert bound.run(transfer) == "whole"


class TestShown:
    @pytest.fixture
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("SHOWN_AFTER", "SHOWN_EVERY", "_TICK"):
            monkeypatch.setattr(waiting, name, 0.01)

    def test_who_waits_is_told_whom_for_and_how_long(self, quick: None) -> None:
        told: list[str] = []
        seen = threading.Event()

        def report(text: str) -> None:
            told.append(text)
            if len(told) == 2:
                seen.set()

        with shown(report), deadline("s3://b/k", peer="host:9000"):
            assert seen.wait(30)
        assert told[0].startswith("waiting for host:9000 (")
        assert told[0].endswith(" s of 60 s)")

    def test_nothing_is_told_without_a_call_and_the_thread_ends(self, quick: None) -> None:
        told: list[str] = []
        with shown(told.append):
            with deadline("x"):
                pass
            told.clear()
            thread: threading.Thread | None = waiting._ticker
            assert thread is not None
            thread.join(30)
            assert not thread.is_alive()
        assert not told


def test_a_thread_of_a_library_counts_for_all_calls(clock: list[float]) -> None:
    with deadline("x") as bound:
        clock[0] += 59
        waiting.moved_elsewhere(LEAST)
        clock[0] += 2
        bound.check()
