"""The `rollout` stage: a challenger beside the champion in, all of the traffic given over or taken back out."""

from __future__ import annotations

import math
import time
from functools import cache, partial
from typing import TYPE_CHECKING

from modelway.bundle.layout import BASELINE
from modelway.errors import UsageError
from modelway.pipeline.bundles import BundleStore
from modelway.pipeline.deploy import make_release
from modelway.pipeline.environment import located
from modelway.records.observe import Baseline
from modelway.records.register import Alias
from modelway.records.rollout_state import OVER, RolloutStatus
from modelway.rollout.controller import Controller
from modelway.rollout.observing import LogObserver
from modelway.rollout.people import begin
from modelway.rollout.shares import FlagDocument
from modelway.rollout.store import RolloutStore
from modelway.storage import is_s3

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelway.deploy.flow import Flow
    from modelway.pipeline.deploy import Wanted
    from modelway.pipeline.environment import Environment
    from modelway.records.deploy import BundleRef, Release
    from modelway.records.progress import Progress
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_state import Rollout
    from modelway.registry import Registry

_SETTLE_POLLS = 2.0


class UnregisteredError(UsageError):
    """No version has an alias yet, so there is nothing to roll out."""


def check_log(environment: Environment, options: RolloutOptions) -> None:
    """Refuse settings by which the log could never be evidence.

    Raises:
        UsageError: the log is off or sampled, its segments do not make whole intervals, or come later than is waited.
    """
    log = environment.place.serve.log
    faults = {
        "serve.log.enabled": ("there is no prediction log to decide by", not log.enabled),
        "serve.log.sample": ("a rollout needs every request in the log: 1", log.sample < 1),
        "rollout.interval_seconds": (
            f"it has to be a multiple of serve.log.segment_seconds, which is {log.segment_seconds:g}",
            abs(math.remainder(options.interval_seconds, log.segment_seconds)) > 1e-9,
        ),
        "rollout.grace_seconds": (
            f"the log may come {2 * log.segment_seconds + log.flush_seconds:g} seconds late by serve.log",
            options.grace_seconds < 2 * log.segment_seconds + log.flush_seconds,
        ),
    }
    for where, (what, wrong) in faults.items():
        if wrong:
            raise UsageError(what, where=where, remedy="Change it in the settings, for the servers too.")
    target = environment.place.options.target
    if target is not None and target.kind != "local" and not is_s3(environment.place.log):
        raise UsageError(
            "the environment's servers and whoever rolls out share no local log",
            where=f"environments.{environment.place.environment}.log",
            remedy="Name an s3:// address.",
        )


def open_controller(
    environment: Environment,
    options: RolloutOptions,
    registry: Registry,
    root: Path,
    say: Callable[[str], None],
    progress: Progress,
) -> Controller:
    """The controller of an environment's rollout.

    Args:
        environment: which one.
        options: the settings' `rollout`.
        registry: where `champion` moves.
        root: the directory of the settings file.
        say: told what is done, in words.
        progress: told of downloads.

    Raises:
        InputError: the record of releases can't be read.
        OutsideError: the environment's state fails.
    """
    place, state = environment.place, environment.state
    store = RolloutStore(state.uri, state.s3)
    bundles = BundleStore(place.bundles, registry, place.trust, place.package)
    outcome = options.guards.outcome
    labels = None if outcome.alpha <= 0 else located(outcome.uri, root)
    served = place.served(state.read().current)  # its servers' settings: the project's may have changed since
    known = cache(partial(baseline_of, bundles))  # a bundle is verified once, and not at each tick

    observer = LogObserver(
        options=options,
        log=place.log,
        outcomes=labels,
        segment_seconds=served.log.segment_seconds,
        baseline=lambda rollout: known(rollout.champion),
        s3=place.options.s3,
        cache=root / ".modelway" / "cache",
        progress=progress,
    )

    def current() -> str | None:
        release = state.read().current
        return None if release is None else release.id

    return Controller(
        options=options,
        store=store,
        flags=FlagDocument(place.flags, place.options.s3),
        observe=observer,
        promote=registry.promote,
        release=current,
        settle_seconds=1.0 + _SETTLE_POLLS * served.routing.poll_seconds,
        say=say,
    )


