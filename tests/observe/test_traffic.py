"""Requests by the servers' statistics: lines add up, and those without a request are no traffic."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modelway.observe.traffic import read_traffic
from modelway.records.progress import silent

from .rollout_fleet import NOON, S3, Fleet, Request


@pytest.fixture
def fleet(tmp_path) -> Fleet:
    return Fleet(tmp_path)


def traffic(fleet: Fleet):
    since, until = (datetime.fromtimestamp(NOON + at, UTC) for at in (0, 3600))
    return read_traffic(fleet.log, since, until, S3, fleet.root / "cache", silent)


def test_lines_add_up(fleet) -> None:
    requests = [Request(NOON + at, key=at, status=500 if at % 10 == 0 else 200, latency=4.0) for at in range(80)]
    fleet.serve(requests)
    found = traffic(fleet)
    assert (found.requests, found.errors, found.refused, found.mean_ms, found.p95_ms) == (80, 8, 0, 4.0, 5.0)
    assert found.hours == ((f"{datetime.fromtimestamp(NOON, UTC):%Y-%m-%dT%H}:00Z", 80, 8),)


def test_a_server_that_only_says_that_it_lives_has_no_traffic(fleet) -> None:
    fleet.serve([])
    assert traffic(fleet) is None
