"""Deploys with faults, on the stand-ins of ECS and Kubernetes: `python bench/deploy_faults.py [RUNS [FAULT]]`.

100 runs a fault; faults of Kubernetes's API are called `kubernetes FAULT`.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "deploy" / "ecs"))  # the drills of the suite
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "deploy" / "kubernetes"))
import drills
import kubernetes_drills
from kubernetes_drills import no_real_cluster, real_cluster, stand_in
from records import at_most, record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RUNS = 100
KUBERNETES = "kubernetes "
FAULTS = (*drills.FAULTS, *(f"{KUBERNETES}{fault}" for fault in kubernetes_drills.FAULTS))


def measure(runs: int = RUNS, faults: Sequence[str] = FAULTS) -> str:
    """A table: by fault, how the deploys ended, who served then, and how many ended as they must not."""
    api = "kmock's API with a Deployment controller" if no_real_cluster() else "a real API server"
    lines = [
        f"Version 2 over version 1, {runs} runs a fault; the same deploy is then run again. The state machine of ECS,",
        f"and for Kubernetes {api}, behind a proxy that lets requests fail.",
        "",
        "| fault | exit codes | the new release served | the old one | neither, or a wrong code |",
        "|---|---|---|---|---|",
    ]
    for fault in faults:
        outcomes = list(run(fault, runs))
        codes = Counter("killed" if one.code is None else str(one.code) for one, _ in outcomes)
        told = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
        served = Counter(one.serves for one, _ in outcomes)
        wrong = [(one, why) for one, why in outcomes if why]
        record("deploy-faults", "deploys that ended as they must not", len(wrong), case=fault, aim=at_most(0))
        for way, version in (("the new release served", 2), ("the old one served", 1)):
            record("deploy-faults", "deploys", served[version], case=fault, way=way, note=told)
        lines.append(f"| {fault} | {told} | {served[2]} | {served[1]} | {len(wrong)} |")
        print(lines[-1], file=sys.stderr, flush=True)
        for one, why in wrong[:3]:
            print(fault, one, why, file=sys.stderr)
    return "\n".join(lines)


def run(fault: str, runs: int) -> Iterator[tuple[Any, str]]:
    """The outcome of each run, and what of it is wrong."""
    name = fault.removeprefix(KUBERNETES)
    cluster = stand_in if no_real_cluster() else real_cluster
    for number in range(runs):
        ecs = name == fault
        outcome: Any = drills.drill(name, number) if ecs else kubernetes_drills.drill(name, number, cluster)
        yield outcome, outcome.wrong(name)


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS, sys.argv[2:] or FAULTS))
