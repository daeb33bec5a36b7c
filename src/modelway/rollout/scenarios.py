"""Made-up traffic: what happens to thousands of rollouts side by side, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.judging import EDGES, Arm

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from modelway.decide.judging import Floats

_MEDIAN_MS, _SPREAD = 20.0, 0.5


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is true of the traffic.

    Attributes:
        errors: the champion's error rate.
        ratio: how many times as often the challenger fails.
        incident: error rate of both arms while the incident lasts.
        incident_minutes: when it begins and ends.
        latency: how many times as long the challenger takes.
        key_requests: requests of one routing key in an interval; they fail together.
        about: one line of help.
    """

    about: str
    errors: float = 0.005
    ratio: float = 1.0
    incident: float = 0.0
    incident_minutes: tuple[float, float] = (0.0, 0.0)
    latency: float = 1.0
    key_requests: int = 1


SCENARIOS = {
    "no-difference": Scenario("champion and challenger are alike"),
    "incident": Scenario("both arms fail for ten minutes", incident=0.2, incident_minutes=(20.0, 30.0)),
    "errors-doubled": Scenario("the challenger fails twice as often", ratio=2.0),
    "errors-fourfold": Scenario("the challenger fails four times as often", ratio=4.0),
    "latency": Scenario("the challenger takes half as long again", latency=1.5),
    "correlated": Scenario("twenty requests of a key fail together; the arms are alike", key_requests=20),
}
"""The scenarios by name."""


@dataclass(frozen=True, slots=True)
class Minute:
    """What one interval brought, by arm: the rollout's own counts, and the requests that others' rules look at.

    Attributes:
        arms: champion and challenger, counted by key.
        requests: requests of both, each of shape (runs,).
        errors: those of them that failed.
    """

    arms: tuple[Arm, Arm]
    requests: tuple[Floats, Floats]
    errors: tuple[Floats, Floats]


def draw(
    scenario: Scenario,
    share: Floats,
    time: float,
    seconds: float,
    per_second: float,
    generator: np.random.Generator,
    *,
    latencies: bool = True,
) -> Minute:
    """Draw one interval of each run.

    Args:
        scenario: what is true.
        share: the challenger's share, shape (runs,).
        time: when the interval begins, in minutes since the first.
        seconds: how long it is.
        per_second: requests per second of both arms.
        generator: where chance comes from.
        latencies: whether latencies are drawn, too; they take most of the time.
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
    of_key = scenario.key_requests
    one, other = (
        Arm(count.astype(float), bad.astype(float), count.astype(float), histogram)
        for count, bad, histogram in zip(counts, failed, histograms, strict=True)
    )
    return Minute((one, other), (one.keys * of_key, other.keys * of_key), (one.failed * of_key, other.failed * of_key))


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
