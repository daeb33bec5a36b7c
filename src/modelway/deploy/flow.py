"""The flow, the same for every target: plan, record, apply, wait, smoke, and roll back where one of them fails."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.deploy.executor import Executor, NotHealthyError
from modelway.deploy.lock import deploy_lock
from modelway.deploy.planner import is_there, plan_deploy, plan_end_of_first, plan_return, plan_rollback, plan_stop
from modelway.errors import GateError, InputError, ModelwayError, OutsideError, RefusedError, RolledBackError
from modelway.flags import switch_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modelway.deploy.lock import Lock
    from modelway.deploy.state import EnvironmentState
    from modelway.deploy.target import Place, Target
    from modelway.records.deploy import Plan, Release
    from modelway.records.smoke import SmokeReport


@dataclass(frozen=True)
class Done:
    """What a flow did.

    Attributes:
        plan: what was planned, and carried out.
        report: the smoke test; None where nothing had to be done.
    """

    plan: Plan
    report: SmokeReport | None


@dataclass(frozen=True)
class Flow:
    """An environment, ready to be changed.

    Attributes:
        place: the environment.
        target: what runs releases.
        state: what is known of them.
        ask: smokes a release at an address.
        say: told what is done, in words.
        owner: who we are, in words.
    """

    place: Place
    target: Target
    state: EnvironmentState
    ask: Callable[[Release, str], SmokeReport]
    say: Callable[[str], None]
    owner: str

    def plan(self, release: Release) -> Plan:
        """What a deploy of this release would do; changes nothing."""
        return plan_deploy(self.place, self.target, self.state.read(), release, self.target.inspect())

    def deploy(self, release: Release) -> Done:
        """Bring a release, or come back to the one before.

        Raises:
            RolledBackError: it failed, and the release before runs again.
            GateError: it failed, and there is none before.
            OutsideError: an outside system failed: what ran before still runs, or the next run has to go on from here.
        """
        with self._locked() as lock:
            resumed = self.state.read().attempt is not None
            plan = self.plan(release)
            executor = self._executor(lock)
            try:
                executor.run(plan.steps)
            except (NotHealthyError, OutsideError) as error:
                lock.check()
                if isinstance(error, RefusedError) and not executor.touched and not resumed:
                    raise self._unchanged(executor, error) from error
                self._come_back(executor, plan, error)
            return Done(plan, executor.report)

    def roll_back(self) -> Done:
        """Flags off, and the release before back.

        Raises:
            InputError: there is no release before; the flags are off all the same.
            GateError: it came back, and is not healthy.
            OutsideError: an outside system failed; run again, it goes on.
        """
        # Flags first, and before the lock: they act within seconds, whatever a deploy that hangs may hold.
        switch_off(self.place.flags, s3=self.place.options.s3)
        with self._locked() as lock:
            plan = plan_rollback(self.place, self.target, self.state.read(), self.target.inspect())
            if plan is None:
                raise InputError(
                    "there is no release before this one; the flags are off",
                    where=self.state.uri,
                    remedy="`modelway deploy --model-version V` brings another version.",
                )
            executor = self._executor(lock)
            executor.run(plan.steps)
            return Done(plan, executor.report)

    def stop(self) -> bool:
        """End what runs; whether anything did."""
        with self._locked() as lock:
            steps = plan_stop(self.target, self.target.inspect())
            self._executor(lock).run(steps)
            return bool(steps)

    def _unchanged(self, executor: Executor, error: RefusedError) -> RefusedError:
        """The target refused its first step: there is nothing to come back from."""
        executor.note_failure(error.what, over=True)
        return RefusedError(f"{error.what}; nothing was changed", where=error.where, remedy=error.advice)

    def _come_back(self, executor: Executor, plan: Plan, error: ModelwayError) -> None:
        """What was tried failed: go back, and raise what the exit code is to say."""
        if self.state.read().attempt is None:
            raise error  # it was not even begun
        before = plan.before
        if before is None:
            if isinstance(error, OutsideError):
                executor.note_failure(error.what, over=False)
                raise error
            stopped = self._end_first(executor, plan, error)
            raise GateError(
                f"the first deploy failed, and there is no release to return to: {error.what}"
                f"{'; it was stopped, and nothing runs now' if stopped else ''}",
                where=error.where,
                remedy=error.advice or f"`modelway status --env {self.place.environment}` shows what runs.",
            ) from error
        executor.note_failure(error.what, over=False)
        self.say(f"failed: {error.what}")
        try:
            live = self.target.inspect()
            untouched = is_there(live, before) and not self.target.plan(before, live)
            executor.run(plan_return(self.place, self.target, before, live).steps)
        except ModelwayError as second:
            raise OutsideError(
                f"the deploy failed ({error.what}), and so did coming back to {before}: {second.what}",
                where=second.where,
                remedy=f"Run it again: it goes on from here. {second.remedy or ''}".strip(),
            ) from error
        if untouched and isinstance(error, OutsideError):
            raise OutsideError(f"{error.what}; {before} still runs", where=error.where, remedy=error.advice) from error
        again = f"{before} runs again{', with its previous settings' if before.id == plan.release.id else ''}."
        raise RolledBackError(f"{plan.release} failed: {error.what}", where=error.where, remedy=again) from error

    def _end_first(self, executor: Executor, plan: Plan, error: ModelwayError) -> bool:
        """End a first release that failed, so that it answers no one; whether it was ended."""
        self.say(f"failed: {error.what}")
        try:
            steps = plan_end_of_first(self.target, plan, self.target.inspect())
            executor.note_failure(error.what, over=not steps)
            executor.run(steps)
        except ModelwayError as second:
            raise OutsideError(
                f"the first deploy failed ({error.what}), and the release could not be stopped: {second.what}",
                where=second.where,
                remedy=f"Stop it: modelway stop --env {self.place.environment}.",
            ) from error
        return bool(steps)

    @contextmanager
    def _locked(self) -> Iterator[Lock]:
        with deploy_lock(self.state.uri, self.state.s3, self.owner, self.place.options.wait) as lock:
            yield lock

    def _executor(self, lock: Lock) -> Executor:
        return Executor(self.place, self.target, self.state, lock, self.ask, self.say, self.owner)
