"""Rollouts of real servers with real requests, decided by nobody: `python bench/rollout_end_to_end.py [ROUNDS]`.

`examples/rollout/rollout.py`: a challenger that is good, one whose scores are shifted, one that breaks for a part
of the requests. Of the last it is measured how long after its first bad answer anybody still got one.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from records import at_least, record
from servers import free_port

ROUNDS = 3
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "rollout" / "rollout.py"
KINDS = {
    "good": "promoted, and the registry's champion",
    "scores": "back from the shadow: nobody got an answer of it",
    "errors": "back, the champion answers everything",
}


def once(kind: str) -> dict[str, Any]:
    """One rollout; what the example prints, with the seconds that all of it took."""
    with tempfile.TemporaryDirectory(prefix="modelway.") as folder:
        began = time.monotonic()
        command = [sys.executable, str(EXAMPLE), "--work", f"{folder}/work", "--challenger", kind]
        done = subprocess.run(
            [*command, "--port", str(free_port())], capture_output=True, text=True, check=False, timeout=1200
        )
        told: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        return told | {"as_it_should": done.returncode == 0, "seconds": time.monotonic() - began}


def _record(kind: str, number: int, one: dict[str, Any]) -> None:
    asked = {"case": kind, "round": number}
    record("rollout-end-to-end", "ended as wanted", one["as_it_should"], aim=at_least(1, of="each"), **asked)
    for what in ("requests", "answered_by_challenger", "bad_answers", "seconds_to_safety"):
        if one.get(what) is not None:
            unit = "s" if what == "seconds_to_safety" else ""
            record("rollout-end-to-end", what.replace("_", " "), one[what], unit, **asked)
    record("rollout-end-to-end", "seconds", one["seconds"], "s", **asked)


def measure(rounds: int = ROUNDS) -> str:
    """Run it and tell what was seen, as Markdown."""
    lines = [
        "`examples/rollout` on the local target: real servers, real requests, intervals of 4 s, no person involved; by",
        f"`python bench/rollout_end_to_end.py {rounds}`.",
        "",
        "| challenger | wanted | as wanted | requests | its answers | bad ones | first bad answer to flags, s |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, wanted in KINDS.items():
        found = [once(kind) for _ in range(rounds)]
        for number, one in enumerate(found, start=1):
            _record(kind, number, one)
        safe = [one["seconds_to_safety"] for one in found if one.get("seconds_to_safety") is not None]
        numbers = [
            "; ".join(f"{one.get(name, 0):,}" for one in found)
            for name in ("requests", "answered_by_challenger", "bad_answers")
        ]
        until = f"{', '.join(f'{value:.1f}' for value in safe)} (median {statistics.median(safe):.1f})" if safe else ""
        kept = sum(one["as_it_should"] for one in found)
        lines.append(f"| {kind} | {wanted} | {kept} of {rounds} | {' | '.join(numbers)} | {until} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(measure(*(int(word) for word in sys.argv[1:])))
