"""How much traffic and time a rollout's steps need, said beforehand."""

from __future__ import annotations

from modelway.records.base import Record


class StepForecast(Record):
    """One step of the plan, where the challenger is no worse than the champion."""

    requests: float | None
    """Requests of both arms that come while it lasts; None where that can't be said."""
    seconds: float | None
    """How long it takes at the present rate, likewise."""


class Forecast(Record):
    """All steps at the present rate."""

    requests_per_second: float
    """The present rate, of both arms."""
    steps: tuple[StepForecast, ...]
    """In the plan's order."""
