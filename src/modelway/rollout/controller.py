"""The controller: one idempotent tick over stored state. Observe, decide, apply, persist.

What is decided is written before it is applied (the record of the tick, which nobody overwrites), and the state moves
last; whoever comes next, after a kill at any point, finds a record that the state does not count yet and goes on from
it. Only to go back the flags come first: whatever fails after that, nobody gets the challenger's answers any more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from modelway.decide.rollout import decide_rollout, decide_watch
from modelway.records.rollout_seen import RolloutAction, RolloutDecision, Seen
from modelway.records.rollout_state import Rollout, RolloutStatus, ShareEpoch, Tick
from modelway.rollout.shares import are, are_off, digest_of, shares_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import Outcomes, SeenInterval
    from modelway.rollout.shares import FlagDocument
    from modelway.rollout.store import RolloutStore


@dataclass(frozen=True, slots=True)
class Observed:
    """What was seen since the last tick.

    Attributes:
        intervals: those that are over, in their order.
        seen_keys: keys that were new, as `Tick` has them.
        failed_keys: keys that failed for the first time, likewise.
        outcomes: what became of the predictions, as far as is known.
    """

    intervals: tuple[SeenInterval, ...]
    seen_keys: str = ""
    failed_keys: str = ""
    outcomes: Outcomes | None = None


class Observer(Protocol):
    """Looks at the prediction log."""

    def __call__(self, rollout: Rollout, ticks: Sequence[Tick], now: float) -> Observed:
        """What is there beyond `rollout.observed_until`, of the step's own shares."""
        ...


