"""Counts of a rollout against plain Python, and whatever way records are cut into files and intervals into looks."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelway.observe.key_ledger import KeyLedger
from modelway.records.rollout import RolloutOptions
from modelway.records.rollout_seen import LATENCY_EDGES_MS, ArmCounts

from .rollout_fleet import EPOCH, NOON, Fleet, Request

LENGTH, INTERVALS = 60, 3
START = NOON + 3600 - 100  # so that the hour ends within an interval

FAILED = {422, 500}


def requests_of(seed: int) -> list[Request]:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 120))
    keys = int(random.integers(1, 60))
    arms = random.choice(["champion", "challenger"], keys)
    found = []
    for at in np.sort(random.uniform(0, LENGTH * INTERVALS, count)):
        key = int(random.integers(0, keys))
        keyed = random.random() < 0.8
        found.append(
            Request(
                float(round(START + at, 6)),
                key if keyed else None,
                str(arms[key]) if keyed else str(random.choice(["champion", "challenger"])),
                int(random.choice([200, 200, 200, 400, 422, 500])),
                float(random.lognormal(2, 2)),
                float(random.random()),
                str(random.choice([EPOCH, EPOCH, EPOCH, "e0", "pinned"])),
                int(random.integers(1, 4)),
                str(random.choice(["a", "b"])),
            )
        )
    return found


def expected(requests: list[Request]) -> list[tuple[int, int, ArmCounts, ArmCounts]]:
    """The rules of `ArmCounts`, one request after the other."""
    seen: set[int] = set()
    failed: set[int] = set()
    found = []
    for number in range(INTERVALS):
        begin = START + number * LENGTH
        inside = [one for one in requests if begin <= one.at < begin + LENGTH and one.epoch != "pinned"]
        mine = [one for one in inside if one.epoch == EPOCH]
        arms = [_arm([one for one in mine if one.arm == arm], seen, failed) for arm in ("champion", "challenger")]
        found.append((len(mine), len(inside) - len(mine), *arms))
        seen |= {one.key for one in mine if one.key is not None}
        failed |= {one.key for one in mine if one.key is not None and one.status in FAILED}
    return found


def _arm(requests: list[Request], seen: set[int], failed: set[int]) -> ArmCounts:
    groups: dict[object, list[Request]] = {}
    for number, one in enumerate(requests):
        groups.setdefault(("alone", number) if one.key is None else one.key, []).append(one)
    risk = {key: group for key, group in groups.items() if key not in failed}
    answers = [next((one for one in group if one.status < 400), None) for group in groups.values()]
    latency = Counter(bisect_left(LATENCY_EDGES_MS, one.latency) for one in answers if one)
    scores = Counter(min(int(one.score * 20), 19) for one in answers if one)
    return ArmCounts(
        keys=len(risk),
        failed=sum(any(one.status in FAILED for one in group) for group in risk.values()),
        new=sum(key not in seen for key in risk),
        latency=tuple(latency[at] for at in range(len(LATENCY_EDGES_MS) + 1)),
        scores=tuple(scores[at] for at in range(20)),
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.sampled_from([5.0, 10.0, 20.0]))
def test_counts_are_those_of_the_rules_however_the_records_are_cut(tmp_path_factory, seed, segment) -> None:
    requests = requests_of(seed)
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), RolloutOptions(), segment)
    end = START + LENGTH * INTERVALS
    for replica in ("a", "b"):
        fleet.serve(requests, START, end + 60, replica)
    counted = fleet.read(end + 30, since=START)
    wanted = expected(requests)
    got = [(one.requests, one.strays, one.champion, one.challenger) for one in counted.intervals]
    assert got == wanted
    assert all(sum(report.requests for report in one.reports) == one.requests for one in counted.intervals)
    mine = [one for one in requests if one.epoch == EPOCH and one.key is not None]
    assert sorted(counted.seen.tolist()) == sorted({one.key for one in mine})
    assert sorted(counted.failed.tolist()) == sorted({one.key for one in mine if one.status in FAILED})

    # Look by look, with what the looks before have seen.
    ledger, since, looks = KeyLedger(), START, []
    for number in range(1, INTERVALS + 1):
        one = fleet.read(START + number * LENGTH + 30, ledger, since=since)
        ledger, since = ledger.add(one.seen, one.failed), since + LENGTH * len(one.intervals)
        looks += one.intervals
    assert tuple(looks) == counted.intervals
