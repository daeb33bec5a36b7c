"""The rollout's decisions on simulated traffic, beside the published rules of others: `make rollout-scorecard`.

python bench/rollout_scorecard.py [--runs 2000] [--minutes 60] [--seed 0]

Each scenario is an hour at a fixed share, looked at each minute, with all guards in force; that the plan would have
gone on to the next share is left out, so that every minute counts. Exits with 4 where an aim is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
from peer_rules import rules
from records import Aim, at_least, at_most, below, record
from rollout_rows import ROWS, SHARE, Row

from modelway.decide.judging import Evidence, judge
from modelway.records.rollout import CanaryStep, GuardOptions, LatencyGuard, RolloutOptions
from modelway.records.rollout_seen import RolloutAction
from modelway.rollout.faults import FAULTS, decide_with_fault
from modelway.rollout.scenarios import SCENARIOS, draw
from modelway.rollout.shadow_scenarios import SHADOW_SCENARIOS, SHIFTED, simulate_shadow

NAME, RUNS, MINUTES, FAULTY_RUNS = "rollout-decisions", 2000, 60, 100


def first_backs(row: Row, runs: int, minutes: int, seed: int) -> dict[str, np.ndarray]:
    """By rule, the minute in which each run went back; infinite where it never did."""
    generator = np.random.default_rng(seed)
    step = CanaryStep(kind="canary", share=SHARE)
    latency = LatencyGuard(alpha=0.25 if row.latencies else 0.0, quantile=row.quantile)
    options = RolloutOptions(guards=GuardOptions(latency=latency), steps=(step,) * 4)
    evidence, peers = Evidence.none((runs,)), rules(runs)
    backs = {name: np.full(runs, np.inf) for name in ("modelway", *peers)}
    share = row.shares[0]
    for minute in range(minutes):
        now = row.shares[minute * len(row.shares) // minutes]
        evidence = evidence.next_step(np.full(runs, now != share))
        share = now
        shares = np.full(runs, share)
        seen = draw(row.scenario, shares, minute, 60.0, row.per_second, generator, latencies=row.latencies)
        evidence = evidence.add(*seen.arms, shares)
        judged = judge(evidence, 1.0, options)
        said = {"modelway": ~judged.broken & (judged.fails | judged.slow | judged.moved)}
        said |= {name: peer.back(seen.requests, seen.errors) for name, peer in peers.items()}
        for name, back in said.items():
            backs[name] = np.where(back, np.minimum(backs[name], minute + 1), backs[name])
    return backs


def interval(count: int, runs: int) -> tuple[float, float]:
    """Clopper and Pearson's 95% interval of a share."""
    found = stats.binomtest(count, runs).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def holds(row: Row, backs: np.ndarray) -> bool:
    """Whether the aim is reached; missing runs count as infinitely late in the median."""
    share = np.isfinite(backs).mean()
    if row.most is not None:
        return bool(share <= row.most)
    return bool(share >= (row.least or 0)) and (row.within is None or bool(np.median(backs) < row.within))


def aim(row: Row) -> str:
    """The aim in words."""
    if row.most is not None:
        return f"at most {row.most:.0%}"
    return f"at least {row.least:.0%}" + (f", median below {row.within:g} min" if row.within else "")


def _record(row: Row, backs: dict[str, np.ndarray], minutes: int) -> None:
    for name, found in backs.items():
        judged = name == "modelway" and minutes == MINUTES and len(found) >= RUNS
        if name != "modelway" and row.least and row.latencies:
            continue
        told = f"{len(found)} runs of {minutes} min"
        shared: dict[str, Any] = {"way": name, "case": row.title, "summary": told}
        aimed: Aim | None = at_most(100 * row.most) if row.most is not None else at_least(100 * (row.least or 0))
        record(
            NAME, "rolled back", 100 * float(np.isfinite(found).mean()), "%", aim=aimed if judged else None, **shared
        )
        if row.least is not None:
            middle = float(np.median(found))
            aimed = below(row.within) if judged and row.within else None
            seen, why = (middle, "") if np.isfinite(middle) else (None, "most runs never went back")
            record(NAME, "median of when it went back", seen, "min", aim=aimed, note=why, **shared)


def cell(backs: np.ndarray) -> str:
    """Share and median of those that went back."""
    finite = backs[np.isfinite(backs)]
    return f"{len(finite) / len(backs):.1%}" + (f" ({np.median(finite):g})" if len(finite) else "")


