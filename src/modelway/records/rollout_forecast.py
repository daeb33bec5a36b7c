"""How much traffic and time a rollout's steps need, said beforehand."""

from __future__ import annotations

from modelway.records.base import Record


class StepForecast(Record):
    """One step of the plan, where the challenger is as good as the champion."""

    share: float
    """The challenger's share of the keys; 0 in shadow."""
    minutes: float | None
    """How long it takes; None where that is more than a day, or can't be said."""
    requests: float | None
    """Requests of both arms in that time, likewise."""


class Forecast(Record):
    """All steps at the present rate."""

    per_second: float
    """Requests a second of both arms, on which it rests."""
    errors: float
    """The champion's share of failed requests, likewise."""
    steps: tuple[StepForecast, ...]
    """In the plan's order."""
