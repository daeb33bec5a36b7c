"""A rollout's decisions as a table: the newest first, those that say the same as one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_state import Tick

_NUMBER = re.compile(r"-?\d[\d.,]*")


@dataclass(frozen=True)
class DecisionRow:
    """Decisions one after the other that differ in numbers at the most.

    Attributes:
        newest: the last of them, whose reasons are shown.
        first: when the first one was made, in seconds since 1970.
        count: how many there are.
        step: what the step is.
    """

    newest: Tick
    first: float
    count: int
    step: str


def collapse(ticks: Sequence[Tick], options: RolloutOptions) -> list[DecisionRow]:
    """The newest first.

    Args:
        ticks: the oldest first.
        options: the settings' `rollout`.
    """
    rows = []
    for _, run in groupby(ticks, _gist):
        alike = list(run)
        number = alike[-1].step
        step = str(options.steps[number]) if number < len(options.steps) else "all"
        rows.append(DecisionRow(alike[-1], alike[0].time, len(alike), step))
    return rows[::-1]


def _gist(tick: Tick) -> tuple[object, ...]:
    """What has to be the same: a reason's own numbers need not, since they change with every look."""
    reasons = tuple(_NUMBER.sub("#", reason) for reason in tick.decision.reasons)
    return tick.step, tick.share, tick.status, tick.decision.action, tick.flags, reasons