def faults_decided(runs: int, seed: int) -> list[str]:
    """Print what is decided with faulty metrics, and give the faults with which anything is decided but to hold.

    The challenger fails four times as often, or not, and every decision would fall within these twenty minutes: that
    sound metrics are decided on is seen with them, else to hold would be no merit.
    """
    options = RolloutOptions(steps=(CanaryStep(kind="canary", share=SHARE, minutes=10, slack=4),))
    missed = []
    print("\n| metrics | aim | challenger alike | fails 4 x as often |\n|---|---|---|---|")
    for fault in (None, *FAULTS):
        found = [
            decide_with_fault(options, fault, SCENARIOS[name], per_second=50, runs=runs, seed=seed)
            for name in ("no-difference", "errors-fourfold")
        ]
        told = [", ".join(f"{action}: {count}" for action, count in one.items() if count) for one in found]
        wanted = [RolloutAction.HOLD] * 2 if fault else [RolloutAction.ADVANCE, RolloutAction.BACK]
        aim_words = "all hold" if fault else "at least 90% decided"
        least = runs if fault else 0.9 * runs
        good = all(one[action] >= least for one, action in zip(found, wanted, strict=True))
        missed += [] if good else [fault or "sound"]
        for way, one, action in zip(("challenger alike", "fails 4 x as often"), found, wanted, strict=True):
            share, aimed = 100 * one[action] / runs, at_least(100 if fault else 90) if runs >= FAULTY_RUNS else None
            what, case = "decided as it should be", f"metrics: {fault or 'sound'}"
            record(NAME, what, share, "%", way=way, case=case, summary=f"{runs} runs", aim=aimed)
        print(f"| {fault or 'sound'} | {aim_words} | {' | '.join(told)} |{'' if good else ' **missed**'}")
    return missed


def shadow_missed(runs: int, seed: int) -> list[str]:
    """Print which slices are named in shadow, and give the scenarios whose aim is missed."""
    missed = []
    print("\n| in shadow, 5,000 pairs | aim | shifted slice named | another | median pairs |\n|---|---|---|---|---|")
    for name, (_, shift) in SHADOW_SCENARIOS.items():
        found = simulate_shadow(RolloutOptions(), shift, pairs=5000, runs=runs, seed=seed)
        caught = found.named[SHIFTED] / runs
        other = (sum(found.named.values()) - found.named[SHIFTED]) / runs
        good = other <= 0.05 and (caught >= 0.95 if shift else caught <= 0.05)
        missed += [] if good else [name]
        case, told = f"in shadow: {name}", f"{runs} runs of 5,000 pairs"
        for what, share, aimed in (
            ("shifted slice named", caught, at_least(95) if shift else at_most(5)),
            ("another slice named", other, at_most(5)),
        ):
            record(NAME, what, 100 * share, "%", case=case, summary=told, aim=aimed if runs >= RUNS else None)
        words = "at least 95%, others at most 5%" if shift else "at most 5%"
        print(f"| {name} | {words} | {caught:.1%} | {other:.1%} | {found.pairs}{'' if good else ' **missed**'} |")
    return missed


def dominating(found: dict[str, dict[str, np.ndarray]]) -> list[str]:
    """Peers with fewer false rollbacks at the worst and no fewer detections at the worst, error scenarios alone."""
    alike = [row.title for row in ROWS if row.most is not None and not row.latencies]
    apart = [row.title for row in ROWS if row.least is not None and not row.latencies]

    def worst(name: str) -> tuple[float, float]:
        false = max(float(np.isfinite(found[title][name]).mean()) for title in alike)
        caught = min(float(np.isfinite(found[title][name]).mean()) for title in apart)
        return false, caught

    ours = worst("modelway")
    peers = [name for name in next(iter(found.values())) if name != "modelway"]
    return [name for name in peers if worst(name)[0] <= ours[0] and worst(name)[1] >= ours[1] and worst(name) != ours]


def measure() -> str:
    """The scorecard as `make bench` has it."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        judge_all(RUNS, MINUTES, seed=0)
    return text.getvalue().rstrip()


def main() -> int:
    """Read the flags, measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--minutes", type=int, default=MINUTES)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    return judge_all(args.runs, args.minutes, args.seed)


def judge_all(runs: int, minutes: int, seed: int) -> int:
    """Print the scorecard; 4 where an aim is missed."""
    found: dict[str, dict[str, np.ndarray]] = {}
    missed = []
    print("Rolled back (median minute of those); ours with Clopper and Pearson's 95% interval.\n")
    for number, row in enumerate(ROWS):
        backs = found[row.title] = first_backs(row, runs, minutes, seed)
        peers = [name for name in backs if name != "modelway"]
        if not number:
            print("| scenario | aim | modelway | " + " | ".join(peers) + " |\n" + "|---" * (3 + len(peers)) + "|")
        low, high = interval(int(np.isfinite(backs["modelway"]).sum()), runs)
        ours = f"{cell(backs['modelway'])}, {low:.1%} to {high:.1%}"
        good = holds(row, backs["modelway"])
        missed += [] if good else [row.title]
        _record(row, backs, minutes)
        # Latency is no matter of the peers' rules as given here: they look at the success rate.
        others = ["-" if row.least and row.latencies else cell(backs[name]) for name in peers]
        print(
            f"| {row.title} | {aim(row)} | {ours}{'' if good else ' **missed**'} | " + " | ".join(others) + " |",
            flush=True,
        )
    missed += shadow_missed(runs, seed)
    missed += faults_decided(min(runs, FAULTY_RUNS), seed)
    better = dominating(found)
    record(NAME, "peers that beat ours on false rollbacks and detection at once", len(better), aim=at_most(0))
    print(f"\nPeers that beat ours on false rollbacks and on detection at once: {', '.join(better) or 'none'}.")
    print(f"Aims missed: {', '.join(missed) or 'none'}.")
    return 4 if missed or better else 0


if __name__ == "__main__":
    sys.exit(main())
