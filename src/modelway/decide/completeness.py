"""Whether what was seen is all there was: nothing is decided on half the data."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import Seen, SeenInterval


def missing_evidence(seen: Seen, options: RolloutOptions) -> tuple[str, ...]:
    """What is missing, late, there twice or of another time by now; empty where nothing is.

    Args:
        seen: what was seen; its last interval has to be over.
        options: the settings' `rollout`.
    """
    if not seen.intervals:
        return ("no metrics: no interval has been reported yet",)
    problems = (*_gaps(seen, options), *unsound_intervals(seen, options)[-1])
    return tuple(dict.fromkeys(problems))


def unsound_intervals(seen: Seen, options: RolloutOptions) -> list[tuple[str, ...]]:
    """For each interval, why it can't be used; empty for those that can.

    A replica that goes silent without having said that it ends makes every interval unsound from then on, until it is
    back or a person begins the step anew.
    """
    found: list[tuple[str, ...]] = []
    known: set[str] = set()
    before = float("-inf")
    for interval in seen.intervals:
        if before < seen.resumed <= interval.start:
            known.clear()
        before = interval.start
        problems = _of_interval(interval, options)
        names = {report.replica for report in interval.reports}
        problems += [f"replica {name} has stopped reporting at {interval.start:.0f}" for name in sorted(known - names)]
        known = (known | names) - {report.replica for report in interval.reports if report.last}
        found.append(tuple(problems))
    return found


def _gaps(seen: Seen, options: RolloutOptions) -> list[str]:
    length, starts = options.interval_seconds, [interval.start for interval in seen.intervals]
    inside = [one.start for one in seen.intervals if one.step == seen.step and one.start >= seen.resumed]
    problems = [
        f"no interval between {one:.0f} and {other:.0f}"
        for one, other in pairwise(inside)
        if other - one > 1.5 * length
    ]
    if any(other - one < 0.5 * length for one, other in pairwise(inside)):
        problems.append("an interval is there twice")
    age = seen.now - max(starts[-1] + length, seen.step_began)
    if age > length + options.grace_seconds:
        problems.append(f"metrics are late: the last interval ended {age:.0f} seconds ago")
    if age < -options.grace_seconds:
        problems.append(f"a clock is wrong: the last interval ends in {-age:.0f} seconds")
    return problems


def _of_interval(interval: SeenInterval, options: RolloutOptions) -> list[str]:
    names = [report.replica for report in interval.reports]
    if not names:
        return [f"no replica has reported {interval.start:.0f}"]
    problems = [
        f"replica {name} reported {interval.start:.0f} twice"
        for name in sorted({n for n in names if names.count(n) > 1})
    ]
    end = interval.start + options.interval_seconds
    for report in interval.reports:
        off = report.written - end
        if not -options.grace_seconds <= off <= options.interval_seconds + options.grace_seconds and not report.last:
            problems.append(f"the clock of replica {report.replica} is {off:+.0f} seconds off, or it reports late")
        if report.dropped:
            problems.append(f"replica {report.replica} has lost {report.dropped} records")
    reported = sum(report.requests for report in interval.reports)
    if reported != interval.requests:
        problems.append(f"{interval.requests} requests were counted at {interval.start:.0f}, but {reported} reported")
    if interval.strays:
        problems.append(f"{interval.strays} requests were routed by other shares at {interval.start:.0f}")
    return problems
