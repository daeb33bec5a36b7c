"""The requests of one interval, counted by routing key: those of one key are correlated, keys are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.observe.key_ledger import NO_KEYS
from modelway.observe.rollout_rows import SLICE
from modelway.observe.tallies import bounded_of
from modelway.records.rollout_seen import ALL_PAIRS, LATENCY_EDGES_MS, SCORE_BUCKETS, ArmCounts, PairCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from modelway.observe.key_ledger import KeyLedger, Keys

    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]

MISSING = "missing"
"""The value of a slice's column where it has none."""
MOST_VALUES = 20
"""Slices of one column in one interval at the most."""


@dataclass(frozen=True)
class IntervalCounts:
    """What one interval's requests say.

    Attributes:
        requests: of both arms, routed by the shares that are looked at.
        strays: routed by others.
        champion: by key.
        challenger: by key.
        pairs: in shadow, by slice; empty where none are wanted.
        keys: all that asked.
        seen: keys that were seen for the first time.
        failed: keys that failed for the first time.
    """

    requests: int
    strays: int
    champion: ArmCounts
    challenger: ArmCounts
    pairs: dict[str, PairCounts]
    keys: Keys
    seen: Keys
    failed: Keys


def count_interval(rows: pa.Table, ledger: KeyLedger, paired: KeyLedger) -> IntervalCounts:
    """Count one interval.

    Args:
        rows: as `RolloutRows` makes them, sorted by time.
        ledger: what was seen before.
        paired: keys of which no pair is wanted any more.
    """
    mine = rows.filter(rows["mine"])
    arms = {challenger: _Arm.of(mine.filter(pc.equal(mine["challenger"], challenger))) for challenger in (False, True)}
    counted = {challenger: arm.count(ledger) for challenger, arm in arms.items()}
    keys = np.unique(np.concatenate([arm.keys for arm in arms.values()]))
    failed = np.unique(np.concatenate([arm.failing for arm in arms.values()]))
    return IntervalCounts(
        requests=mine.num_rows,
        strays=rows.num_rows - mine.num_rows,
        champion=counted[False],
        challenger=counted[True],
        pairs=_pairs(mine, paired) if "paired" in rows.schema.names else {},
        keys=keys,
        seen=keys[~ledger.has_seen(keys)],
        failed=failed[~ledger.has_failed(failed)],
    )


@dataclass(frozen=True)
class _Arm:
    """One arm's requests, sorted by time: shape (requests,) each, but for the keys, each once."""

    key: Keys
    keyed: Flags
    failed: Flags
    latency: Ints
    score: Ints

    @classmethod
    def of(cls, rows: pa.Table) -> _Arm:
        key, keyed = _keys(rows)
        numbers = (rows[name].to_numpy() for name in ("failed", "latency", "score"))
        return cls(key, keyed, *numbers)

    @property
    def keys(self) -> Keys:
        return np.unique(self.key[self.keyed])

    @property
    def failing(self) -> Keys:
        return np.unique(self.key[self.keyed & self.failed])

    def count(self, ledger: KeyLedger) -> ArmCounts:
        """A request without a key is a key of its own, that nobody has seen before."""
        keys, failing = self.keys, self.failing
        fresh = ~ledger.has_failed(keys)
        alone = int(np.sum(~self.keyed))
        return ArmCounts(
            keys=int(np.sum(fresh)) + alone,
            failed=int(np.sum(~ledger.has_failed(failing))) + int(np.sum(self.failed & ~self.keyed)),
            new=int(np.sum(fresh & ~ledger.has_seen(keys))) + alone,
            latency=self._histogram(self.latency, len(LATENCY_EDGES_MS) + 1),
            scores=self._histogram(self.score, SCORE_BUCKETS),
        )

    def _histogram(self, codes: Ints, buckets: int) -> tuple[int, ...]:
        """The first code of each key that is none of nothing."""
        first = codes[_firsts(self.key, self.keyed, codes >= 0)]
        return tuple(np.bincount(first, minlength=buckets).tolist())


def _pairs(rows: pa.Table, paired: KeyLedger) -> dict[str, PairCounts]:
    """One pair of answers a key of which there is none yet, all together and by slice."""
    key, keyed = _keys(rows)
    chosen = _firsts(key, keyed, rows["paired"].to_numpy())
    known = keyed[chosen] & paired.has_seen(key[chosen])
    pairs = rows.take(pa.array(chosen[~known]))
    flips, shifts = pairs["flip"].to_numpy(), pairs["shift"].to_numpy()
    found = {ALL_PAIRS: _pair_counts(flips, shifts)}
    for name in rows.schema.names:
        if name.startswith(SLICE):
            codes, values = _values(pairs[name])
            for at in np.argsort(-np.bincount(codes, minlength=len(values)), kind="stable")[:MOST_VALUES]:
                inside = codes == at
                found[f"{name.removeprefix(SLICE)} = {values[at]}"] = _pair_counts(flips[inside], shifts[inside])
    return found


def _pair_counts(flips: Flags, shifts: NDArray[np.float64]) -> PairCounts:
    there = bounded_of(shifts[np.isfinite(shifts)])
    return PairCounts(
        pairs=len(flips), flips=int(np.sum(flips)), total=float(np.sum(there)), squares=float(np.sum(there * there))
    )


def _values(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Each pair's value by its number, and the values, sorted."""
    texts = [MISSING if value is None else value for value in column.to_pylist()]
    values = sorted(set(texts))
    numbers = {value: at for at, value in enumerate(values)}
    return np.array([numbers[text] for text in texts], np.int64), values


def _keys(rows: pa.Table) -> tuple[Keys, Flags]:
    """The keys, and where there are some."""
    if not rows.num_rows:
        return NO_KEYS, np.zeros(0, bool)
    return pc.fill_null(rows["key"], 0).to_numpy(), pc.is_valid(rows["key"]).to_numpy()


def _firsts(key: Keys, keyed: Flags, wanted: Flags) -> Ints:
    """Where the first request of each key is that is wanted, and all of those without a key; in their order."""
    (at,) = np.nonzero(wanted & keyed)
    _, first = np.unique(key[at], return_index=True)
    (alone,) = np.nonzero(wanted & ~keyed)
    return np.sort(np.concatenate([at[first], alone]))
