"""Rollouts as the log of their ticks has them: drawn traffic, and the decisions that `decide_rollout` takes on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from modelway.decide.rollout import decide_rollout
from modelway.records.deploy import BundleRef
from modelway.records.rollout import AbStep, AgreementGuard, CanaryStep, GuardOptions, RolloutOptions, ShadowStep
from modelway.records.rollout_seen import (
    LATENCY_EDGES_MS,
    ArmCounts,
    PairCounts,
    Report,
    RolloutAction,
    RolloutDecision,
    Seen,
    SeenInterval,
)
from modelway.records.rollout_state import Rollout, RolloutStatus, ShareEpoch, Tick
from modelway.rollout.scenarios import SCENARIOS, Scenario, draw

BEGAN = 1795750200.0
"""2026-11-27 03:30 UTC."""
CHAMPION, CHALLENGER = BundleRef(version=5, digest="5c" * 32), BundleRef(version=7, digest="7a" * 32)
NOBODY = ArmCounts(keys=0, failed=0, new=0, latency=(0,) * (len(LATENCY_EDGES_MS) + 1))
PLAN = RolloutOptions(
    steps=(
        ShadowStep(kind="shadow", requests=5000),
        CanaryStep(kind="canary", share=0.05, slack=4),
        CanaryStep(kind="canary", share=0.25, slack=2),
        AbStep(kind="ab", share=0.5, hours=0.5),
    ),
    guards=GuardOptions(agreement=AgreementGuard(slices=("region", "channel"))),
)
SLICES = {"all": 1.0, "region = north": 0.6, "region = south": 0.4, "channel = phone": 0.2}


@dataclass(frozen=True)
class Case:
    """A rollout, its ticks, and the plan."""

    rollout: Rollout
    ticks: tuple[Tick, ...] = ()
    options: RolloutOptions = PLAN

    def arguments(self) -> tuple[Any, ...]:
        return self.rollout, self.ticks, self.options

    def changed(self, **changes: Any) -> Case:
        return replace(self, rollout=self.rollout.model_copy(update=changes))


@dataclass
class Driver:
    """Takes one decision a minute, as the controller does, on traffic that is drawn."""

    scenario: Scenario
    per_second: float = 50.0
    seed: int = 1
    options: RolloutOptions = PLAN
    shift: float = 0.0
    """Of the challenger's scores in the south."""
    intervals: list[SeenInterval] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    epochs: list[ShareEpoch] = field(default_factory=list)
    step: int = 0
    began: float = BEGAN
    status: RolloutStatus = RolloutStatus.RUNNING

    def run(self, minutes: int, *, blind_from: int | None = None) -> Case:
        """Go on for so long; from `blind_from` on no metrics come."""
        generator = np.random.default_rng(self.seed)
        self._set(0, BEGAN)
        decision = None
        for minute in range(minutes):
            start = BEGAN + 60.0 * minute
            new = () if blind_from is not None and minute >= blind_from else (self._interval(start, generator),)
            self.intervals += new
            decision = self._decide(start + 62.0)
            self._note(start + 62.0, decision, new)
            if decision.action is RolloutAction.BACK:
                return self._end(RolloutStatus.ROLLED_BACK, decision.reasons[0], start + 62.0)
            if decision.action is RolloutAction.ADVANCE:
                self._set(self.step + 1, start + 62.0)
                if self.step == len(self.options.steps):
                    return self._end(RolloutStatus.COMPLETE, "all steps are done", start + 62.0)
        return self._end(RolloutStatus.RUNNING, "; ".join(decision.reasons if decision else ["it begins"]), None)

    def _set(self, step: int, time: float) -> None:
        self.step, self.began = step, time
        planned = self.options.steps[step] if step < len(self.options.steps) else None
        shadow = planned.share if isinstance(planned, ShadowStep) else 0.0
        share = 1.0 if planned is None else 0.0 if shadow else planned.share
        self.epochs.append(ShareEpoch(epoch=f"e{len(self.epochs)}", step=step, share=share, shadow=shadow, began=time))

    def _interval(self, start: float, generator: np.random.Generator) -> SeenInterval:
        share = self.epochs[-1].share
        minute = draw(self.scenario, np.array([share]), (start - BEGAN) / 60, 60.0, self.per_second, generator)
        champion, challenger = (_counts(arm) for arm in minute.arms)
        in_shadow = self.epochs[-1].shadow > 0
        requests = champion.keys + challenger.keys
        return SeenInterval(
            start=start,
            step=self.step,
            share=share,
            requests=requests,
            champion=champion,
            challenger=NOBODY if in_shadow else challenger,
            reports=(Report(replica="a", requests=requests, written=start + 61.0),),
            pairs=_pairs(champion.keys, self.shift, generator) if in_shadow else {},
        )

    def _decide(self, now: float) -> RolloutDecision:
        seen = Seen(intervals=tuple(self.intervals), step=self.step, step_began=self.began, now=now)
        return decide_rollout(self.options, seen)

    def _note(self, time: float, decision: RolloutDecision, new: tuple[SeenInterval, ...]) -> None:
        epoch = self.epochs[-1]
        self.ticks.append(
            Tick(
                number=len(self.ticks),
                time=time,
                step=self.step,
                share=epoch.share,
                status=self.status,
                decision=decision,
                flags=f"{len(self.epochs):02x}" * 32,
                epoch=epoch.epoch,
                champion=CHAMPION,
                challenger=CHALLENGER,
                intervals=new,
            )
        )

    def _end(self, status: RolloutStatus, reason: str, ended: float | None) -> Case:
        rollout = empty().rollout.model_copy(
            update={
                "status": status,
                "reason": reason,
                "step": self.step,
                "step_began": self.began,
                "observed_until": self.intervals[-1].start + 60.0 if self.intervals else BEGAN,
                "ticks": len(self.ticks),
                "epochs": tuple(self.epochs),
                "ended": ended,
            }
        )
        return Case(rollout, tuple(self.ticks), self.options)


