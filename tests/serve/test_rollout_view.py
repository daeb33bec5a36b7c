"""What a rollout sees of real servers: every request counted once, by those who answered it."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import psutil

from modelway.decide.completeness import unsound_intervals
from modelway.flags import update_flags, with_shares
from modelway.observe.key_ledger import KeyLedger
from modelway.observe.rollout_log import RolloutWindow, read_intervals
from modelway.observe.score_buckets import ScoreBuckets
from modelway.records.data import S3Options, Task
from modelway.records.flags import Shares
from modelway.records.progress import silent
from modelway.records.rollout import AgreementGuard, GuardOptions, RolloutOptions
from modelway.records.rollout_seen import Seen, SeenInterval

BUCKETS = ScoreBuckets(Task.CLASSIFICATION, ("no", "yes"), tuple(at / 20 for at in range(1, 20)))
SEGMENT = 0.5


def _start(start, bundle, tmp_path, shares: Shares, **challenger):
    flags = str(tmp_path / "flags.json")
    update_flags(flags, lambda found: with_shares(found, shares))
    settings = {"log__flush_seconds": 0.05, "log__segment_seconds": SEGMENT, "workers__count": 2}
    return start("--challenger", str(bundle(4, **challenger)), routing__flags=flags, **settings)


def _ask(server, keys: range) -> list:
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda key: server.predict(x_routing_key=f"customer {key % 40}"), keys))


def _look(
    server, tmp_path, since: float, epoch: str, *, shadow: bool = False
) -> tuple[tuple[SeenInterval, ...], set[str]]:
    """The intervals, and what `decide` says of them; after all has ended, since a busy machine may be late."""
    guards = GuardOptions(agreement=AgreementGuard(slices=("home",)))
    options = RolloutOptions(interval_seconds=1, grace_seconds=300, guards=guards)
    now = time.time()
    # The interval that is under way is waited for as well.
    over = now + options.interval_seconds + options.grace_seconds
    window = RolloutWindow(since, over, epoch, 0, 0.5, shadow=shadow)
    counted = read_intervals(
        str(server.root / "log"),
        window,
        KeyLedger(),
        BUCKETS,
        options,
        SEGMENT,
        S3Options(),
        tmp_path / "cache",
        silent,
    )
    assert counted.unreadable == ()
    assert len(counted.seen) == 40
    lived = tuple(interval for interval in counted.intervals if interval.start < now)
    told = unsound_intervals(Seen(intervals=lived, step=0, step_began=since, now=now), options)
    # Before the first process was there, and after the last has ended, there is nobody to tell.
    return lived, {one for found in told for one in found if "no replica" not in one}


def test_every_request_of_two_workers_is_counted_and_reported(start, bundle, tmp_path) -> None:
    since = time.time()
    server = _start(start, bundle, tmp_path, Shares(new_model=0.5), fails=True)
    answers = _ask(server, range(200))
    assert server.stop() == 0
    (epoch,) = {answer.headers["x-share-epoch"] for answer in answers}
    intervals, problems = _look(server, tmp_path, since, epoch)
    assert problems == set()
    by_arm = {"champion": set(), "challenger": set()}
    for key, answer in enumerate(answers):
        by_arm[answer.headers["x-model-variant"]].add(key % 40)
    assert sum(interval.requests for interval in intervals) == 200
    assert sum(interval.champion.new for interval in intervals) == len(by_arm["champion"]) > 0
    assert sum(interval.challenger.new for interval in intervals) == len(by_arm["challenger"]) > 0
    assert sum(interval.challenger.failed for interval in intervals) == len(by_arm["challenger"])
    assert sum(interval.champion.failed for interval in intervals) == 0
    assert sum(report.last for interval in intervals for report in interval.reports) == 2


def test_pairs_in_shadow_are_counted_once_a_key(start, bundle, tmp_path, until) -> None:
    since = time.time()
    server = _start(start, bundle, tmp_path, Shares(shadow=1.0), shift=-0.2)
    answers = _ask(server, range(120))
    until(lambda: server.metric("modelway_shadow_requests_total") == 120)
    assert server.stop() == 0
    intervals, problems = _look(server, tmp_path, since, answers[0].headers["x-share-epoch"], shadow=True)
    assert problems == set()
    pairs = [interval.pairs["all"] for interval in intervals]
    assert sum(counts.pairs for counts in pairs) == sum(counts.flips for counts in pairs) == 40
    assert abs(sum(counts.total for counts in pairs) + 0.2 * 40) < 1e-6
    named = [interval.pairs["home = own"].pairs for interval in intervals if "home = own" in interval.pairs]
    assert sum(named) == 40


def test_a_worker_that_is_killed_has_stopped_reporting_and_its_successor_has_not(
    start, bundle, tmp_path, until
) -> None:
    since = time.time()
    server = _start(start, bundle, tmp_path, Shares(new_model=0.5))
    answers = _ask(server, range(100))
    until(lambda: sum(line["requests"] for line in server.lines("statistics")) == 100)
    until(lambda: len(server.lines()) == 100)
    supervised = psutil.Process(server.process.pid).children()
    replicas = {line["replica"] for line in server.lines("statistics")}
    killed = next(name for name in replicas if int(name.rpartition("-")[2]) in {child.pid for child in supervised})
    os.kill(int(killed.rpartition("-")[2]), signal.SIGKILL)
    until(lambda: len({line["replica"] for line in server.lines("statistics")}) == 3)
    answers += _ask(server, range(100))
    assert {answer.status for answer in answers} == {200}
    until(lambda: len(server.lines()) == 200)  # a busy machine may leave at the end what the next start delivers
    assert server.stop() == 0
    intervals, problems = _look(server, tmp_path, since, answers[0].headers["x-share-epoch"])
    assert sum(interval.requests for interval in intervals) == 200
    assert {one.rpartition(" at ")[0] for one in problems} == {f"replica {killed} has stopped reporting"}
