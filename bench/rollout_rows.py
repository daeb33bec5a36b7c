"""The scenarios of the rollout's scorecard, with their aims."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelway.rollout.scenarios import SCENARIOS, Scenario

SHARE = 0.25
GROWING = (0.05, 0.25, 0.5)


@dataclass(frozen=True)
class Row:
    """One scenario with its aim.

    Attributes:
        title: what it is called.
        scenario: what is true of the traffic.
        per_second: requests per second of both arms.
        most: the share of rollbacks that the aim allows, where the arms are alike.
        least: the share that it asks for, where they are not.
        within: the median minutes that it asks for.
        shares: the challenger's shares, for equal parts of the time.
        latencies: whether latencies are drawn; they take most of the time.
        quantile: the latency quantile that is guarded.
    """

    title: str
    scenario: Scenario
    per_second: float
    most: float | None = None
    least: float | None = None
    within: float | None = None
    shares: tuple[float, ...] = (SHARE,)
    latencies: bool = False
    quantile: float = 0.95


ALIKE, INCIDENT, KEYS = SCENARIOS["no-difference"], SCENARIOS["incident"], SCENARIOS["correlated"]
BOTH = replace(ALIKE, incident=0.2, incident_minutes=(10.0, 35.0))
ROWS = (
    Row("no difference, 2/s", ALIKE, 2, most=0.05),
    Row("no difference, 50/s, with latencies", ALIKE, 50, most=0.05, latencies=True, quantile=0.99),
    Row("no difference, 50/s, shares grow", ALIKE, 50, most=0.05, shares=GROWING),
    Row("incident on both arms, 2/s", INCIDENT, 2, most=0.05),
    Row("incident on both arms, 50/s", INCIDENT, 50, most=0.05),
    Row("incident, 50/s, shares grow in it", BOTH, 50, most=0.05, shares=GROWING),
    Row("correlated, 20 a key, 2/s", KEYS, 2, most=0.05),
    Row("correlated, 20 a key, 50/s", KEYS, 50, most=0.05),
    Row("errors doubled from 0.5%, 50/s", SCENARIOS["errors-doubled"], 50, least=0.9, within=8),
    Row("4 x errors, 2/s", SCENARIOS["errors-fourfold"], 2, least=0.95),
    Row("p99 latency + 50%, 50/s", SCENARIOS["latency"], 50, least=0.95, within=10, latencies=True, quantile=0.99),
)
