"""What became of the predictions: the difference of two means that are known late, with an interval for every look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.shadow import mean_radius

if TYPE_CHECKING:
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import Outcome, Outcomes


@dataclass(frozen=True, slots=True)
class Effect:
    """How much better the challenger's outcomes are.

    Attributes:
        difference: of the means, challenger less champion.
        low: the confidence sequence's lower end; minus infinity where too few outcomes are known.
        high: its upper end.
    """

    difference: float
    low: float
    high: float


def effect_of(outcomes: Outcomes, alpha: float) -> Effect:
    """The difference of the arms' means; one value a routing key, and all of one share-epoch.

    Each arm has an asymptotic confidence sequence (`decide.shadow.mean_radius`) with half of alpha.

    Args:
        outcomes: what is known by now.
        alpha: the probability that the difference ever leaves the interval.
    """
    arms = (outcomes.champion, outcomes.challenger)
    means = [arm.total / max(arm.keys, 1) for arm in arms]
    reach = sum(_radius(arm, alpha / 2) for arm in arms)
    difference = means[1] - means[0]
    return Effect(difference, difference - reach, difference + reach)


def effect_seen(outcomes: Outcomes | None, options: RolloutOptions) -> Effect | None:
    """The guard's effect; None where it is off, or nothing is known yet."""
    part = options.guards.outcome.alpha
    return None if outcomes is None or part <= 0 else effect_of(outcomes, options.alpha * part)


def _radius(arm: Outcome, alpha: float) -> float:
    values = (np.asarray(float(arm.keys)), np.asarray(arm.total), np.asarray(arm.squares))
    return float(mean_radius(*values, alpha))
