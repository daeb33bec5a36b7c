"""What a deploy is going to do, as data: the flow's own steps around those that the target plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.records.deploy import Live, LiveState, Plan, Release, Step

if TYPE_CHECKING:
    from pydantic import JsonValue

    from modelway.deploy.target import Place, Target
    from modelway.records.releases import Releases


def plan_deploy(place: Place, target: Target, known: Releases, release: Release, live: Live) -> Plan:
    """The plan for a release; without steps where it runs, nothing else was begun and the target has nothing to do."""
    theirs = target.plan(release, live)
    settled = known.attempt is None and known.current is not None and known.current.id == release.id
    before = _with_applied(known.current, live)
    steps: tuple[Step, ...] = ()
    if theirs or not settled or not is_there(live, release):
        begin = _state("begin", f"record what runs now, and that {release} is tried", release, before)
        steps = (begin, *theirs, *_look(release), _state("finish", f"record that {release} runs", release))
    return _plan(place, release, before, live, steps)


def plan_return(place: Place, target: Target, release: Release, live: Live) -> Plan:
    """The plan back to a release that ran before, after another one failed."""
    steps = (
        *target.plan(release, live),
        *_look(release),
        _state("return", f"record that {release} runs again", release),
    )
    return _plan(place, release, None, live, steps)


def plan_rollback(place: Place, target: Target, known: Releases, live: Live) -> Plan | None:
    """The plan of somebody who asks for the release before: flags first, since they act within seconds.

    None where there is no release before. A rollback that was cut off goes on to where it was going, and a deploy that
    was cut off goes back to the last good release.
    """
    attempt = known.attempt
    if attempt is not None:
        release = attempt.release if attempt.kind == "rollback" else known.current
    else:
        release = _before(known)
    flags = Step(room="flags", action="off", what="switch challenger and shadow off, at every replica within 2 s")
    if release is None:
        return None
    steps = (
        flags,
        _state("begin rollback", f"record that {release} is to come back", release),
        *target.plan(release, live),
        *_look(release),
        _state("withdraw", f"record that {release} runs again", release),
    )
    return _plan(place, release, None, live, steps)


def plan_stop(target: Target, live: Live) -> tuple[Step, ...]:
    """The steps that end what runs."""
    theirs = target.plan(None, live)
    if not theirs:
        return ()
    gone = Step(room="wait", action="absent", what="wait until nothing runs any more")
    return (*theirs, gone, Step(room="state", action="stopped", what="record that it was stopped"))


def _with_applied(release: Release | None, live: Live) -> Release | None:
    """The release with what it runs by now, where an older version of modelway did not record that."""
    if release is None or release.applied or live.release != release.id or live.state is not LiveState.STABLE:
        return release
    return release.model_copy(update={"applied": live.applied})


def find_drift(target: Target, live: Live, known: Releases) -> tuple[str, ...]:
    """Return what would bring the current release back to what was applied for it, in words; empty if that is there."""
    current = known.current
    if known.attempt is not None or current is None or not current.applied or live.release != current.id:
        return ()
    return tuple(step.what for step in target.plan(current, live))


def plan_end_of_first(target: Target, plan: Plan, live: Live) -> tuple[Step, ...]:
    """Return the steps that end a first release that failed; none where what else runs there would end with it.

    What a target ran before modelway came may still answer, unless all of the failed release runs.
    """
    theirs = plan.live.state is not LiveState.ABSENT and plan.live.release is None
    if live.release != plan.release.id or (theirs and live.state is not LiveState.STABLE):
        return ()
    return plan_stop(target, live)


def is_there(live: Live, release: Release) -> bool:
    """Whether the target runs the release, all of it."""
    return live.state is LiveState.STABLE and live.release == release.id


def _before(known: Releases) -> Release | None:
    """The last good release that is another one than the current."""
    current = known.current
    if current is None:
        return None
    return next((one for one in reversed(known.history) if one.id != current.id), None)


def _look(release: Release) -> tuple[Step, ...]:
    arguments: dict[str, JsonValue] = {"release": release.model_dump(mode="json", exclude={"applied"})}
    return (
        Step(room="wait", action="stable", what="wait until all of it runs", arguments=arguments),
        Step(room="smoke", action="ask", what="ask it real questions", arguments=arguments),
    )


def _state(action: str, what: str, release: Release, before: Release | None = None) -> Step:
    arguments: dict[str, JsonValue] = {"release": release.model_dump(mode="json")}
    if before is not None:
        arguments["before"] = before.model_dump(mode="json")
    return Step(room="state", action=action, what=what, arguments=arguments)


def _plan(place: Place, release: Release, before: Release | None, live: Live, steps: tuple[Step, ...]) -> Plan:
    options = place.options.target
    kind = options.kind if options is not None else ""
    return Plan(environment=place.environment, target=kind, release=release, before=before, live=live, steps=steps)