def _counts(arm: Any) -> ArmCounts:
    return ArmCounts(
        keys=int(arm.keys[0]),
        failed=int(arm.failed[0]),
        new=int(arm.new[0]),
        latency=tuple(int(count) for count in arm.latency[0]),
        scores=tuple(int(count) for count in arm.scores[0]),
    )


def _pairs(requests: int, shift: float, generator: np.random.Generator) -> dict[str, PairCounts]:
    found = {}
    for name, part in SLICES.items():
        pairs = int(requests * part)
        mean = shift * {"all": 0.4, "region = south": 1.0}.get(name, 0.0) + generator.normal(0, 0.05 / pairs**0.5)
        flips = int(generator.binomial(pairs, 0.01 + abs(mean) / 5))
        found[name] = PairCounts(pairs=pairs, flips=flips, total=pairs * mean, squares=pairs * (mean**2 + 0.0025))
    return found


def empty() -> Case:
    """One that has begun, and of which nothing was seen yet."""
    return Case(
        Rollout(
            id="20261127T033000Z-7",
            model="loans",
            champion=CHAMPION,
            challenger=CHALLENGER,
            release="0123456789ab",
            plan="d1" * 32,
            status=RolloutStatus.RUNNING,
            reason="it begins",
            began=BEGAN,
            step=0,
            step_began=BEGAN,
            entered=True,
            resumed=0.0,
            observed_until=BEGAN,
            ticks=0,
            epochs=(),
        )
    )


def good() -> Case:
    """One whose challenger is no worse: it is promoted."""
    return Driver(SCENARIOS["no-difference"]).run(240)


def bad() -> Case:
    """One whose challenger fails four times as often: it is rolled back."""
    return Driver(SCENARIOS["errors-fourfold"], per_second=5.0).run(240)


def shifted() -> Case:
    """One whose challenger answers otherwise in one slice: it never leaves the shadow."""
    return Driver(SCENARIOS["no-difference"], per_second=2.0, shift=0.07).run(60)


def held() -> Case:
    """One whose metrics have stopped coming."""
    return Driver(SCENARIOS["no-difference"]).run(20, blind_from=14)


def little() -> Case:
    """One under way for hours with little traffic."""
    return Driver(SCENARIOS["no-difference"], per_second=2.0).run(400)


CASES = {"empty": empty, "good": good, "bad": bad, "shifted": shifted, "held": held, "little": little}
