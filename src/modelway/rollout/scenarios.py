"""Made-up traffic: what happens to thousands of rollouts side by side, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.judging import EDGES, Arm
from modelway.records.rollout_seen import SCORE_BUCKETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from modelway.decide.judging import Floats
    from modelway.records.rollout import RolloutOptions

_MEDIAN_MS, _SPREAD = 20.0, 0.5
_FLIPS, _NOISE = 0.01, 0.05
"""In shadow: the share of labels that differ, and the standard deviation of the scores' differences."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is true of the traffic.

    Attributes:
        errors: the champion's error rate.
        ratio: how many times as often the challenger fails.
        incident: error rate of both arms while the incident lasts.
        incident_minutes: when it begins and ends.
        latency: how many times as long the challenger takes.
        answers: by how many of the twenty buckets the challenger's scores are higher.
        key_requests: requests of one routing key in an interval; they fail together.
        about: one line of help.
    """

    about: str
    errors: float = 0.005
    ratio: float = 1.0
    incident: float = 0.0
    incident_minutes: tuple[float, float] = (0.0, 0.0)
    latency: float = 1.0
    answers: int = 0
    key_requests: int = 1


SCENARIOS = {
    "no-difference": Scenario("champion and challenger are alike"),
    "incident": Scenario("both arms fail for ten minutes", incident=0.2, incident_minutes=(20.0, 30.0)),
    "errors-doubled": Scenario("the challenger fails twice as often", ratio=2.0),
    "errors-fourfold": Scenario("the challenger fails four times as often", ratio=4.0),
    "latency": Scenario("the challenger takes half as long again", latency=1.5),
    "answers": Scenario("the challenger's scores are higher by 0.3", answers=6),
    "correlated": Scenario("twenty requests of a key fail together; the arms are alike", key_requests=20),
}
"""The scenarios by name."""


@dataclass(frozen=True)
class MadeUpTraffic:
    """Traffic of a scenario.

    Attributes:
        scenario: what is true.
        per_second: requests per second of both arms.
        options: the settings' `rollout`: how long an interval is, and what need not be drawn.
    """

    scenario: Scenario
    per_second: float
    options: RolloutOptions

    def draw(self, number: int, share: Floats, seen: Floats, generator: np.random.Generator) -> Minute:
        """One interval of each run; as `RecordedTraffic.draw`."""
        seconds, guards = self.options.interval_seconds, self.options.guards
        return draw(
            self.scenario,
            share,
            number * seconds / 60,
            seconds,
            self.per_second,
            generator,
            seen=seen,
            latencies=guards.latency.alpha > 0,
            answers=guards.predictions.alpha > 0,
        )


@dataclass(frozen=True, slots=True)
class Minute:
    """What one interval brought, by arm: the rollout's own counts, and the requests that others' rules look at.

    Attributes:
        arms: champion and challenger, counted by key.
        requests: requests of both, each of shape (runs,).
        errors: those of them that failed.
        pairs: pairs in shadow, shape (runs, 1, 4), as `decide.judging.Evidence` has them.
    """

    arms: tuple[Arm, Arm]
    requests: tuple[Floats, Floats]
    errors: tuple[Floats, Floats]
    pairs: Floats


def draw(
    scenario: Scenario,
    share: Floats,
    time: float,
    seconds: float,
    per_second: float,
    generator: np.random.Generator,
    *,
    seen: Floats | float = 0.0,
    latencies: bool = True,
    answers: bool = True,
) -> Minute:
    """Draw one interval of each run.

    Args:
        scenario: what is true.
        share: the challenger's share, shape (runs,).
        time: when the interval begins, in minutes since the first.
        seconds: how long it is.
        per_second: requests per second of both arms.
        generator: where chance comes from.
        seen: the share of the keys whose requests the challenger sees in shadow, shape (runs,) or one for all.
        latencies: whether latencies are drawn, too; they take most of the time.
        answers: whether scores are.
    """
    keys = generator.poisson(per_second * seconds / scenario.key_requests, share.shape)
    challengers = generator.binomial(keys, share)
    begin, end = scenario.incident_minutes
    rate = scenario.incident if begin <= time < end else scenario.errors
    counts = (keys - challengers, challengers)
    rates = (rate, min(1.0, rate * scenario.ratio))
    failed = [generator.binomial(count, one) for count, one in zip(counts, rates, strict=True)]
    histograms = [
        _latencies(count, factor, generator) if latencies else np.zeros((*share.shape, len(EDGES) + 1))
        for count, factor in zip(counts, (1.0, scenario.latency), strict=True)
    ]
    scores = [
        _scores(count - bad, shift, generator) if answers else np.zeros((*share.shape, SCORE_BUCKETS))
        for count, bad, shift in zip(counts, failed, (0, scenario.answers), strict=True)
    ]
    of_key = scenario.key_requests
    one, other = (
        Arm(count.astype(float), bad.astype(float), count.astype(float), histogram, answered)
        for count, bad, histogram, answered in zip(counts, failed, histograms, scores, strict=True)
    )
    requests, errors = (one.keys * of_key, other.keys * of_key), (one.failed * of_key, other.failed * of_key)
    return Minute((one, other), requests, errors, pairs_by_noise(counts[0], seen, generator))


def _scores(count: NDArray[np.int64], shift: int, generator: np.random.Generator) -> Floats:
    """Scores, low ones more often than high ones, in the rollout's buckets."""
    weights = np.linspace(2.0, 0.5, SCORE_BUCKETS)
    drawn = generator.multinomial(count, weights / weights.sum()).astype(float)
    return shifted_up(drawn, shift)


def shifted_up(histogram: Floats, buckets: int) -> Floats:
    """A histogram of values that are greater by so many buckets; the last one takes what is beyond.

    Args:
        histogram: shape (..., buckets).
        buckets: by how many; 0 or more.
    """
    moved = np.roll(histogram, buckets, axis=-1)
    if buckets:
        moved[..., -1] += moved[..., :buckets].sum(axis=-1)
        moved[..., :buckets] = 0.0
    return moved


def pairs_by_noise(count: NDArray[np.int64], seen: Floats | float, generator: np.random.Generator) -> Floats:
    """Pairs in shadow that differ by noise alone, shape (runs, 1, 4), as `decide.judging.Evidence` has them.

    Args:
        count: keys of the champion, shape (runs,).
        seen: the share of them that the challenger sees.
        generator: where chance comes from.
    """
    pairs = generator.binomial(count, seen)
    flips = generator.binomial(pairs, _FLIPS)
    totals = generator.normal(0.0, _NOISE * np.sqrt(pairs))
    return np.stack((pairs, flips, totals, pairs * _NOISE**2), axis=-1)[..., None, :]


def _latencies(count: NDArray[np.int64], factor: float, generator: np.random.Generator) -> Floats:
    """Lognormal latencies in the rollout's buckets."""
    below = np.concatenate((_normal(np.log(EDGES / (_MEDIAN_MS * factor)) / _SPREAD), [1.0]))
    chances = np.diff(below, prepend=0.0)
    drawn: Floats = generator.multinomial(count, chances / chances.sum()).astype(float)
    return drawn


def _normal(values: Floats) -> Floats:
    """The standard normal distribution function, to 1e-15, without scipy."""
    from math import erf

    error_function: Callable[[Floats], Floats] = np.vectorize(erf)
    return 0.5 * (1 + error_function(values / np.sqrt(2)))
