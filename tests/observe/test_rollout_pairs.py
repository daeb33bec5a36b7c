"""Pairs of answers in shadow: one a key, all together and by slice."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelway.observe.key_ledger import NO_KEYS, KeyLedger
from modelway.observe.score_buckets import ScoreBuckets
from modelway.records.data import ColumnType, Task
from modelway.records.rollout import AgreementGuard, GuardOptions, RolloutOptions
from modelway.records.rollout_seen import PairCounts

from .rollout_fleet import BINARY, NOON, Fleet, Request


def options(*slices: str) -> RolloutOptions:
    return RolloutOptions(guards=GuardOptions(agreement=AgreementGuard(slices=slices)))


@pytest.fixture
def fleet(tmp_path) -> Fleet:
    return Fleet(tmp_path, options())


def pairs(fleet: Fleet, buckets: ScoreBuckets = BINARY, ledger: KeyLedger | None = None) -> dict[str, PairCounts]:
    counted = fleet.read(NOON + 95, ledger, buckets, shadow=True, step=0, share=0.0)
    assert counted.unreadable == ()
    return counted.intervals[0].pairs


def about(counts: PairCounts) -> tuple[int, int, float, float]:
    return (counts.pairs, counts.flips, pytest.approx(counts.total), pytest.approx(counts.squares))


def test_one_pair_a_key_its_first_that_the_challenger_saw(fleet) -> None:
    fleet.serve(
        [
            Request(NOON + 1, key=1, score=0.6),
            Request(NOON + 2, key=1, score=0.6, shadow=0.4),
            Request(NOON + 3, key=1, score=0.6, shadow=0.9),
            Request(NOON + 4, key=2, score=0.2, shadow=0.3),
            Request(NOON + 5, key=3, score=0.2, shadow="failed"),
            Request(NOON + 6, score=0.7, shadow=0.8),
            Request(NOON + 7, score=0.7, shadow=0.8),
            Request(NOON + 8, key=4, status=500, shadow="failed"),
            Request(NOON + 9, key=5, score=0.9, shadow=0.1, epoch="e0"),
        ]
    )
    assert about(pairs(fleet)["all"]) == (5, 2, -0.2 + 0.1 + 0.1 + 0.1, 0.04 + 0.03)
    ledger = KeyLedger().add(np.array([1, 3], np.uint64), NO_KEYS)
    assert about(pairs(fleet, ledger=ledger)["all"]) == (3, 0, 0.3, 0.03)
    assert fleet.read(NOON + 95).intervals[0].pairs == {}


def test_a_step_that_begins_anew_compares_the_same_keys_again(fleet) -> None:
    requests = [Request(NOON + 60 * at + key, key=key, shadow=0.6) for at in range(3) for key in range(1, 6)]
    fleet.serve(requests, until=NOON + 210)
    window = {"shadow": True, "step": 0, "share": 0.0}
    first = fleet.read(NOON + 95, **window)
    assert first.intervals[0].pairs["all"].pairs == 5
    ledger = KeyLedger().add(first.seen, first.failed)
    rest = {"now": NOON + 215, "ledger": ledger, "since": NOON + 60, **window}
    assert [one.pairs["all"].pairs for one in fleet.read(**rest).intervals] == [0, 0]
    anew = fleet.read(**rest, paired=KeyLedger())
    assert [one.pairs["all"].pairs for one in anew.intervals] == [5, 0]
    assert [one.champion.new for one in anew.intervals] == [0, 0]


def test_slices_are_told_apart_by_every_kind_of_column(tmp_path) -> None:
    fleet = Fleet(tmp_path, options("city", "age", "member", "absent"))
    features = [
        {"city": "Bonn", "age": 40, "member": True},
        {"city": "Bonn", "age": 41.5, "member": False},
        {"city": None, "member": True},
        {},
    ]
    fleet.serve([Request(NOON + at, key=at, shadow=0.6, features=told) for at, told in enumerate(features)])
    found = {name: counts.pairs for name, counts in pairs(fleet).items()}
    assert found == {
        "all": 4,
        "city = Bonn": 2,
        "city = missing": 2,
        "age = 40": 1,
        "age = 41.5": 1,
        "age = missing": 2,
        "member = true": 2,
        "member = false": 1,
        "member = missing": 1,
        "absent = missing": 4,
    }


def test_a_hashed_column_is_told_apart_by_its_hashes(tmp_path) -> None:
    fleet = Fleet(tmp_path, options("age", "city"))
    fleet.serve([Request(NOON + at, key=at, shadow=0.6, features={"age": "a1b2", "city": "c"}) for at in range(3)])
    assert {name: counts.pairs for name, counts in pairs(fleet).items()} == {"all": 3, "age = a1b2": 3, "city = c": 3}


def test_the_most_frequent_values_alone_are_slices(tmp_path) -> None:
    fleet = Fleet(tmp_path, options("city"))
    cities = [f"c{at:02}" for at in range(30) for _ in range(1 + (at % 10 == 0))]
    fleet.serve([Request(NOON + at, key=at, shadow=0.6, features={"city": city}) for at, city in enumerate(cities)])
    found = pairs(fleet)
    assert len(found) == 21
    assert [found[f"city = c{at:02}"].pairs for at in (0, 10, 20)] == [2, 2, 2]


def test_a_shift_in_one_slice_is_seen_there(tmp_path) -> None:
    fleet = Fleet(tmp_path, options("city"))
    told = [("Bonn", 0.6), ("Ulm", 0.9)] * 10
    fleet.serve(
        [
            Request(NOON + at, key=at, score=0.6, shadow=shadow, features={"city": city})
            for at, (city, shadow) in enumerate(told)
        ]
    )
    found = pairs(fleet)
    assert found["city = Bonn"].total == 0
    assert found["city = Ulm"].total == pytest.approx(3)


def _lines(champion: dict, challenger: dict) -> list[dict]:
    return [
        {**request.records(at)[0], **champion, **{f"shadow_{name}": value for name, value in challenger.items()}}
        for at, request in enumerate([Request(NOON + 1, key=1, shadow=0.5)])
    ]


def test_of_many_classes_the_champions_ones_probability_counts(fleet) -> None:
    champion = {"prediction": "b", "probabilities": {"a": 0.2, "b": 0.5, "c": 0.3}}
    challenger = {"prediction": "a", "probabilities": {"a": 0.6, "b": 0.1, "c": 0.3}}
    fleet.write("predictions", _lines(champion, challenger), NOON, NOON + 61)
    buckets = ScoreBuckets(Task.CLASSIFICATION, ("a", "b", "c"))
    assert about(pairs(fleet, buckets)["all"]) == (1, 1, -0.4, 0.16)
    (interval,) = fleet.read(NOON + 95, buckets=buckets).intervals
    assert interval.champion.scores[:3] == (0, 1, 0)


@pytest.mark.parametrize(("value", "expected"), [(12.5, (1, 0, 2.5, 6.25)), (None, (1, 1, 0, 0))])
def test_values_flip_only_where_there_is_none(fleet, value, expected) -> None:
    champion = {"prediction": 10.0, "probabilities": None}
    fleet.write("predictions", _lines(champion, {"prediction": value, "probabilities": None}), NOON, NOON + 61)
    buckets = ScoreBuckets(Task.REGRESSION, bounds=tuple(float(at) for at in range(1, 20)))
    assert about(pairs(fleet, buckets)["all"]) == expected
    (interval,) = fleet.read(NOON + 95, buckets=buckets).intervals
    assert interval.champion.scores[10] == 1


def test_a_baseline_that_knows_nothing_compares_nothing(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1, shadow=0.1)])
    assert about(pairs(fleet, ScoreBuckets(None))["all"]) == (1, 0, 0, 0)
    assert not math.isnan(pairs(fleet, ScoreBuckets(None))["all"].total)


def test_columns_may_have_every_type(tmp_path) -> None:
    fleet = Fleet(tmp_path, options("since", "note"))
    buckets = ScoreBuckets(
        Task.CLASSIFICATION, ("no", "yes"), BINARY.bounds, {"since": ColumnType.DATE, "note": ColumnType.TEXT}
    )
    told = {"since": "2024-05-01T00:00:00Z", "note": "hello"}
    fleet.serve([Request(NOON + 1, key=1, shadow=0.6, features=told)])
    assert set(pairs(fleet, buckets)) == {"all", "since = 2024-05-01T00:00:00Z", "note = hello"}
