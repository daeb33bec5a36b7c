"""Deploys on the ECS stand-in with faults in them: `python bench/deploy_faults.py [RUNS [FAULT]]`, 100 runs a fault."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "deploy" / "ecs"))  # the drills of the suite
from drills import FAULTS, drill
from records import at_most, record

if TYPE_CHECKING:
    from collections.abc import Sequence

RUNS = 100


def measure(runs: int = RUNS, faults: Sequence[str] = FAULTS) -> str:
    """A table: by fault, how the deploys ended, who served then, and how many ended as they must not."""
    lines = [
        f"Version 2 over version 1 on the ECS state machine, {runs} runs a fault; the same deploy is then run again.",
        "",
        "| fault | exit codes | the new release served | the old one | neither, or a wrong code |",
        "|---|---|---|---|---|",
    ]
    for fault in faults:
        outcomes = [drill(fault, number) for number in range(runs)]
        codes = Counter("killed" if one.code is None else str(one.code) for one in outcomes)
        told = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
        served = Counter(one.serves for one in outcomes)
        wrong = [one for one in outcomes if one.wrong(fault)]
        record("deploy-faults", "deploys that ended as they must not", len(wrong), case=fault, aim=at_most(0))
        for way, version in (("the new release served", 2), ("the old one served", 1)):
            record("deploy-faults", "deploys", served[version], case=fault, way=way, note=told)
        lines.append(f"| {fault} | {told} | {served[2]} | {served[1]} | {len(wrong)} |")
        print(lines[-1], file=sys.stderr, flush=True)
        for one in wrong[:3]:
            print(fault, one, one.wrong(fault), file=sys.stderr)
    return "\n".join(lines)


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS, sys.argv[2:] or FAULTS))
