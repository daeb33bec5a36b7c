"""Whether what was seen is all there was: nothing is decided on half the data."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import Seen, SeenInterval


def missing_evidence(seen: Seen, options: RolloutOptions) -> tuple[str, ...]:
    """What is missing, late, there twice or of another time; empty where nothing is.

    Args:
        seen: what was seen; its last interval has to be over.
        options: the settings' `rollout`.
    """
    if not seen.intervals:
        return ("no metrics: no interval has been reported yet",)
    problems = [*_gaps(seen, options)]
    known: set[str] = set()
    for interval in seen.intervals:
        problems += _of_interval(interval, options)
        names = {report.replica for report in interval.reports}
        # A replica that is gone for good is named as long as the step lasts: whoever scaled down begins it anew.
        problems += [f"replica {name} has stopped reporting at {interval.start:.0f}" for name in sorted(known - names)]
        known |= names
    return tuple(dict.fromkeys(problems))


def _gaps(seen: Seen, options: RolloutOptions) -> list[str]:
    length, starts = options.interval_seconds, [interval.start for interval in seen.intervals]
    problems = [
        f"no interval between {one:.0f} and {other:.0f}"
        for one, other in pairwise(starts)
        if other - one > 1.5 * length
    ]
    if any(other - one < 0.5 * length for one, other in pairwise(starts)):
        problems.append("an interval is there twice")
    age = seen.now - (starts[-1] + length)
    if age > length + options.grace_seconds:
        problems.append(f"metrics are late: the last interval ended {age:.0f} seconds ago")
    if age < -options.grace_seconds:
        problems.append(f"a clock is wrong: the last interval ends in {-age:.0f} seconds")
    return problems


def _of_interval(interval: SeenInterval, options: RolloutOptions) -> list[str]:
    names = [report.replica for report in interval.reports]
    problems = [
        f"replica {name} reported {interval.start:.0f} twice"
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    end = interval.start + options.interval_seconds
    for report in interval.reports:
        off = report.written - end
        if not -options.grace_seconds <= off <= options.interval_seconds + options.grace_seconds:
            problems.append(f"the clock of replica {report.replica} is {off:+.0f} seconds off, or it reports late")
        if report.dropped:
            problems.append(f"replica {report.replica} has lost {report.dropped} records")
    reported = sum(report.requests for report in interval.reports)
    if reported != interval.requests:
        problems.append(f"{interval.requests} requests were counted at {interval.start:.0f}, but {reported} reported")
    return problems
