"""Requests by the servers' statistics: lines add up, and those without a request are no traffic."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import pytest

from modelway.observe.log_hours import LogPlace
from modelway.observe.traffic import read_traffic
from modelway.records.progress import silent

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


def fleet_statistics(fleet: Fleet) -> list[dict]:
    paths = fleet.root.glob("**/statistics/date=*/hour=*/*.gz")
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]
