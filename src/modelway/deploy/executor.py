"""Runs steps, one after the other, and nothing else: what is to be done was decided by the planner."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from modelway.deploy.planner import is_there
from modelway.errors import GateError, OutsideError, RefusedError
from modelway.flags import switch_off
from modelway.records.deploy import Live, LiveState, Release
from modelway.records.releases import Attempt, Event, Releases
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelway.deploy.lock import Lock
    from modelway.deploy.state import EnvironmentState
    from modelway.deploy.target import Place, Target
    from modelway.records.deploy import Step
    from modelway.records.smoke import SmokeReport

_EVENTS = 200
_FIRST_REST = 0.1
_SIGHTINGS = 3
"""How often a target has to say that it runs something else before it is believed: some take a moment to notice."""


class NotHealthyError(GateError):
    """The target did not get to the release, or what it runs failed its smoke test."""


class Executor:
    """Runs steps.

    Attributes:
        report: the last smoke test's; None before there was one.
        touched: whether a step of the target was run, and not refused.

    Args:
        place: the environment.
        target: what runs releases.
        state: what is known of them.
        lock: held; checked before each step.
        ask: smokes a release at an address.
        say: told what is done, in words.
        owner: who we are, in words.
    """

    def __init__(
        self,
        place: Place,
        target: Target,
        state: EnvironmentState,
        lock: Lock,
        ask: Callable[[Release, str], SmokeReport],
        say: Callable[[str], None],
        owner: str,
    ) -> None:
        self.report: SmokeReport | None = None
        self.touched = False
        self._place = place
        self._target = target
        self._state = state
        self._lock = lock
        self._ask = ask
        self._say = say
        self._owner = owner

    def run(self, steps: Sequence[Step]) -> None:
        """Run them.

        Raises:
            NotHealthyError: a wait or a smoke test failed.
            OutsideError: the target or the store failed, or the lock was lost.
        """
        rooms: dict[str, Callable[[Step], None]] = {
            "state": self._record,
            "target": self._apply,
            "wait": self._wait,
            "smoke": self._smoke,
            "flags": self._switch_off,
        }
        for step in steps:
            self._lock.check()
            self._say(step.what)
            rooms[step.room](step)

    def note_failure(self, reason: str, *, over: bool) -> None:
        """Record why what is tried has failed; `over` where there is nothing to go back to."""

        def change(known: Releases) -> Releases:
            attempt = known.attempt
            if attempt is None:
                return known
            failed = None if over else attempt.model_copy(update={"failed": reason})
            return self._happened(known, "failed", attempt.release, reason).model_copy(update={"attempt": failed})

        self._state.change(change)

    def _apply(self, step: Step) -> None:
        touched, self.touched = self.touched, True
        try:
            self._target.apply(step)
        except RefusedError:
            self.touched = touched
            raise

    def _record(self, step: Step) -> None:
        changes: dict[str, Callable[[Releases, Release], Releases]] = {
            "begin": lambda known, release: self._begin(_completed(known, step), "deploy", release),
            "begin rollback": lambda known, release: self._begin(known, "rollback", release),
            "finish": self._finish,
            "return": self._return,
            "withdraw": self._withdraw,
        }
        if step.action == "stopped":
            self._state.change(self._stopped)
            return
        release = _release_of(step)
        if step.action in {"finish", "withdraw", "return"}:
            live = self._target.inspect()
            release = release.model_copy(update={"revision": live.revision, "applied": live.applied})
        self._state.change(lambda known: changes[step.action](known, release))

    def _begin(self, known: Releases, kind: Any, release: Release) -> Releases:
        attempt = Attempt(kind=kind, release=release, started=_now(), owner=self._owner)
        return known.model_copy(update={"attempt": attempt})

    def _finish(self, known: Releases, release: Release) -> Releases:
        history = known.history
        if known.current is not None and known.current.id == release.id:
            history = history[:-1]
        kept = (*history, release)[-self._place.options.keep :]
        return self._happened(known, "deployed", release).model_copy(update={"history": kept, "attempt": None})

    def _return(self, known: Releases, release: Release) -> Releases:
        """What was tried failed; the release before runs, as it was recorded."""
        return self._happened(known, "rolled back", release).model_copy(update={"attempt": None})

    def _withdraw(self, known: Releases, release: Release) -> Releases:
        """Forget the releases that came after the one that was gone back to."""
        last = max((at for at, one in enumerate(known.history) if one.id == release.id), default=-1)
        history = (*known.history[: max(last, 0)], release)
        return self._happened(known, "rolled back", release).model_copy(update={"history": history, "attempt": None})

    def _stopped(self, known: Releases) -> Releases:
        release = known.current or (known.attempt.release if known.attempt else None)
        if release is None:
            return known
        return self._happened(known, "stopped", release).model_copy(update={"attempt": None})

    def _happened(self, known: Releases, what: Any, release: Release, reason: str = "") -> Releases:
        event = Event(time=_now(), what=what, release=str(release), reason=reason, owner=self._owner)
        return known.model_copy(update={"events": (*known.events, event)[-_EVENTS:]})

    def _wait(self, step: Step) -> None:
        """Look until all of the release runs, or nothing at all where that is wanted."""
        wanted = _release_of(step) if step.action == "stable" else None
        patience = self._place.options.wait
        deadline = time.monotonic() + patience.stable_seconds
        rest, elsewhere, said = _FIRST_REST, 0, ""
        while True:
            self._lock.check()
            live = self._look(deadline)
            if is_there(live, wanted) if wanted else live.state is LiveState.ABSENT:
                return
            elsewhere = elsewhere + 1 if live.state in {LiveState.STABLE, LiveState.ABSENT} else 0
            if live.state is LiveState.FAILED or elsewhere >= _SIGHTINGS:
                raise NotHealthyError(_why(live), where=self._place.environment)
            if live.state is LiveState.PAUSED and wanted is not None:
                self._go_on(wanted, live, step)
            if time.monotonic() > deadline:
                late = f"it was not there after {patience.stable_seconds:g} s: {live.reason or live.state}"
                raise NotHealthyError(late, where=self._place.environment)
            if live.reason and live.reason != said:
                said = live.reason
                self._say(f"{live.state}: {said}")
            time.sleep(rest)
            rest = min(rest * 2, patience.poll_seconds)

    def _look(self, deadline: float) -> Live:
        """What runs; an outside system that fails for a moment is asked again."""
        while True:
            try:
                return self._target.inspect()
            except RefusedError:
                raise
            except OutsideError as error:
                if time.monotonic() > deadline:
                    raise
                self._say(f"asking again: {error.what}")
                time.sleep(self._place.options.wait.poll_seconds)
                self._lock.check()

    def _go_on(self, wanted: Release, live: Live, step: Step) -> None:
        """The target waits for evidence: the smoke test is that, at an address where the release answers already."""
        self._smoke(step.model_copy(update={"room": "smoke"}), live.url)
        self.run(self._target.plan(wanted, live))

    def _smoke(self, step: Step, ahead: str | None = None) -> None:
        release = _release_of(step)
        url = ahead or self._place.options.url or self._target.inspect().url
        if url is None:
            raise NotHealthyError(
                "nobody knows where it answers",
                where=f"environments.{self._place.environment}.url",
                remedy="Name the address in the settings.",
            )
        self.report = self._ask(release, url)
        if self.report.verdict is not Verdict.PASS:
            raise NotHealthyError(f"the smoke test: {self.report.reason}", where=url)

    def _switch_off(self, _: Step) -> None:
        switch_off(self._place.flags, s3=self._place.options.s3)


def _completed(known: Releases, step: Step) -> Releases:
    """The releases with what was seen of the one that runs, where it was recorded without."""
    if known.current is None or known.current.applied or "before" not in step.arguments:
        return known
    before = Release.model_validate(step.arguments["before"], strict=False)
    return known.model_copy(update={"history": (*known.history[:-1], before)})


def _release_of(step: Step) -> Release:
    return Release.model_validate(step.arguments["release"], strict=False)


def _why(live: Live) -> str:
    if live.state is LiveState.FAILED:
        return live.reason or "the target says that it failed"
    runs = f"release {live.release}" if live.release else "nothing"
    return f"the target went back by itself and runs {runs}{': ' + live.reason if live.reason else ''}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