@dataclass(frozen=True)
class Controller:
    """Takes one environment's rollout on.

    Attributes:
        options: the settings' `rollout`.
        store: where the rollout is kept.
        flags: what routes the requests.
        observe: looks at the prediction log.
        promote: makes a version the registry's champion; again is no harm.
        release: the id of the release that the environment has now; None where it has none.
        settle_seconds: how long it takes until flags are in force at every replica.
        say: told what is done, in words.
    """

    options: RolloutOptions
    store: RolloutStore
    flags: FlagDocument
    observe: Observer
    promote: Callable[[str], object]
    release: Callable[[], str | None]
    settle_seconds: float
    say: Callable[[str], None]

    def tick(self, now: float) -> Rollout | None:
        """Look once, and do what is to be done; gives the rollout as it is then, or None where there is none.

        Raises:
            ModelwayError: a store, the log or the registry fails; again, it goes on from here.
        """
        rollout = self.store.read()
        if rollout is None or rollout.over:
            return rollout
        if self.release() != rollout.release:
            if rollout.status is RolloutStatus.WATCHING:  # the next release, of what became the champion
                return self._complete(rollout, "another release was deployed", now)
            return self.go_back(rollout, RolloutStatus.ABORTED, "another release was deployed meanwhile", now)
        if not rollout.entered:
            waits = rollout.status is RolloutStatus.PAUSED and not rollout.epochs  # paused before it had any share
            return rollout if waits else self._enter(rollout, now)
        if rollout.status is RolloutStatus.WATCHING:
            return self._watch(rollout, now)
        return self._look(rollout, now)

    def go_back(self, rollout: Rollout, status: RolloutStatus, reason: str, now: float, ticks: int = 0) -> Rollout:
        """Flags off first; then the registry's champion, where it had moved; then the state.

        Args:
            rollout: which one.
            status: what it is then.
            reason: why, in words.
            now: in seconds since 1970.
            ticks: how many records of ticks there are.
        """
        self.flags.switch_off()
        self.say(f"the champion answers everything: {reason}")
        if rollout.step >= len(self.options.steps):
            self.promote(str(rollout.champion.version))

        def change(found: Rollout | None) -> Rollout | None:
            if found is None or found.id != rollout.id or found.over:
                return None
            ended = {"status": status, "reason": reason, "ended": now, "ticks": max(found.ticks, ticks)}
            return found.model_copy(update=ended)

        after = self.store.change(change) or rollout
        # Another controller may have entered a step since the flags went off; from now on none does.
        self.flags.switch_off()
        if rollout.step < len(self.options.steps) <= after.step and self._went_back(after, rollout):
            self.promote(str(rollout.champion.version))
        return after

    def _enter(self, rollout: Rollout, now: float) -> Rollout:
        """Put the step's shares into force; evidence counts from the first interval in which every replica has them.

        Another controller, or a person, may end the rollout at any moment. Whoever ends it switches the flags off after
        that, which begins an epoch, and shares are only set in the epoch that was in force before the state was read.
        """
        shares, since = shares_of(rollout, self.options), self.flags.epoch()

        def is_due(found: Rollout | None) -> bool:
            if found is None or found.id != rollout.id or found.over:
                return False
            return not found.entered and found.step == rollout.step

        found = self.store.read()
        epoch = self.flags.set(shares, since) if is_due(found) else None
        if epoch is None:
            return self.store.read() or rollout
        length = self.options.interval_seconds
        begins = math.ceil((now + self.settle_seconds) / length) * length
        epochs = rollout.epochs
        if not epochs or epochs[-1].epoch != epoch:
            new = ShareEpoch(epoch=epoch, step=rollout.step, share=shares.new_model, shadow=shares.shadow, began=now)
            epochs = (*epochs, new)
        everything = rollout.step >= len(self.options.steps)
        if everything:
            self.promote(str(rollout.challenger.version))
        watches = self.options.watch_hours > 0
        self.say(f"challenger {shares.version} answers {shares.new_model:.0%}, sees {shares.shadow:.0%} in shadow")

        def change(found: Rollout | None) -> Rollout | None:
            if found is None or not is_due(found):
                return None
            values: dict[str, object] = {"entered": True, "epochs": epochs, "step_began": begins}
            values |= {"observed_until": begins, "reason": "the step has only just begun"}
            if everything:
                status = RolloutStatus.WATCHING if watches else RolloutStatus.COMPLETE
                values |= {"status": status, "reason": "the challenger answers everything"}
                values |= {} if watches else {"ended": now}
            return found.model_copy(update=values)

        after = self.store.change(change) or rollout
        if everything and self._went_back(after, rollout):  # while the registry was asked
            self.promote(str(rollout.champion.version))
        return after

    @staticmethod
    def _went_back(found: Rollout, rollout: Rollout) -> bool:
        return found.id == rollout.id and found.status in {RolloutStatus.ABORTED, RolloutStatus.ROLLED_BACK}

    def _watch(self, rollout: Rollout, now: float) -> Rollout:
        """After promotion: late outcomes may still roll it back."""
        decision = decide_watch(self.options, self.observe(rollout, (), now).outcomes)
        if decision.action is RolloutAction.BACK:
            self.flags.switch_off()
            self._record(rollout, decision, Observed(()), now)
            return self.go_back(rollout, RolloutStatus.ROLLED_BACK, decision.reasons[0], now, rollout.ticks + 1)
        if are_off(self.flags.read()):  # only now: a tick that was killed on its way back has switched them off
            return self.go_back(rollout, RolloutStatus.ABORTED, "somebody switched the flags off", now)
        if now < rollout.step_began + self.options.watch_hours * 3600:
            return rollout
        return self._complete(rollout, f"nothing spoke against it in {self.options.watch_hours:g} hours", now)

    def _complete(self, rollout: Rollout, reason: str, now: float) -> Rollout:
        def change(found: Rollout | None) -> Rollout | None:
            if found is None or found.id != rollout.id or found.over:
                return None
            return found.model_copy(update={"status": RolloutStatus.COMPLETE, "reason": reason, "ended": now})

        return self.store.change(change) or rollout

    def _look(self, rollout: Rollout, now: float) -> Rollout:
        ticks = tuple(self.store.ticks(rollout))
        tick = self.store.tick(rollout.id, rollout.ticks)  # decided, and then whoever did was cut off
        found, wanted = self.flags.read(), shares_of(rollout, self.options)
        off = are_off(found) and not are_off(wanted)
        if tick is None:
            observed = self.observe(rollout, ticks, now)
            decision = self._decide(rollout, ticks, observed, now)
            if decision.action is RolloutAction.BACK:
                self.flags.switch_off()  # before anything else that might fail
            elif off:
                return self.go_back(rollout, RolloutStatus.ABORTED, "somebody switched the flags off", now)
            elif not are(found, wanted):
                return self._pause(rollout, "somebody set other shares: `rollout resume` sets the step's again")
            if not observed.intervals and not self._is_news(rollout, ticks, decision):
                return rollout
            tick = self._record(rollout, decision, observed, now)
        return self._apply(rollout, tick, now)

    def _decide(self, rollout: Rollout, ticks: Sequence[Tick], observed: Observed, now: float) -> RolloutDecision:
        intervals = tuple(interval for tick in ticks for interval in tick.intervals) + observed.intervals
        seen = Seen(
            intervals=intervals,
            step=rollout.step,
            step_began=rollout.step_began,
            now=now,
            resumed=rollout.resumed,
            outcomes=observed.outcomes,
        )
        if now < rollout.step_began + self.options.interval_seconds:
            reasons = ("the step has only just begun",)
            return RolloutDecision(action=RolloutAction.HOLD, reasons=reasons, numbers={})
        decision = decide_rollout(self.options, seen)
        if rollout.status is RolloutStatus.PAUSED and decision.action is RolloutAction.ADVANCE:
            reasons = ("paused; else it would go on: " + decision.reasons[0],)
            return decision.model_copy(update={"action": RolloutAction.HOLD, "reasons": reasons})
        return decision

    @staticmethod
    def _is_news(rollout: Rollout, ticks: Sequence[Tick], decision: RolloutDecision) -> bool:
        """Whether a decision without new intervals is worth a record: where it is another one than the last."""
        if decision.action is not RolloutAction.HOLD:
            return True
        last = ticks[-1] if ticks and ticks[-1].step == rollout.step else None
        return last is None or last.decision.reasons != decision.reasons

    def _record(self, rollout: Rollout, decision: RolloutDecision, seen: Observed, now: float) -> Tick:
        return self.store.add(
            rollout.id,
            Tick(
                number=rollout.ticks,
                time=now,
                step=rollout.step,
                share=rollout.epochs[-1].share,
                status=rollout.status,
                decision=decision,
                flags=digest_of(shares_of(rollout, self.options)),
                epoch=rollout.epochs[-1].epoch,
                champion=rollout.champion,
                challenger=rollout.challenger,
                intervals=seen.intervals,
                seen_keys=seen.seen_keys,
                failed_keys=seen.failed_keys,
            ),
        )

    def _apply(self, rollout: Rollout, tick: Tick, now: float) -> Rollout:
        action, reason = tick.decision.action, tick.decision.reasons[0]
        if action is RolloutAction.BACK:
            return self.go_back(rollout, RolloutStatus.ROLLED_BACK, reason, now, tick.number + 1)

        def change(found: Rollout | None) -> Rollout | None:
            if found is None or found.id != rollout.id or found.over or found.ticks != tick.number:
                return None  # somebody else counted it
            length = self.options.interval_seconds
            until = tick.intervals[-1].start + length if tick.intervals else found.observed_until
            values: dict[str, object] = {"ticks": tick.number + 1, "observed_until": until, "reason": reason}
            values["overdue"] = tick.decision.overdue
            if action is RolloutAction.ADVANCE and found.status is RolloutStatus.RUNNING:
                values |= {"step": found.step + 1, "entered": False}
            return found.model_copy(update=values)

        after = self.store.change(change) or rollout
        return after if after.entered or after.over else self._enter(after, now)

    def _pause(self, rollout: Rollout, reason: str) -> Rollout:
        def change(found: Rollout | None) -> Rollout | None:
            if found is None or found.id != rollout.id or found.over:
                return None
            return found.model_copy(update={"status": RolloutStatus.PAUSED, "reason": reason})

        self.say(reason)
        return self.store.change(change) or rollout
