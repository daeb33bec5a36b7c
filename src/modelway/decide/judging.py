"""Evidence of a rollout, added up by interval, and what follows from it; of one rollout, or of many at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelway.decide.answers import distance_bounds
from modelway.decide.errors import WEIGHTS, log_against, log_margin, log_within
from modelway.decide.evidence import RATIOS, bound, log_mean
from modelway.decide.latency import quantile_bounds
from modelway.decide.sample_ratio import TILTS, log_mismatch
from modelway.decide.shadow import alike, slices_beyond
from modelway.records.rollout_seen import LATENCY_EDGES_MS, SCORE_BUCKETS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.records.rollout import RolloutOptions

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

EDGES = np.array(LATENCY_EDGES_MS)


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm's counts of one interval, as `records.rollout_seen.ArmCounts` has them.

    Attributes:
        keys: shape (...).
        failed: shape (...).
        new: shape (...).
        latency: shape (..., buckets).
        scores: shape (..., score buckets).
    """

    keys: Floats
    failed: Floats
    new: Floats
    latency: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the intervals say together.

    Attributes:
        against: log e-values of the whole rollout against "fails no more often", shape (..., ratios).
        mismatch: log e-values of the whole rollout against "the shares are as set", shape (..., tilts).
        within: log e-values of this step against "fails more often, by a margin", for a margin of 0; (..., weights).
        keys: the challenger's keys of this step, shape (...).
        champion: latencies of this step, shape (..., buckets).
        challenger: the same.
        champion_scores: answers of this step, shape (..., score buckets).
        challenger_scores: the same.
        pairs: this step's pairs in shadow, by slice, of which the first is all of them; shape (..., slices, 4): how
            many, flips, the sum of the scores' differences, that of their squares.
    """

    against: Floats
    mismatch: Floats
    within: Floats
    keys: Floats
    champion: Floats
    challenger: Floats
    champion_scores: Floats
    challenger_scores: Floats
    pairs: Floats

    @classmethod
    def none(cls, shape: tuple[int, ...] = (), slices: int = 1) -> Evidence:
        """Of a rollout that begins."""
        buckets = len(EDGES) + 1
        sizes = ((len(RATIOS),), (len(TILTS),), (len(WEIGHTS),), (), (buckets,), (buckets,))
        scores = (SCORE_BUCKETS,)
        return cls(*(np.zeros(shape + size) for size in (*sizes, scores, scores, (slices, 4))))

    def add(self, champion: Arm, challenger: Arm, share: Floats | float, pairs: Floats | float = 0.0) -> Evidence:
        """With one more interval.

        Args:
            champion: what the champion did.
            challenger: what the challenger did.
            share: the challenger's share that was set, shape (...) or one for all.
            pairs: pairs in shadow, shape (..., slices, 4).
        """
        counts = (champion.keys, champion.failed, challenger.keys, challenger.failed)
        return Evidence(
            self.against + log_against(*counts),
            self.mismatch + log_mismatch(champion.new, challenger.new, share),
            self.within + log_within(*counts),
            self.keys + np.where(champion.keys > 0, challenger.keys, 0.0),
            self.champion + champion.latency,
            self.challenger + challenger.latency,
            self.champion_scores + champion.scores,
            self.challenger_scores + challenger.scores,
            self.pairs + pairs,
        )

    def next_step(self, which: Flags | bool = True) -> Evidence:
        """What is kept where a new step begins: what may stop the rollout. What lets it go on is shown anew each time.

        Args:
            which: the rollouts where one begins, shape (...).
        """
        ends = np.asarray(which)
        kept = {name: getattr(self, name) for name in ("against", "mismatch")}
        clear = {}
        for name in ("within", "keys", "champion", "challenger", "champion_scores", "challenger_scores", "pairs"):
            value = getattr(self, name)
            clear[name] = np.where(ends.reshape(ends.shape + (1,) * (value.ndim - ends.ndim)), 0.0, value)
        return Evidence(**kept, **clear)


@dataclass(frozen=True, slots=True)
class Judged:
    """What follows from evidence, each of shape (...) where nothing else is said.

    Attributes:
        mismatch: log evidence that the shares are not as set.
        against: log evidence that the challenger fails more often.
        within: log evidence that it does not, by more than the margin.
        champion: bounds of the champion's latency quantile, in milliseconds.
        challenger: bounds of the challenger's.
        distance: bounds of how far the distributions of the answers are apart.
        pairs: how many pairs there are, in shadow.
        beyond: slices in which the challenger answers otherwise, in shadow; shape (..., slices).
        broken: the shares are not as set.
        fails: the challenger fails more often.
        slow: the challenger is slower.
        moved: its answers are distributed otherwise.
        differs: it answers otherwise in shadow, in some slice.
        rarely: that it fails more often by the margin is excluded.
        quick: that it is slower by the margin is.
        near: that its answers are distributed otherwise by the margin is.
        alike: that the pairs in shadow differ by their margins is.
    """

    mismatch: Floats
    against: Floats
    within: Floats
    champion: tuple[Floats, Floats]
    challenger: tuple[Floats, Floats]
    distance: tuple[Floats, Floats]
    pairs: Floats
    beyond: Flags
    broken: Flags
    fails: Flags
    slow: Flags
    moved: Flags
    differs: Flags
    rarely: Flags
    quick: Flags
    near: Flags
    alike: Flags

    @property
    def harmless(self) -> Flags:
        """Every margin of those who get the challenger's answers is excluded."""
        return self.rarely & self.quick & self.near


