"""Take a challenger from shadow to all of the traffic, or back, by evidence; see, pause, resume, end or simulate it."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.cli.environment import add_key_flag, find_environment, find_flow, whoami
from modelway.cli.notices import tell, telling
from modelway.cli.output import clear, show
from modelway.cli.registry import add_registry_flags, find_commit, open_registry
from modelway.cli.rollout_simulate import configure_simulate, simulate_plan
from modelway.errors import UsageError
from modelway.records.progress import silent

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.pipeline.environment import Environment
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_forecast import Forecast
    from modelway.records.rollout_state import Rollout
    from modelway.rollout.store import RolloutStore

EXAMPLE = "modelway rollout --env local"
ACTIONS = {
    "status": "tell where it is, with its evidence; --watch goes on telling",
    "pause": "keep it where it is; guards still may roll it back",
    "resume": "begin the step anew",
    "abort": "the champion answers everything again",
    "simulate": "run the plan over made-up traffic, in seconds",
}
_STUCK, _BACK = 5, 7
_WATCH_SECONDS = 2.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    about = "; ".join(f"{name}: {words}" for name, words in ACTIONS.items())
    parser.add_argument("action", nargs="?", choices=ACTIONS, help=f"none: begin it, or take it on. {about}")
    parser.add_argument("--env", metavar="NAME", help="an environment of the settings")
    parser.add_argument(
        "--challenger",
        metavar="V",
        help="a number, alias, run, release tag or latest (default: the settings', challenger)",
    )
    parser.add_argument("--model-version", default="champion", metavar="V", help="the champion (default: %(default)s)")
    parser.add_argument("--once", action="store_true", help="look once, for cron or a scheduled workflow")
    parser.add_argument("--again", action="store_true", help="also where this challenger went back before")
    parser.add_argument("--plan", action="store_true", help="tell what it would do, and what each step needs")
    parser.add_argument("--image", metavar="DIGEST", help="an image that holds both versions' bundles already")
    parser.add_argument("--watch", action="store_true", help="with status: until it is over")
    parser.add_argument("--output-dir", type=Path, metavar="DIR", help="where rollout.html and rollout.json go, too")
    add_registry_flags(parser)
    add_key_flag(parser)
    configure_simulate(parser)
    parser.epilog = f"{parser.epilog}. Exit 7: it went back; 5: a person has to decide."


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    if args.action == "simulate":
        return simulate_plan(args, output)
    if args.env is None:
        raise UsageError("which environment?", where="--env", remedy="Name one of the settings: --env local.")
    actions = {None: _roll_out, "status": _status, "pause": _pause, "resume": _resume, "abort": _abort}
    return actions[args.action](args, output)


def _roll_out(args: argparse.Namespace, output: Output) -> int:
    """Begin a rollout, unless one is under way, and take it on."""
    environment, settings, root = find_environment(args)
    from modelway.pipeline.deploy import Wanted
    from modelway.pipeline.rollout import UnregisteredError, open_controller, run, start, versions_of, why_none
    from modelway.pipeline.rollout_traffic import present_forecast
    from modelway.rollout.people import check_plan
    from modelway.rollout.store import RolloutStore

    options, registry = settings.rollout, open_registry(settings, root)
    store = RolloutStore(environment.state.uri, environment.state.s3)
    rollout = store.read()
    wanted = Wanted(args.model_version, (args.challenger or options.challenger,), args.image, find_commit(root))
    if rollout is not None and not rollout.over:
        begins, challenger = False, rollout.challenger.version
        check_plan(rollout, options)
    else:
        try:
            champion, challenger = versions_of(environment, registry, wanted)
        except UnregisteredError as error:
            return _nothing(f"{error.what}; `modelway train` registers one", rollout, output)
        begins = True
        if reason := why_none(environment, options, (champion, challenger), again=args.again):
            return _nothing(reason, rollout, output)
    needs = present_forecast(environment, options, root, silent)
    if args.plan or begins:
        _foretell(needs, options, output)
    if args.plan:
        told = {"begins": begins, "challenger": str(challenger), "rollout": _plain(rollout)}
        output.record({"exit_code": 0, **told, "forecast": None if needs is None else needs.model_dump(mode="json")})
        return 0
    _, flow, bundles = find_flow(args, output, pushes=begins and args.image is None, deploys=begins)
    with telling(args.env, "rollout", output):
        if begins:
            rollout = start(environment, options, flow, bundles, wanted, output.note)
        controller = open_controller(environment, options, registry, root, output.note, silent)
        leave = partial(_leave_page, args, environment, options, store, needs=needs)
        after = run(controller, options, args.once, leave)
    output.close()
    return _ended(args, after, store, options, output)


def _ended(
    args: argparse.Namespace, rollout: Rollout, store: RolloutStore, options: RolloutOptions, output: Output
) -> int:
    from modelway.records.rollout_state import RolloutStatus

    codes = {RolloutStatus.ROLLED_BACK: _BACK, RolloutStatus.ABORTED: _STUCK}
    waits = rollout.overdue or rollout.status is RolloutStatus.PAUSED
    code = codes.get(rollout.status, _STUCK if waits else 0)
    if rollout.over or code:
        what = f"{rollout.model} version {rollout.challenger.version}"
        tell(f"{args.env}: the rollout of {what} is {rollout.status}", [rollout.reason], output)
    if not output.json:
        _show(rollout, store, options)
    output.record({"exit_code": code, "rollout": _plain(rollout)})
    return code


def _nothing(reason: str, rollout: Rollout | None, output: Output) -> int:
    if not output.json:
        show(f"nothing to roll out: {reason}")
    output.record({"exit_code": 0, "nothing": reason, "rollout": _plain(rollout)})
    return 0


def _foretell(found: Forecast | None, options: RolloutOptions, output: Output) -> None:
    from modelway.rollout.forecast import in_words

    if output.json:
        return
    if found is None:
        show(f"{len(options.steps)} steps; there was no traffic in the last hour, so nobody can say how long they take")
    else:
        show(*in_words(found))


def _status(args: argparse.Namespace, output: Output) -> int:
    environment, settings, _ = find_environment(args)
    from modelway.rollout.store import RolloutStore

    store = RolloutStore(environment.state.uri, environment.state.s3)
    rollout = store.read()
    while args.watch and not output.json and rollout is not None and not rollout.over:
        clear()
        _show(rollout, store, settings.rollout)
        time.sleep(_WATCH_SECONDS)
        rollout = store.read()
    if not output.json:
        if rollout is None:
            show(f"{args.env}: there never was a rollout")
        else:
            _show(rollout, store, settings.rollout)
    if rollout is not None and args.output_dir is not None:
        _leave_page(args, environment, settings.rollout, store, rollout)
    last = None if rollout is None or not rollout.ticks else store.tick(rollout.id, rollout.ticks - 1)
    decision = None if last is None else last.decision.model_dump(mode="json")
    output.record({"exit_code": 0, "rollout": _plain(rollout), "decision": decision})
    return 0


def _pause(args: argparse.Namespace, output: Output) -> int:
    from modelway.rollout.people import pause

    return _changed(pause(_store(args), f"paused by {whoami()}"), output)


def _resume(args: argparse.Namespace, output: Output) -> int:
    from modelway.rollout.people import resume

    return _changed(resume(_store(args), time.time()), output)


def _abort(args: argparse.Namespace, output: Output) -> int:
    """Flags off first, whatever else is known."""
    environment, settings, root = find_environment(args)
    from modelway.pipeline.rollout import end, open_controller

    registry = open_registry(settings, root)
    controller = open_controller(environment, settings.rollout, registry, root, output.note, silent)
    rollout = end(controller, f"ended by {whoami()}")
    return _changed(rollout, output)


def _changed(rollout: Rollout, output: Output) -> int:
    if not output.json:
        show(f"version {rollout.challenger.version}: {rollout.status}, {rollout.reason}")
    output.record({"exit_code": 0, "rollout": _plain(rollout)})
    return 0


def _store(args: argparse.Namespace) -> RolloutStore:
    environment, _, _ = find_environment(args)
    from modelway.rollout.store import RolloutStore

    return RolloutStore(environment.state.uri, environment.state.s3)


def _show(rollout: Rollout, store: RolloutStore, options: RolloutOptions) -> None:
    from shutil import get_terminal_size

    from modelway.rollout.words import describe

    ticks = list(store.ticks(rollout))
    show(*describe(rollout, ticks, options, time.time(), get_terminal_size().columns))


def _plain(rollout: Rollout | None) -> dict[str, Any] | None:
    return None if rollout is None else rollout.model_dump(mode="json")


def _leave_page(
    args: argparse.Namespace,
    environment: Environment,
    options: RolloutOptions,
    store: RolloutStore,
    rollout: Rollout,
    needs: Forecast | None = None,
) -> None:
    """Write the page beside the environment's state, and where the flag says."""
    from modelway.pipeline.rollout_page import leave_rollout_page

    ticks = list(store.ticks(rollout))
    leave_rollout_page(environment, rollout, ticks, options, needs, args.output_dir)
