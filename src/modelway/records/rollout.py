"""Options of `rollout`: the plan that takes a challenger from shadow to all of the traffic, and what guards it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelway.records.base import Record

_Alpha = Annotated[float, Field(gt=0, lt=0.5)]
_Part = Annotated[float, Field(ge=0, le=1)]
_Margin = Annotated[float, Field(gt=0, lt=1)]
_Inner = Annotated[float, Field(gt=0, lt=1)]
_Seconds = Annotated[float, Field(gt=0)]
_Hours = Annotated[float, Field(gt=0)]


class TimeUp(StrEnum):
    """What is done where a step's deadline passes without enough evidence."""

    HOLD = "hold"
    """The share stays, and a person decides."""
    BACK = "back"
    """The champion answers everything again."""
    ON = "on"
    """The next step begins although non-inferiority was not shown."""


class _Step(Record):
    deadline_hours: _Hours = 24.0
    """How long the step may take."""
    time_up: TimeUp = TimeUp.HOLD
    """What is done then: hold, back or on."""
    slack: Annotated[float, Field(ge=1)] = 1.0
    """How many times the guards' margins it takes to go on: a small share can't show much, and can't harm much."""


class ShadowStep(_Step):
    """The challenger sees requests that the champion answers; nobody gets its answers."""

    kind: Literal["shadow"]
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of the routing keys whose requests it sees."""
    requests: Annotated[int, Field(ge=100)] = 1000
    """How many pairs of answers are compared, at the least; one a routing key."""

    def __str__(self) -> str:
        return f"shadow {100 * self.share:g}%"


class CanaryStep(_Step):
    """The challenger answers a share of the routing keys, for as long as it takes to show that it does no harm."""

    kind: Literal["canary"]
    share: _Inner
    """The share of the routing keys; after the last step it is all of them."""
    minutes: Annotated[float, Field(ge=0)] = 10.0
    """How long the share is held, at the least."""

    def __str__(self) -> str:
        return f"canary {100 * self.share:g}%"


class AbStep(_Step):
    """Groups that are held for a fixed time, to measure an effect."""

    kind: Literal["ab"]
    share: _Inner = 0.5
    """The challenger's share of the routing keys."""
    hours: _Hours = 24.0
    """How long the groups are held."""

    def __str__(self) -> str:
        return f"A/B {100 * self.share:g}%"

    @model_validator(mode="after")
    def _ends_in_time(self) -> AbStep:
        if self.hours > self.deadline_hours:
            raise ValueError(f"hours is {self.hours:g}, beyond deadline_hours, which is {self.deadline_hours:g}")
        return self


Step = Annotated[ShadowStep | CanaryStep | AbStep, Field(discriminator="kind")]


class ErrorGuard(Record):
    """Failed requests: 5xx, or rows that the model refused (422)."""

    alpha: _Part = 0.5
    """The guard's part of `rollout.alpha`; 0 switches its rollback off."""
    margin: _Margin = 0.005
    """By how much more of its requests the challenger may fail: excluded before a step is left."""


class LatencyGuard(Record):
    """A quantile of the answers' latency."""

    alpha: _Part = 0.25
    """The guard's part of `rollout.alpha`; 0 switches the guard off."""
    quantile: _Inner = 0.95
    """Which one."""
    margin: Annotated[float, Field(gt=0)] = 0.25
    """By what share it may be greater than the champion's: excluded before a step is left."""


class AgreementGuard(Record):
    """Answers to one request by both models, compared in pairs while the challenger is in shadow; by slice."""

    alpha: _Part = 0.15
    """The guard's part of `rollout.alpha`; 0 switches the guard off."""
    slices: tuple[str, ...] = ()
    """Columns by whose values it is compared besides, up to 20 values each; they have to be in the prediction log."""
    flips: _Margin = 0.05
    """The share of the pairs whose labels may differ, in any slice."""
    shift: Annotated[float, Field(gt=0)] = 0.05
    """How far the mean score may be shifted, in any slice, in the score's own units."""


class PredictionGuard(Record):
    """The distribution of the answers: scores, values, or classes."""

    alpha: _Part = 0.1
    """The guard's part of `rollout.alpha`; 0 switches the guard off."""
    margin: _Margin = 0.2
    """How far the distribution functions may be apart (Kolmogorov's distance): excluded before a step is left."""


