"""A rollout whose traffic is made up from whatever shares its flag document holds."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np

from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Release
from modelway.records.flags import Shares
from modelway.records.rollout import CanaryStep, RolloutOptions, ShadowStep
from modelway.records.rollout_seen import ArmCounts, Outcomes, PairCounts, Report, SeenInterval
from modelway.rollout import people
from modelway.rollout.controller import Controller, Observed
from modelway.rollout.scenarios import SCENARIOS, draw
from modelway.rollout.shares import FlagDocument
from modelway.rollout.store import RolloutStore

RELEASE = Release(
    name="loans",
    champion=BundleRef(version=1, digest="a" * 64),
    challengers=(BundleRef(version=2, digest="b" * 64),),
)
PLAN = RolloutOptions(
    steps=(
        ShadowStep(kind="shadow", requests=1000),
        CanaryStep(kind="canary", share=0.25, minutes=3, slack=2),
        CanaryStep(kind="canary", share=0.5, minutes=3),
    ),
)
MINUTE = 60.0


@dataclass
class World:
    """An environment, whose traffic is made up from whatever shares its flag document holds."""

    folder: object
    options: RolloutOptions = PLAN
    scenario: str = "no-difference"
    per_second: float = 200.0
    now: float = 1_800_000_000.0
    release: str | None = RELEASE.id
    promoted: list[str] = field(default_factory=list)
    outcomes: Outcomes | None = None
    silent: bool = False
    log: dict[float, SeenInterval] = field(default_factory=dict)

    def controller(self) -> Controller:
        """One as it is opened by each command anew."""
        self.store = RolloutStore(str(self.folder), S3Options())
        self.flags = FlagDocument(f"{self.folder}/flags.json", S3Options())
        return Controller(
            options=self.options,
            store=self.store,
            flags=self.flags,
            observe=self.observe,
            promote=self.promoted.append,
            release=lambda: self.release,
            settle_seconds=2.0,
            say=lambda _: None,
        )

    def begin(self) -> None:
        people.begin(RolloutStore(str(self.folder), S3Options()), RELEASE, self.options, self.now)

    def observe(self, rollout, ticks, now) -> Observed:
        """The minutes that are over, the same ones however often they are asked for."""
        intervals = []
        start = rollout.observed_until
        while start + MINUTE <= now and not self.silent and rollout.step < len(self.options.steps):
            # What was recorded stays so, whatever the flags are by the next look.
            if start not in self.log:
                self.log[start] = self.minute(rollout, start)
            intervals.append(self.log[start])
            start += MINUTE
        return Observed(tuple(intervals), base64.b64encode(b"\0" * 8).decode(), "", self.outcomes)

    def minute(self, rollout, start) -> SeenInterval:
        shares = self.flags.read()
        generator = np.random.default_rng(int(start))
        seen = draw(
            SCENARIOS[self.scenario],
            np.array([shares.new_model]),
            0.0,
            MINUTE,
            self.per_second,
            generator,
            seen=np.array([shares.shadow]),
        )
        arms = [
            ArmCounts(
                keys=int(arm.keys[0]),
                failed=int(arm.failed[0]),
                new=int(arm.new[0]),
                latency=tuple(int(one) for one in arm.latency[0]),
                scores=tuple(int(one) for one in arm.scores[0]),
            )
            for arm in seen.arms
        ]
        pairs, flips, total, squares = (float(one) for one in seen.pairs[0, 0])
        requests = arms[0].keys + arms[1].keys
        return SeenInterval(
            start=start,
            step=rollout.step,
            share=shares.new_model,
            requests=requests,
            champion=arms[0],
            challenger=arms[1],
            reports=(Report(replica="one", requests=requests, written=start + MINUTE + 1),),
            pairs={"all": PairCounts(pairs=int(pairs), flips=int(flips), total=total, squares=squares)}
            if pairs
            else {},
        )

    def run(self, minutes: int, *, stop: bool = True):
        """Tick four times a minute, each time by a new controller."""
        rollout = None
        for _ in range(minutes * 4):
            rollout = self.controller().tick(self.now)
            if stop and rollout.over:
                break
            self.now += 15
        return rollout

    def shares(self) -> Shares | None:
        return FlagDocument(f"{self.folder}/flags.json", S3Options()).read()
