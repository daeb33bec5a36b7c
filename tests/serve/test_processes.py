"""The supervisor's parts without processes: when one is started again, which one hangs, what a shadow keeps to."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, pairwise
from typing import Any

import pytest

from modelway.records.serve import ServeOptions
from modelway.serve import shadowing as shadowing_module
from modelway.serve import staff as staff_module
from modelway.serve import watchdog as watchdog_module
from modelway.serve.channel import Channel
from modelway.serve.children import Child, Role
from modelway.serve.line import Frames, connect, frame, listen
from modelway.serve.shadow import HURRY
from modelway.serve.shadowing import Shadowing
from modelway.serve.staff import Staff
from modelway.serve.watchdog import Watchdog


class Clock:
    """Stands in for the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.cpu = 0.0
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.cpu

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (staff_module, watchdog_module, shadowing_module):
        monkeypatch.setattr(module, "time", clock)
    return clock


class TestStaff:
    @pytest.fixture
    def staff(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Staff]:
        pids = count(100)
        self.closed: list[list[Channel]] = []
        self.ends: list[Channel] = []
        self.events: list[dict[str, Any]] = []

        def fork(place: Any, run: Any, channels: Any) -> Child:
            del run
            self.closed.append(list(channels))
            ours, theirs = Channel.pair()
            self.ends += [ours, theirs]
            return Child(next(pids), place, ours, started=clock.now)

        monkeypatch.setattr(staff_module, "fork_child", fork)
        monkeypatch.setattr(
            staff_module, "say", lambda event, level, **fields: self.events.append({"event": event, **fields})
        )
        with selectors.DefaultSelector() as selector:
            yield Staff(selector, lambda *_: 0)
        for end in self.ends:
            end.close()

    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize(
        ("lives", "rests"),
        [
            ("1 1 1 1 1 1 1", [0.5, 1, 2, 4, 8, 10, 10]),  # each ends after a second, never ready
            ("9.9 9.9", [0.5, 1]),
            ("10 10", [0, 0]),
            ("1 1 10 1", [0.5, 1, 0, 0.5]),
            ("1 1 ready 1 1", [0.5, 1, 0, 0.5, 1]),
            ("ready ready", [0, 0]),
        ],
    )
    def test_process_that_ends_before_it_is_ready_starts_again_after_rests_that_grow(
        self, staff: Staff, clock: Clock, role: Role, lives: str, rests: list[float]
    ) -> None:
        staff.start(role, 3)
        for life, rest in zip(lives.split(), rests, strict=True):
            (child,) = staff.of(role)
            if life == "ready":
                staff.got_ready(child)
                assert child.ready
            clock.now += 1 if life == "ready" else float(life)
            staff.forget(child)
            assert staff.of(role) == []
            staff.restart(child, 7)
            assert staff.next_start == clock.now + rest
            expected = {"event": f"{role}_ended", "child": child.pid, "slot": 3, "exit_code": 7, "restart_in": rest}
            assert self.events[-1] == expected
            if rest:
                clock.now += rest - 0.01
                staff.start_due()
                assert staff.children == {}
                clock.now += 0.01
            staff.start_due()
            assert staff.next_start is None
            assert [one.place for one in staff.children.values()] == [(role, 3)]
        assert staff.restarts == len(rests)

    def test_processes_rest_each_for_themselves_and_keep_no_channel_of_the_others(
        self, staff: Staff, clock: Clock
    ) -> None:
        places = [(Role.WORKER, 0), (Role.WORKER, 1), (Role.SHADOW, 0)]
        for place in places:
            staff.start(*place)
        children = list(staff.children.values())
        assert self.closed == [[], [children[0].channel], [children[0].channel, children[1].channel]]
        assert [one.slot for one in staff.of(Role.WORKER)] == [0, 1]
        clock.now += 1
        for _ in range(3):
            (child,) = staff.of(Role.SHADOW)
            staff.forget(child)
            staff.restart(child, 1)
            clock.now = staff.next_start or 0.0
            staff.start_due()
        staff.forget(children[1])
        staff.restart(children[1], 1)
        assert staff.next_start == clock.now + 0.5
        (shadow,) = staff.of(Role.SHADOW)
        staff.forget(shadow)
        staff.restart(shadow, 1)
        assert staff.next_start == clock.now + 0.5
        clock.now += 0.5
        staff.start_due()
        assert (len(staff.of(Role.WORKER)), len(staff.of(Role.SHADOW))) == (2, 0)
        assert staff.next_start == clock.now + 3.5
        assert children[1].channel.fileno() == -1
        staff.start_none()
        assert staff.next_start is None
        clock.now += 100
        staff.start_due()
        assert staff.of(Role.SHADOW) == []