def judge(evidence: Evidence, slack: Floats | float, options: RolloutOptions) -> Judged:
    """Compare the evidence with its bounds.

    A rollback needs one guard's evidence beyond one over its part of alpha; the parts make alpha at most (Bonferroni).
    The parts of latency and answers are shared by the steps once more, since each is an epoch of its own. To go on, all
    margins have to be excluded, each with alpha: an intersection-union test (Berger, 1982) needs no parts.

    Args:
        evidence: what was seen.
        slack: how many times the margins it takes to go on, shape (...) or one for all.
        options: the settings' `rollout`.
    """
    guards, alpha = options.guards, options.alpha
    mismatch, against = log_mean(evidence.mismatch), log_mean(evidence.against)
    margin = np.asarray(slack * guards.errors.margin)
    within = log_mean(evidence.within + log_margin(evidence.keys, margin))
    champion, challenger, slow, quick = _latency(evidence, slack, options)
    distance, moved, near = _answers(evidence, slack, options)
    beyond, same = _pairs(evidence, slack, options)
    return Judged(
        mismatch=mismatch,
        against=against,
        within=within,
        champion=champion,
        challenger=challenger,
        distance=distance,
        pairs=evidence.pairs[..., 0, 0],
        beyond=beyond,
        broken=np.asarray(mismatch >= bound(guards.sample_ratio.alpha)),
        fails=np.asarray(against >= bound(alpha * guards.errors.alpha)),
        slow=slow,
        moved=moved,
        differs=np.asarray(beyond.any(axis=-1)),
        rarely=np.asarray(within >= bound(alpha)),
        quick=quick,
        near=near,
        alike=same,
    )


def _latency(
    evidence: Evidence, slack: Floats | float, options: RolloutOptions
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats], Flags, Flags]:
    guard = options.guards.latency
    shape = evidence.keys.shape
    if guard.alpha <= 0:
        nothing = (np.zeros(shape), np.full(shape, np.inf))
        return nothing, nothing, np.zeros(shape, bool), np.ones(shape, bool)
    # Of each arm's pair of bounds one side counts, half of the pair's error, so that two pairs with a part make a part.
    part = options.alpha * guard.alpha / len(options.steps)
    champion, challenger = (
        quantile_bounds(histogram, EDGES, guard.quantile, part)
        for histogram in (evidence.champion, evidence.challenger)
    )
    slow = np.asarray(challenger[0] > champion[1])
    quick = np.asarray(challenger[1] < champion[0] * (1 + guard.margin * slack))
    return champion, challenger, slow, quick


def _answers(
    evidence: Evidence, slack: Floats | float, options: RolloutOptions
) -> tuple[tuple[Floats, Floats], Flags, Flags]:
    guard = options.guards.predictions
    shape = evidence.keys.shape
    if guard.alpha <= 0:
        return (np.zeros(shape), np.ones(shape)), np.zeros(shape, bool), np.ones(shape, bool)
    part = options.alpha * guard.alpha / len(options.steps)
    low, high = distance_bounds(evidence.champion_scores, evidence.challenger_scores, part)
    return (low, high), np.asarray(low > guard.margin), np.asarray(high < np.minimum(guard.margin * slack, 1.0 + 1e-9))


def _pairs(evidence: Evidence, slack: Floats | float, options: RolloutOptions) -> tuple[Flags, Flags]:
    guard = options.guards.agreement
    pairs, flips, total, squares = (evidence.pairs[..., number] for number in range(4))
    if guard.alpha <= 0:
        return np.zeros(pairs.shape, bool), np.ones(pairs.shape[:-1], bool)
    beyond = slices_beyond(pairs, flips, total, squares, guard.flips, guard.shift, options.alpha * guard.alpha)
    pairs, flips, total, squares = (evidence.pairs[..., 0, number] for number in range(4))
    margins = (np.asarray(guard.flips * slack), np.asarray(guard.shift * slack))
    return beyond, alike(pairs, flips, total, squares, *margins, options.alpha)