class OutcomeGuard(Record):
    """What became of the predictions: ground truth, or a number that the business counts, as it comes in."""

    alpha: _Part = 0.0
    """The guard's part of `rollout.alpha`; 0 (the default) switches the guard off."""
    uri: str | None = None
    """Where the outcomes lie, by prediction id or routing key: a file, a folder or `s3://`; beside the settings."""
    column: str | None = None
    """Which column holds them; the target's, or `label`, when absent."""
    kind: Literal["truth", "number"] = "truth"
    """`truth`: what would have been right, compared with the prediction; `number`: a value, the more the better."""
    margin: Annotated[float, Field(gt=0)] = 0.02
    """By how much the challenger's mean may be worse (share of right answers, or the number's unit)."""
    needed: bool = False
    """Whether the margin has to be excluded before a step is left; else late outcomes keep nobody waiting."""

    @model_validator(mode="after")
    def _has_a_source(self) -> OutcomeGuard:
        if self.alpha > 0 and self.uri is None:
            raise ValueError("rollout.guards.outcome has a part of alpha, but no uri")
        if self.needed and self.alpha <= 0:
            raise ValueError("rollout.guards.outcome is needed, but its part of alpha is 0")
        return self


_DEFAULT_STEPS: tuple[Step, ...] = (
    ShadowStep(kind="shadow"),
    CanaryStep(kind="canary", share=0.01, slack=8),
    CanaryStep(kind="canary", share=0.05, slack=4),
    CanaryStep(kind="canary", share=0.25, slack=2),
    CanaryStep(kind="canary", share=0.5),
)


class SampleRatioGuard(Record):
    """Whether each arm gets the share of the keys that it should: looked at first, for else nothing means anything."""

    alpha: _Alpha = 0.001
    """How often a rollout may be held for nothing; it is no part of `rollout.alpha`."""


class GuardOptions(Record):
    """What may stop a rollout."""

    errors: ErrorGuard = ErrorGuard()
    """Failed requests."""
    latency: LatencyGuard = LatencyGuard()
    """Slow answers."""
    agreement: AgreementGuard = AgreementGuard()
    """Other answers, in shadow."""
    predictions: PredictionGuard = PredictionGuard()
    """Answers distributed otherwise."""
    outcome: OutcomeGuard = OutcomeGuard()
    """Worse outcomes."""
    sample_ratio: SampleRatioGuard = SampleRatioGuard()
    """Wrong shares."""

    @model_validator(mode="after")
    def _parts_make_one(self) -> GuardOptions:
        guards = (self.errors, self.latency, self.agreement, self.predictions, self.outcome)
        parts = sum(guard.alpha for guard in guards)
        if parts > 1 + 1e-9:
            raise ValueError(f"rollout.guards share alpha in parts that make {parts:g}, more than 1")
        return self


class RolloutOptions(Record):
    """The `rollout` section of the settings."""

    challenger: str = "challenger"
    """Which version is rolled out by default: a number, alias, run, release tag or latest."""
    alpha: _Alpha = 0.05
    """How often a challenger that is no worse may be rolled back, whenever and however often one looks."""
    interval_seconds: _Seconds = 60.0
    """How long the intervals are that are compared arm by arm."""
    grace_seconds: _Seconds = 30.0
    """How much later than an interval's end its metrics may come, and how wrong a clock may be."""
    guards: GuardOptions = GuardOptions()
    """What may stop it."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)] = _DEFAULT_STEPS
    """The steps, one after the other; after the last the challenger gets all of the traffic."""
    watch_hours: Annotated[float, Field(ge=0)] = 0.0
    """How long outcomes that come late may still roll it back after that."""
    tick_seconds: _Seconds = 15.0
    """How often `rollout` looks, as long as it runs."""

    @model_validator(mode="after")
    def _shares_grow(self) -> RolloutOptions:
        share = 0.0
        for number, step in enumerate(self.steps):
            if isinstance(step, ShadowStep):
                if share > 0:
                    raise ValueError(f"rollout.steps.{number} is a shadow step, after the challenger answered already")
                continue
            if step.share < share:
                raise ValueError(f"rollout.steps.{number}.share is {step.share:g}, less than the step's before")
            share = step.share
        return self
