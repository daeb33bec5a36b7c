"""A rollout through any order of traffic, people, late outcomes, kills and other releases, against a short model.

Controller, store, flag document, observer, decisions and the join of outcomes with the prediction log are real, and
each tick has a new controller. Intervals come from `Traffic.read_intervals`; the slow test lets the real
`read_intervals` read the same log, with the same steps and checks.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from contextlib import suppress
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from modelway.errors import UsageError
from modelway.records.data import S3Options
from modelway.records.flags import Shares
from modelway.records.progress import silent
from modelway.records.rollout_seen import RolloutAction
from modelway.records.rollout_state import RolloutStatus
from modelway.rollout import observing, people
from modelway.rollout.controller import Controller
from modelway.rollout.observing import LogObserver
from modelway.rollout.shares import FlagDocument
from modelway.rollout.store import RolloutStore
from modelway.storage import documents

from .served_log import (
    BASELINE,
    ENOUGH,
    GRACE,
    KEYS,
    MINUTE,
    NOON,
    RELEASE,
    SEGMENT,
    SETTLE,
    SHARES,
    STEPS,
    WATCH,
    WHOLE,
    Minute,
    Traffic,
    plan,
)  # fmt: skip

OVER = {RolloutStatus.COMPLETE, RolloutStatus.ROLLED_BACK, RolloutStatus.ABORTED}


under_way = precondition(lambda self: self.status not in OVER)


class KilledError(BaseException):
    """The process ends here."""


class RolloutMachine(RuleBasedStateMachine):
    """The model: which step, since when, what was served in it, and whether a person stopped it."""

    def __init__(self, *, real: bool = False) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="modelway-machine-"))
        self.traffic = Traffic(self.root, whole=real)
        self.patch = pytest.MonkeyPatch()
        if not real:
            self.patch.setattr(observing, "read_intervals", self.traffic.read_intervals)
        self.now, self.promoted = NOON, ["1"]
        self.store = RolloutStore(str(self.root / "state"), S3Options())
        self.flags = FlagDocument(str(self.root / "state" / "flags.json"), S3Options())
        self.shares = Shares()

    def teardown(self) -> None:
        self.patch.undo()
        shutil.rmtree(self.root)

    # What is done.

    @initialize(needed=st.booleans(), worse=st.sampled_from([None, 1, 2]), ahead=st.sampled_from([0, 0, 1, 2, 2, 3]))
    def begin_the_first(self, needed: bool = False, worse: int | None = None, ahead: int = 0) -> None:
        """Begin one, and let it get so many steps ahead, unless its outcomes are worse."""
        self.options = plan(str(self.traffic.labels), needed=needed)
        self.worse = worse
        self.begin()
        while self.status is RolloutStatus.RUNNING and self.step < ahead:
            self.let_good_time_pass(3, 4)
            if needed and self.step in {1, 2}:
                self.let_outcomes_come_in()

    @precondition(lambda self: self.status in OVER)
    @rule()
    def begin_another(self) -> None:
        """Begin a second one; before that, nothing happens any more to the one that is over."""
        self.let_time_pass(["bad"])
        for change in (lambda: people.pause(self.store, "late"), lambda: people.resume(self.store, self.now)):
            with pytest.raises(UsageError):
                change()
        self.begin()

    @under_way
    @rule(minutes=st.integers(2, 6), ticks=st.sampled_from([1, 4]))
    def let_good_time_pass(self, minutes: int, ticks: int) -> None:
        self.let_time_pass(["good"] * minutes, ticks)

    @under_way
    @rule(
        qualities=st.lists(st.sampled_from(["good", "good", "silent"]), min_size=1, max_size=5),
        ticks=st.sampled_from([1, 4]),
    )
    def let_time_pass(self, qualities: list[str], ticks: int = 4) -> None:
        for quality in qualities:
            start, epoch, shares = self.now, self.flags.epoch(), self.shares
            for tick in range(ticks):
                self.now = start + tick * MINUTE / ticks
                self.tick()
            # Requests of a minute in which shares changed were routed by both.
            self.traffic.serve(Minute(start, quality, epoch if epoch == self.flags.epoch() else "both", shares))
            self.now = start + MINUTE

    @under_way
    @rule(number=st.integers(1, 4), done=st.booleans())
    def kill_a_tick(self, number: int, done: bool) -> None:
        """Kill its process at a write, before or after that takes effect; another process ticks at the same moment."""
        self.expect()
        real, writes = documents.write_if_unchanged, count(1)

        def write(*words: Any, **more: Any) -> Any:
            at = next(writes)
            if at == number and not done:
                raise KilledError
            written = real(*words, **more)
            if at == number:
                raise KilledError
            return written

        with pytest.MonkeyPatch.context() as patch, suppress(KilledError):
            patch.setattr(documents, "write_if_unchanged", write)
            self.controller().tick(self.now)
        self.controller().tick(self.now)
        self.note_epoch()

    @precondition(lambda self: self.status in {RolloutStatus.RUNNING, RolloutStatus.PAUSED})
    @rule()
    def pause(self) -> None:
        people.pause(self.store, "lunch")
        self.status = RolloutStatus.PAUSED

    @precondition(lambda self: self.status in {RolloutStatus.RUNNING, RolloutStatus.PAUSED})
    @rule()
    def resume(self) -> None:
        people.resume(self.store, self.now)
        self.status, self.entered, self.known = RolloutStatus.RUNNING, False, False

    @precondition(lambda self: self.entered and self.status not in OVER)
    @rule()
    def set_other_shares_by_hand(self) -> None:
        self.shares = Shares(new_model=0.9, version="2")
        self.flags.set(self.shares)

    @precondition(lambda self: self.step > 0 and self.status not in OVER)
    @rule()
    def let_outcomes_come_in(self) -> None:
        self.label(min(self.step, len(STEPS) - 1))

    @precondition(lambda self: self.step > 1 and self.status not in OVER)
    @rule(minutes=st.integers(1, 2))
    def let_outcomes_of_the_first_canary_come_in_late(self, minutes: int) -> None:
        self.label(1)
        self.let_good_time_pass(minutes, 4)

    def label(self, step: int) -> None:
        """Let the outcomes come in of all that was served in a step so far, whichever step it is now."""
        served = [one for one in self.traffic.minutes.values() if one.epoch in self.epochs.get(step, ())]
        self.traffic.label(
            [one for one in served if one.start not in self.labelled], 0.0 if step == self.worse else 1.0
        )
        self.labelled |= {one.start for one in served}

    @precondition(lambda self: self.entered and self.status not in OVER)
    @rule(how=st.sampled_from(["abort", "another release", "flags off", "bad minute", "bad minute"]))
    def end_it(self, how: str) -> None:
        if how == "abort":
            rollout = self.store.read()
            assert rollout is not None
            self.controller().go_back(rollout, RolloutStatus.ABORTED, "enough", self.now)
            self.go_back(RolloutStatus.ABORTED)
        elif how == "another release":
            self.release = "another"
        elif how == "flags off":
            self.shares = Shares()
            self.flags.set(self.shares)
        else:
            self.let_time_pass(["bad"])

    # What the model says of it.

    def begin(self) -> None:
        people.begin(self.store, RELEASE, self.options, self.now)
        self.release = RELEASE.id
        self.status, self.step, self.entered, self.champion = RolloutStatus.RUNNING, 0, False, self.promoted[-1]
        self.step_began = self.until = 0.0
        self.entering = self.known = self.failed = False
        self.epoch = ""
        self.observed: list[tuple[Minute, bool]] = []
        self.epochs: dict[int, set[str]] = {}
        self.labelled: set[float] = set()

    def controller(self) -> Controller:
        """A controller as each command opens it."""
        observe = LogObserver(
            options=self.options,
            log=self.traffic.log,
            outcomes=str(self.traffic.labels),
            segment_seconds=SEGMENT,
            baseline=lambda _: BASELINE,
            s3=S3Options(),
            cache=self.root / "cache",
            progress=silent,
        )
        return Controller(
            options=self.options,
            store=RolloutStore(str(self.root / "state"), S3Options()),
            flags=self.flags,
            observe=observe,
            promote=self.promoted.append,
            release=lambda: self.release,
            settle_seconds=SETTLE,
            say=lambda _: None,
        )

    def tick(self) -> None:
        self.expect()
        self.controller().tick(self.now)
        self.note_epoch()
        self.state_and_flags_are_as_the_model_has_them()

    def note_epoch(self) -> None:
        """The flag document names the epoch of the shares that a tick sets."""
        if self.entering:
            self.entering, self.epoch = False, self.flags.epoch()
            self.epochs.setdefault(self.step, set()).add(self.epoch)

    @property
    def wanted(self) -> Shares:
        return (*SHARES, WHOLE)[self.step]

    def expect(self) -> None:
        """Move the model as a tick at this moment moves the rollout."""
        if self.status in OVER:
            return
        watching, off = self.status is RolloutStatus.WATCHING, self.shares == Shares()
        if self.release != RELEASE.id and watching:
            self.status = RolloutStatus.COMPLETE
        elif self.release != RELEASE.id:
            self.go_back(RolloutStatus.ABORTED)
        elif not self.entered:
            if self.status is not RolloutStatus.PAUSED or self.epochs:
                self.enter()
        elif watching:
            self.expect_of_a_watch(off=off)
        else:
            observed = self.observed + self.reported()
            decision = self.decision(observed)
            if decision == "back":
                self.commit(observed)
                self.go_back(RolloutStatus.ROLLED_BACK)
            elif off:
                self.go_back(RolloutStatus.ABORTED)
            elif self.shares != self.wanted:
                self.status = RolloutStatus.PAUSED
            else:
                self.commit(observed)
                if decision == "advance" and self.status is RolloutStatus.RUNNING:
                    self.step += 1
                    self.enter()

    def expect_of_a_watch(self, *, off: bool) -> None:
        if self.outcomes() == "worse":
            self.go_back(RolloutStatus.ROLLED_BACK)
        elif off:
            self.go_back(RolloutStatus.ABORTED)
        elif self.now >= self.step_began + WATCH:
            self.status = RolloutStatus.COMPLETE

    def enter(self) -> None:
        self.step_began = self.until = math.ceil((self.now + SETTLE) / MINUTE) * MINUTE
        self.entered = self.entering = True
        self.shares = self.wanted
        if self.step == len(STEPS):
            self.status, self.champion = RolloutStatus.WATCHING, "2"

    def go_back(self, status: RolloutStatus) -> None:
        if self.step == len(STEPS):
            self.champion = "1"
        self.status, self.shares = status, Shares()

    def reported(self) -> list[tuple[Minute, bool]]:
        """Return the minutes that are reported since the last look, and whether each is sound."""
        found, start, known = [], self.until, self.known
        while start in self.traffic.minutes and self.now >= self.traffic.over(start, known=known):
            minute = self.traffic.minutes[start]
            found.append((minute, minute.quality != "silent" and minute.epoch == self.epoch))
            known = known or minute.quality != "silent"
            start += MINUTE
        return found

    def commit(self, observed: list[tuple[Minute, bool]]) -> None:
        new = observed[len(self.observed) :]
        self.known = self.known or any(minute.quality != "silent" for minute, _ in new)
        self.until += len(new) * MINUTE
        self.failed = self.failed or any(
            sound and minute.quality == "bad" for minute, sound in new if minute.challenger
        )
        self.observed = observed

    def decision(self, observed: list[tuple[Minute, bool]]) -> str:
        """Nothing on half the data; back by all that was seen, on by what was seen since the step began."""
        if self.now < self.step_began + MINUTE or not observed or not observed[-1][1]:
            return "hold"
        if self.now - max(observed[-1][0].start + MINUTE, self.step_began) > MINUTE + GRACE:
            return "hold"
        run, since = [], self.step_began
        for minute, sound in observed:
            if minute.start >= self.step_began:
                run = [*run, minute] if sound else []
                since = since if sound else minute.start + MINUTE
        bad = [minute for minute, sound in observed if sound and minute.quality == "bad" and minute.challenger]
        outcomes = self.outcomes()
        if bad or outcomes == "worse" or (self.step == 0 and any(minute.quality == "bad" for minute in run)):
            return "back"
        waits = self.step > 0 and self.options.guards.outcome.needed and outcomes != "fine"
        least = 0 if self.step == 0 else STEPS[self.step].minutes
        return "advance" if run and not waits and self.now - since >= least * MINUTE else "hold"

    def outcomes(self) -> str:
        """Those of requests that were served in the last step in which both models answered."""
        step = min(self.step, len(STEPS) - 1)
        mine = [one for one in self.traffic.minutes.values() if one.start in self.labelled]
        mine = [one for one in mine if one.epoch in self.epochs.get(step, ())]
        challenger = sum(one.challenger for one in mine)
        if step == 0 or min(challenger, len(mine) * KEYS - challenger) < ENOUGH:
            return "unknown"
        return "worse" if step == self.worse else "fine"

    # What holds after every step.

    @invariant()
    def state_and_flags_are_as_the_model_has_them(self) -> None:
        rollout = self.store.read()
        assert rollout is not None
        found = (rollout.status, rollout.step, rollout.entered or rollout.over)
        assert found == (self.status, self.step, self.entered or self.status in OVER), rollout.reason
        assert self.flags.read() == self.shares
        assert self.promoted[-1] == self.champion

    @invariant()
    def shares_went_along_the_steps(self) -> None:
        rollout = self.store.read()
        assert rollout is not None
        wanted = [(one.new_model, one.shadow) for one in (*SHARES, WHOLE)]
        assert all((one.share, one.shadow) == wanted[one.step] for one in rollout.epochs)
        steps = [one.step for one in rollout.epochs]
        assert all(0 <= later - step <= 1 for step, later in pairwise([0, *steps]))

    @invariant()
    def each_minute_is_counted_once_and_a_pause_never_goes_on(self) -> None:
        rollout = self.store.read()
        assert rollout is not None
        ticks = list(self.store.ticks(rollout))
        assert [tick.number for tick in ticks] == list(range(rollout.ticks))
        starts = [interval.start for tick in ticks for interval in tick.intervals]
        assert starts == [minute.start for minute, _ in self.observed]
        assert not [
            tick
            for tick in ticks
            if tick.status is RolloutStatus.PAUSED and tick.decision.action is RolloutAction.ADVANCE
        ]


RolloutMachine.TestCase.settings = settings(settings.get_profile("machine"), max_examples=40, stateful_step_count=30)
TestRollout = RolloutMachine.TestCase


class RolloutOverItsLog(RolloutMachine):
    """The same with intervals that are read from the log."""

    def __init__(self) -> None:
        super().__init__(real=True)


RolloutOverItsLog.TestCase.settings = settings(RolloutMachine.TestCase.settings, max_examples=15)
# With other random steps it fails, over the log alone: a paused rollout does not go back at a bad minute where the
# model has it go back. Not yet known whose fault it is.
TestRolloutOverItsLog = pytest.mark.exhaustive(pytest.mark.slow(RolloutOverItsLog.TestCase))
