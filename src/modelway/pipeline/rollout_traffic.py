"""An environment's traffic: the rate of the last hour foretells a rollout, what was recorded simulates one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from modelway.errors import InputError
from modelway.observe.log_hours import LogPlace
from modelway.observe.rollout_log import read_recorded
from modelway.observe.score_buckets import ScoreBuckets
from modelway.observe.traffic import read_traffic
from modelway.pipeline.bundles import BundleStore
from modelway.pipeline.rollout import baseline_of
from modelway.rollout.forecast import forecast

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.pipeline.environment import Environment
    from modelway.records.progress import Progress
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_forecast import Forecast
    from modelway.records.rollout_seen import ArmCounts
    from modelway.registry import Registry

_RATE_HOURS = 1.0


def present_forecast(
    environment: Environment, options: RolloutOptions, root: Path, progress: Progress
) -> Forecast | None:
    """What the plan needs at the rate of the last hour; None where there was no traffic.

    Raises:
        OutsideError: the log's store fails.
    """
    until = datetime.now(UTC)
    place = environment.place
    try:
        log = LogPlace(place.log, place.options.s3, root / ".modelway" / "cache", progress)
        traffic = read_traffic(log, until - timedelta(hours=_RATE_HOURS), until)
    except InputError:
        return None
    if traffic is None or not traffic.requests:
        return None
    errors = traffic.errors / traffic.requests
    return forecast(options, per_second=traffic.requests / (_RATE_HOURS * 3600), errors=errors)


def recorded_traffic(
    environment: Environment,
    options: RolloutOptions,
    registry: Registry,
    root: Path,
    since: datetime,
    until: datetime,
    progress: Progress,
) -> list[ArmCounts]:
    """What the environment's log holds, interval by interval, to be dealt out anew.

    Raises:
        InputError: nothing was recorded in that time, or no release says how answers are read.
        OutsideError: the log's store fails.
    """
    place, release = environment.place, environment.state.read().current
    if release is None:
        raise InputError(
            "nothing was ever deployed there, so nobody knows how answers are read",
            where=environment.state.uri,
            remedy=f"`modelway deploy --env {place.environment}` first.",
        )
    bundles = BundleStore(place.bundles, registry, place.trust, place.package)
    found = read_recorded(
        place.log,
        since.timestamp(),
        until.timestamp(),
        options.interval_seconds,
        ScoreBuckets.of(baseline_of(bundles, release.champion)),
        place.options.s3,
        root / ".modelway" / "cache",
        progress,
    )
    recorded = list(found)
    if not sum(counts.keys for counts in recorded):
        raise InputError("nothing was recorded in that time", where=place.log, remedy="Name an earlier one: 24h, 7d.")
    return recorded
