"""A rollout over hours that are compacted meanwhile decides as it would have: tick for tick, to the last number."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from modelway.observe.key_ledger import KeyLedger
from modelway.observe.log_compaction import compact_hours
from modelway.observe.log_hours import LogPlace, hours_between
from modelway.observe.rollout_log import Counted
from modelway.records.progress import silent

from .rollout_fleet import NOON, S3, Fleet, Request

HOURS = [NOON - 3600, NOON, NOON + 3600]


def traffic() -> list[Request]:
    """Two replicas around the turn of an hour, with failures, keys that come again, and pairs in shadow."""
    random = np.random.default_rng(5)
    requests = []
    for at in np.sort(random.uniform(NOON + 3300, NOON + 4200, 600)).tolist():
        arm = "challenger" if random.random() < 0.4 else "champion"
        requests.append(
            Request(
                at, key=int(random.integers(60)), arm=arm, status=500 if random.random() < 0.05 else 200,
                latency=float(random.gamma(3, 2)), score=float(random.random()), replica="ab"[int(random.integers(2))],
                shadow=float(random.random()) if arm == "champion" else None, features={"city": "x", "age": 3},
            )
        )  # fmt: skip
    return requests


@pytest.fixture
def fleet(tmp_path) -> Fleet:
    fleet = Fleet(tmp_path / "raw")
    since, until = NOON + 3300, NOON + 4200
    fleet.serve(traffic(), since, until, "a")
    paths = fleet.serve(traffic(), since, until, "b", last=True)
    late = [path for path in paths if "statistics" in path.parts][5]
    os.utime(late, (until + 400, until + 400))  # delivered long after the others
    torn = [path for path in paths if "predictions" in path.parts][3]
    torn.write_bytes(torn.read_bytes()[:-9])
    os.utime(torn, (until, until))
    copied = [path for path in paths if "statistics" in path.parts][7]
    shutil.copy2(copied, copied.with_name(f"copy-{copied.name}"))
    return fleet


def compact(fleet: Fleet) -> int:
    place = LogPlace(fleet.log, S3, fleet.root / "cache-of-monitor", silent)
    return compact_hours(place, [datetime.fromtimestamp(hour, UTC) for hour in HOURS]).segments


def ticks(fleet: Fleet, compacts: set[int], **window: object) -> list[Counted]:
    """Looks of a rollout, one after the other; before some of them the log is compacted, whatever its hours."""
    ledger, since, found = KeyLedger(), NOON + 3300, []
    for number, now in enumerate(np.arange(NOON + 3420, NOON + 4700, 97).tolist()):
        if number in compacts:
            compact(fleet)
        counted = fleet.read(now, ledger, since=since, **window)
        ledger = ledger.add(counted.seen, counted.failed)
        since = counted.intervals[-1].start + 60 if counted.intervals else since
        found.append(counted)
    return found


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize("compacts", [{0}, {3, 9}, set(range(20))], ids=["first", "twice", "always"])
def test_a_rollout_over_compacted_hours_sees_the_same(fleet, tmp_path, shadow, compacts) -> None:
    other = Fleet(tmp_path / "compacted")
    shutil.copytree(fleet.root, other.root, copy_function=shutil.copy2)
    raw = ticks(fleet, set(), shadow=shadow)
    compacted = ticks(other, compacts, shadow=shadow)
    assert list(Path(other.log).rglob("*.parquet"))
    assert sum(len(one.intervals) for one in raw) > 10
    for one, another in zip(raw, compacted, strict=True):
        assert one.intervals == another.intervals
        assert (one.rate, one.unreadable) == (another.rate, another.unreadable)
        assert np.array_equal(one.seen, another.seen)
        assert np.array_equal(one.failed, another.failed)
    assert any(one.unreadable for one in raw)


def test_the_storages_own_time_of_each_segment_is_kept(fleet) -> None:
    from modelway.observe.log_tables import LogReader

    place = LogPlace(fleet.log, S3, fleet.root / "cache", silent)

    def written() -> dict[str, float]:
        texts = LogReader(place, "statistics").texts(hours_between(HOURS[0], HOURS[-1] + 3600))
        return {text.name: text.written for text in texts}

    before = written()
    assert compact(fleet) > 100
    assert written() == before