def versions_of(environment: Environment, registry: Registry, wanted: Wanted) -> tuple[int, int]:
    """The numbers of champion and challenger.

    Raises:
        UnregisteredError: no version has that alias yet.
        UsageError: there is no such version.
        OutsideError: the registry fails.
    """
    found = []
    for word, reference in (("champion", wanted.champion), ("challenger", wanted.challengers[0])):
        version = registry.find(reference)
        if version is None and reference in {*Alias}:
            raise UnregisteredError(f"no version is the {reference} yet")
        if version is None:
            raise UsageError(
                f"there is no version {reference!r} to be the {word}",
                where=f"environments.{environment.place.environment}",
                remedy="`modelway train` registers one; the newest whose gates passed is the challenger.",
            )
        found.append(version.number)
    return found[0], found[1]


def why_none(
    environment: Environment, options: RolloutOptions, versions: tuple[int, int], *, again: bool
) -> str | None:
    """Why no rollout is to begin, in words; None where one is.

    Args:
        environment: where.
        options: the settings' `rollout`.
        versions: the champion's and the challenger's.
        again: whether one that went back before is tried again.

    Raises:
        UsageError: the settings can't be gone by.
    """
    champion, challenger = versions
    if champion == challenger:
        return f"version {champion} is the champion already"
    past = RolloutStore(environment.state.uri, environment.state.s3).read()
    went_back = {RolloutStatus.ROLLED_BACK, RolloutStatus.ABORTED}
    if past is not None and past.status in went_back and past.challenger.version == challenger and not again:
        return f"version {challenger} was {past.status} before ({past.reason}); --again tries it again"
    check_log(environment, options)
    return None


def start(
    environment: Environment,
    options: RolloutOptions,
    flow: Flow,
    bundles: BundleStore,
    wanted: Wanted,
    say: Callable[[str], None],
) -> Rollout:
    """Deliver the release that carries both bundles, unless it runs already, and begin.

    Raises:
        ModelwayError: as `deploy` does.
    """
    release = make_release(environment, bundles, wanted, say)
    known = environment.state.read().current
    if known is None or known.id != release.id:
        flow.deploy(release)
    return begin(
        RolloutStore(environment.state.uri, environment.state.s3), _current(environment, release), options, time.time()
    )


def end(controller: Controller, reason: str) -> Rollout:
    """A person ends the rollout: flags off first, and `champion` back where it had moved.

    Raises:
        UsageError: none is under way.
    """
    rollout = controller.store.read()
    if rollout is None or rollout.over:
        raise UsageError(
            "no rollout is under way",
            where=controller.store.uri,
            remedy="`modelway flags --env NAME set --new-model 0` switches a challenger off.",
        )
    return controller.go_back(rollout, RolloutStatus.ABORTED, reason, time.time())


def run(controller: Controller, options: RolloutOptions, once: bool, show: Callable[[Rollout], None]) -> Rollout:
    """Tick until the rollout is over, or once.

    Args:
        controller: of the environment.
        options: the settings' `rollout`.
        once: whether to look once alone.
        show: told of the rollout after each tick.
    """
    while True:
        rollout = controller.tick(time.time())
        assert rollout is not None  # noqa: S101 - the caller has begun one, or found it
        show(rollout)
        if once or rollout.status in OVER:
            return rollout
        time.sleep(options.tick_seconds)


def _current(environment: Environment, release: Release) -> Release:
    """The release as it is recorded: with what the target called it."""
    current = environment.state.read().current
    if current is None or current.id != release.id:
        raise UsageError(
            "another release was deployed meanwhile",
            where=environment.state.uri,
            remedy="Begin again.",
        )
    return current


def baseline_of(bundles: BundleStore, champion: BundleRef) -> Baseline:
    """The profile in a champion's bundle."""
    return Baseline.from_json((bundles.directory(champion) / BASELINE).read_bytes())
