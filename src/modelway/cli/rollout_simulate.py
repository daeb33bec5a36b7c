"""`rollout simulate`: what the settings' plan would do, in seconds."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelway.cli.environment import find_environment
from modelway.cli.output import show
from modelway.cli.registry import open_registry
from modelway.cli.settings import read_slice
from modelway.cli.watching import moment
from modelway.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_seen import ArmCounts
    from modelway.rollout.simulation import Simulated, Traffic


def configure_simulate(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `simulate`."""
    parser.add_argument(
        "--scenario",
        default="no-difference",
        metavar="NAME",
        help="what is true of the traffic; `--scenario list` tells (default: %(default)s)",
    )
    parser.add_argument(
        "--requests-per-second", type=float, default=50.0, metavar="N", help="of both arms (default: %(default)g)"
    )
    parser.add_argument(
        "--hours", type=float, default=24.0, metavar="H", help="how long is looked (default: %(default)g)"
    )
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="how many rollouts (default: %(default)s)")
    parser.add_argument(
        "--recorded", metavar="TIME", help="deal out what the environment's log holds since then: ISO 8601, or 24h ago"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same one gives the same result")


def simulate_plan(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    from modelway.rollout.faults import FAULTS
    from modelway.rollout.recorded import RecordedTraffic
    from modelway.rollout.scenarios import SCENARIOS, MadeUpTraffic
    from modelway.rollout.shadow_scenarios import SHADOW_SCENARIOS
    from modelway.rollout.simulation import simulate

    known = {name: scenario.about for name, scenario in SCENARIOS.items()}
    known |= {name: about for name, (about, _) in (*FAULTS.items(), *SHADOW_SCENARIOS.items())}
    if args.scenario == "list":
        if not output.json:
            show(*(f"{name}: {about}" for name, about in known.items()))
        output.record({"exit_code": 0, "scenarios": known})
        return 0
    if args.scenario not in known:
        raise UsageError(
            f"there is no scenario {args.scenario!r}", where="--scenario", remedy=f"Known are: {', '.join(known)}."
        )
    _refuse_too_little(args)
    settings, _ = read_slice(args)
    if args.scenario in FAULTS:
        return _with_fault(args, output, settings.rollout)
    if args.scenario in SHADOW_SCENARIOS:
        return _in_shadow(args, output, settings.rollout)
    scenario = SCENARIOS[args.scenario]
    if args.recorded is None:
        traffic: Traffic = MadeUpTraffic(scenario, args.requests_per_second, settings.rollout)
        of = f"{args.requests_per_second:g} requests/s"
    else:
        recorded = _recorded(args, output)
        traffic, of = RecordedTraffic(recorded, scenario), f"{sum(one.keys for one in recorded):,} recorded keys"
    found = simulate(settings.rollout, traffic, hours=args.hours, runs=args.runs, seed=args.seed)
    if not output.json:
        _show(args, of, found, settings.rollout)
    asked = {"scenario": args.scenario, "traffic": of, "hours": args.hours}
    output.record({"exit_code": 0, **asked, "seed": args.seed, **asdict(found)})
    return 0


def _with_fault(args: argparse.Namespace, output: Output, options: RolloutOptions) -> int:
    """Decisions with faulty metrics, of a challenger that fails four times as often: what tempts most to decide."""
    from modelway.rollout.faults import decide_with_fault
    from modelway.rollout.scenarios import SCENARIOS

    worse = SCENARIOS["errors-fourfold"]
    found = decide_with_fault(
        options, args.scenario, worse, per_second=args.requests_per_second, runs=args.runs, seed=args.seed
    )
    if not output.json:
        show(f"{args.scenario}, {args.requests_per_second:g} requests/s, {args.runs} decisions after twenty minutes:")
        show(*(f"  {action.value}: {count} ({count / args.runs:.1%})" for action, count in found.items()))
    decided = {action.value: count for action, count in found.items()}
    asked = {"scenario": args.scenario, "requests_per_second": args.requests_per_second, "runs": args.runs}
    output.record({"exit_code": 0, **asked, "seed": args.seed, "decisions": decided})
    return 0


def _in_shadow(args: argparse.Namespace, output: Output, options: RolloutOptions) -> int:
    """Pairs of answers, as many as --hours have requests, 20,000 at the most."""
    from modelway.rollout.shadow_scenarios import SHADOW_SCENARIOS, simulate_shadow

    pairs = min(20_000, int(args.requests_per_second * args.hours * 3600))
    found = simulate_shadow(options, SHADOW_SCENARIOS[args.scenario][1], pairs=pairs, runs=args.runs, seed=args.seed)
    if not output.json:
        show(f"{args.scenario}, {pairs} pairs of answers, {found.runs} rollouts; slices that differ too much:")
        show(*(f"  {name}: {count} ({count / found.runs:.1%})" for name, count in found.named.items()))
        show("  none named" if found.pairs is None else f"  first named after {found.pairs:g} pairs (median)")
    output.record({"exit_code": 0, "scenario": args.scenario, "seed": args.seed, **asdict(found)})
    return 0


def _refuse_too_little(args: argparse.Namespace) -> None:
    for flag, value in (
        ("--requests-per-second", args.requests_per_second),
        ("--hours", args.hours),
        ("--runs", args.runs),
        ("--seed", args.seed + 1),
    ):
        if not 0 < value < float("inf"):
            raise UsageError("this has to be a number above zero", where=flag, remedy="Give one that is.")


def _recorded(args: argparse.Namespace, output: Output) -> list[ArmCounts]:
    """What the environment's log holds, read as its champion's answers are."""
    if args.env is None:
        raise UsageError("whose log?", where="--recorded", remedy="Name an environment: --env local.")
    environment, settings, root = find_environment(args)
    from modelway.pipeline.rollout_traffic import recorded_traffic

    now = datetime.now(UTC)
    since = moment(args.recorded, now, "--recorded")
    registry = open_registry(settings, root)
    return recorded_traffic(environment, settings.rollout, registry, root, since, now, output.progress)


def _show(args: argparse.Namespace, of: str, found: Simulated, options: RolloutOptions) -> None:
    show(f"{args.scenario}, {of}, {args.hours:g} hours, {found.runs} rollouts:")
    for word, count, minutes in (
        ("promoted", found.promoted, found.promoted_minutes),
        ("rolled back", found.rolled_back, found.rolled_back_minutes),
        ("held", found.held, None),
    ):
        when = "" if minutes is None else f", median after {minutes:.3g} minutes"
        show(f"  {word}: {count} ({count / found.runs:.1%}){when}")
    steps = [(str(step), part) for step, part in zip(options.steps, found.reached, strict=True)]
    show(f"  reached {', '.join(f'{name}: {part:.0%}' for name, part in steps)} of them")
