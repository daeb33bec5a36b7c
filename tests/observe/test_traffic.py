"""Requests by the servers' statistics: lines add up, and those without a request are no traffic."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import numpy as np
import pytest

from modelway.observe.log_hours import LogPlace
from modelway.observe.traffic import _percentile, read_traffic
from modelway.records.progress import silent
from modelway.records.serve import LATENCY_BOUNDS_MS

from .rollout_fleet import NOON, S3, Fleet, Request


@pytest.fixture
def fleet(tmp_path) -> Fleet:
    return Fleet(tmp_path)


def traffic(fleet: Fleet):
    since, until = (datetime.fromtimestamp(NOON + at, UTC) for at in (0, 3600))
    return read_traffic(LogPlace(fleet.log, S3, fleet.root / "cache", silent), since, until)


def test_lines_add_up(fleet) -> None:
    requests = [Request(NOON + at, key=at, status=500 if at % 10 == 0 else 200, latency=4.0) for at in range(80)]
    fleet.serve(requests)
    found = traffic(fleet)
    assert (found.requests, found.errors, found.refused, found.mean_ms, found.p95_ms) == (80, 8, 0, 4.0, 5.0)
    assert found.hours == ((f"{datetime.fromtimestamp(NOON, UTC):%Y-%m-%dT%H}:00Z", 80, 8),)


def test_a_server_that_only_says_that_it_lives_has_no_traffic(fleet) -> None:
    fleet.serve([])
    assert traffic(fleet) is None


def test_who_hangs_up_is_traffic_and_neither_refused_nor_an_error_and_smoke_tests_are_none(fleet) -> None:
    statuses = [200, 499, 500, 422]
    smoke = [Request(NOON + at, key=at, status=status, smoke=True) for at, status in enumerate(statuses)]
    fleet.serve([Request(NOON + at, key=at, status=status) for at, status in enumerate(statuses)] + smoke)
    found = traffic(fleet)
    assert (found.requests, found.errors, found.refused) == (4, 1, 1)
    (record,) = (line for line in fleet_statistics(fleet) if line["requests"])
    assert (record["hung_up"], record["smoke"]) == (1, 4)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_percentile_is_the_upper_bound_of_its_bucket(seed: int, q: float) -> None:
    """As numpy's inverted distribution function has it of the values themselves."""
    values = np.random.default_rng(seed).lognormal(2, 2, 40)
    at = np.searchsorted(LATENCY_BOUNDS_MS, values)
    counts = np.bincount(at, minlength=len(LATENCY_BOUNDS_MS) + 1).tolist()
    place = np.searchsorted(LATENCY_BOUNDS_MS, np.quantile(values, q, method="inverted_cdf"))
    expected = LATENCY_BOUNDS_MS[place] if place < len(LATENCY_BOUNDS_MS) else None
    assert _percentile(counts, q) == expected
    assert _percentile([0] * len(counts), q) is None


@pytest.mark.parametrize(("since", "until"), [(0, 20), (1, 20), (10, 20), (0, 10), (11, 20), (20, 30)])
def test_lines_are_those_that_begin_in_the_time_asked_for(fleet, since: int, until: int) -> None:
    fleet.serve([Request(NOON + at, key=at) for at in (0, 10, 19)])
    starts = sorted(line["start"] for line in fleet_statistics(fleet) if line["requests"])
    begin, end = (datetime.fromtimestamp(NOON + at, UTC) for at in (since, until))
    found = read_traffic(LogPlace(fleet.log, S3, fleet.root / "cache", silent), begin, end)
    expected = [one for one in starts if begin <= datetime.fromisoformat(one) < end]
    assert (0 if found is None else found.requests) == sum(
        line["requests"] for line in fleet_statistics(fleet) if line["start"] in expected
    )


def fleet_statistics(fleet: Fleet) -> list[dict]:
    paths = fleet.root.glob("**/statistics/date=*/hour=*/*.gz")
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