class TestWatchdog:
    """Beats of one worker at each check: `.` it beats, `-` it does not, `n` it is not ready and does not."""

    @pytest.mark.parametrize(
        ("seconds", "beats", "hung"),
        [
            (2.0, ".....", []),
            (2.0, ".----", [4]),
            (2.0, ".---.----", [8]),
            (2.0, ".--.--.--.", []),
            (2.0, ".nnnnnnnn", []),
            (2.0, ".nnnn----", [8]),
            (2.0, ".---n----", [8]),
            (1.6, ".----", [4]),
            (1.5, ".---", [3]),
            (0.1, ".--", [2]),
            (0.1, ".-.-", []),
            (2.0, "----", []),
            (2.0, "-----", [4]),
        ],
    )
    def test_watchdog_finds_a_ready_worker_that_misses_so_many_beats_in_a_row(
        self, clock: Clock, seconds: float, beats: str, hung: list[int]
    ) -> None:
        beaten = {0: 0, 1: 0}
        watchdog = Watchdog(seconds, beaten.__getitem__)
        well, child = (Child(pid, (Role.WORKER, slot), None, ready=True) for pid, slot in ((7, 0), (8, 1)))
        found = []
        for at, beat in enumerate(beats):
            assert watchdog.next_check == clock.now + 0.5
            clock.now += 0.4
            beaten[0] += 1
            assert watchdog.hung([well, child]) == []  # too early, and counts as no check
            clock.now += 60 if at == 2 else 0.1  # a pause of the whole server is one check
            child.ready = beat != "n"
            beaten[1] += beat == "."
            found += [(at, one.pid) for one in watchdog.hung([well, child])]
        assert found == [(at, 8) for at in hung]

    def test_watchdog_counts_again_for_a_worker_that_took_the_slot_of_another(self, clock: Clock) -> None:
        watchdog = Watchdog(1.0, lambda slot: 0)
        for pid in (1, 2, 3):
            for at in range(2):
                clock.now += 0.5
                assert watchdog.hung([Child(pid, (Role.WORKER, 0), None, ready=True)]) == [], (pid, at)


class Line:
    """A worker's end of the line to a shadow process."""

    def __init__(self, address: bytes | str) -> None:
        self._socket = connect(address)
        self._frames = Frames()

    def send(self, *messages: Any) -> None:
        self._socket.sendall(b"".join(map(frame, messages)))

    def answers(self) -> list[Any]:
        try:
            return self._frames.take(self._socket.recv(1 << 16))
        except BlockingIOError:
            return []

    def close(self) -> None:
        self._socket.close()


class TestShadowing:
    @pytest.fixture
    def run(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
        """Run a shadow process's loop; each call that scores takes so much CPU, then the script's next step is taken.

        Gives how long it rested after each.
        """

        def running(cpu: float, costs: list[float], script: Callable[[int, Callable[[], Line]], bool]) -> list[float]:
            ours, theirs = Channel.pair()
            rests: list[float] = []
            with closing(listen()) as listener, closing(ours.socket), closing(theirs.socket):
                at, lines = count(), []

                def meet() -> Line:
                    lines.append(Line(listener.getsockname()))
                    return lines[-1]

                def score(model: Any, questions: list[Any]) -> list[Exception]:
                    del model
                    number = next(at)
                    rests.append(clock.slept)
                    clock.cpu += costs[number]
                    if script(number + 1, meet):
                        ours.socket.shutdown(socket.SHUT_RDWR)
                    return [ValueError("none")] * len(questions)

                monkeypatch.setattr(shadowing_module, "score_together", score)
                options = ServeOptions.model_validate({"shadow": {"cpu": cpu}})
                process = Shadowing(options, theirs, listener, lambda *_: None)
                script(0, meet)
                stuck = threading.Timer(30, ours.socket.shutdown, [socket.SHUT_RDWR])
                stuck.start()
                process.run()
                stuck.cancel()
                for line in lines:
                    line.close()
            return [after - before for before, after in pairwise(rests)]

        return running

    @staticmethod
    def _question(number: int, model: str = "a") -> list[Any]:
        return [number, model, "digest", {"x": [1]}, 1]

    @pytest.mark.parametrize(
        ("cpu", "cost", "rest"), [(0.25, 0.1, 0.3), (0.5, 0.1, 0.1), (1.0, 0.1, 0.0), (0.1, 0.1, 0.9), (0.1, 5.0, 1.0)]
    )
    def test_shadow_rests_so_that_its_budget_holds(self, run, cpu: float, cost: float, rest: float) -> None:
        line: list[Line] = []

        def script(number: int, meet: Callable[[], Line]) -> bool:
            if not number:
                line.append(meet())
            line[0].send(self._question(number))
            return number == 3

        assert run(cpu, [cost] * 5, script)[:2] == pytest.approx([rest] * 2)

    def test_shadow_without_budget_in_a_hurry_keeps_to_it_again_with_the_next_worker(self, run) -> None:
        """Twice: the worker requests a hurry, which is seen within a slice of the rest, and ends; another one comes."""
        line: list[Line] = []

        def script(number: int, meet: Callable[[], Line]) -> bool:
            if number in {0, 3, 6}:
                if line:
                    line[-1].close()
                line.append(meet())
            messages: list[Any] = [self._question(number)]
            if number in {1, 4}:
                messages.append(HURRY)
            line[-1].send(*messages)
            return number == 8

        assert run(0.5, [0.25] * 9, script) == pytest.approx([0.05, 0, 0, 0.05, 0, 0, 0.25])

    def test_shadow_scores_at_most_32_requests_of_one_model_together(self, run) -> None:
        sizes: list[int] = []
        line: list[Line] = []

        def script(number: int, meet: Callable[[], Line]) -> bool:
            if not number:
                line.append(meet())
                line[0].send(*(self._question(one) for one in range(70)), self._question(70, "b"))
                line[0].send(*(self._question(one) for one in range(71, 75)))
            sizes.append(len(line[0].answers()))
            return number == 5

        run(1.0, [0.0] * 5, script)
        assert sizes == [0, 0, 32, 32, 6, 1]
