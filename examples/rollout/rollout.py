"""A rollout on one machine, with real servers and real traffic: a good challenger is promoted, a bad one goes back.

    python examples/rollout/rollout.py --work rollout-run --challenger good

1. `modelway sample` and `modelway train`: a champion. Once more, with other settings: a challenger.
   `good` has fewer leaves; `scores` was fitted on data with twice as many defaults, so that its scores are shifted;
   `errors` has a feature that breaks for terms that it was never shown.
2. Traffic: requests over HTTP by thousands of customers, some of them with such a term.
3. `modelway rollout --env local`: delivers both, and takes the challenger from shadow to everything, or back. (`errors`
   goes without the shadow: there it would be found out before anybody got an answer of its.)

It prints one JSON record: how it ended, what the registry's champion is, and, where the challenger went back, how many
seconds after its first bad answer nobody got one any more. It ends with 0 where it came out as it should.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NUMBERS = {"age": int, "term_months": int, "late_payments": int, "income": float, "amount": float}
SEEN = (*NUMBERS, "applied_on", "purpose", "home")
UNHEARD_OF, PART = 61, 0.2
BROKEN = "{function: 'loan_features:share_of_income_broken', columns: [amount, income, term_months]}"
CHALLENGERS: dict[str, tuple[str, ...]] = {
    "good": ("fit.estimator.num_leaves=12",),
    "scores": ("fit.estimator.num_leaves=12",),
    "errors": (f"fit.features.custom=[{BROKEN}]", "fit.estimator.num_leaves=12"),
}
NO_SHADOW = "rollout.steps=[{kind: canary, share: 0.25, minutes: 0.2, slack: 4}, {kind: canary, share: 0.5, slack: 2}]"


def modelway(work: Path, *words: str, may: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run a command in the project and give its record; ends the example where it ends otherwise than it may."""
    print(f"$ modelway {' '.join(words)}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "modelway", *words, "--json"]
    done = subprocess.run(command, cwd=work, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in may:
        sys.exit(f"it ended with {done.returncode}: {done.stdout}")
    record: dict[str, Any] = json.loads(done.stdout)
    return record


@dataclass
class Traffic:
    """Customers that ask, one after the other, until it is ended.

    Attributes:
        port: where the server is.
        rows: what they ask.
        answers: moment, variant, status and probability of each answer.
    """

    port: int
    rows: list[dict[str, Any]]
    per_second: float
    answers: list[tuple[float, str, int, float]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def drive(self) -> None:
        """Ask until it is ended."""
        chance = random.Random(0)  # noqa: S311 - no secret
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        number, began = 0, time.monotonic()
        while not self.ended.is_set():
            row = dict(chance.choice(self.rows))
            if chance.random() < PART:
                row["term_months"] = UNHEARD_OF
            headers = {"content-type": "application/json", "x-routing-key": f"customer-{number}"}
            try:
                connection.request("POST", "/predict", json.dumps({"dataframe_records": [row]}), headers)
                answer = connection.getresponse()
                told = json.loads(answer.read())
                score = max(told.get("probabilities", [{"": 0.0}])[0].values()) if answer.status == 200 else 0.0
                self.answers.append((time.time(), answer.headers["x-model-variant"], answer.status, score))
            except (OSError, http.client.HTTPException):
                connection.close()  # the servers of a release that comes or goes
            number += 1
            time.sleep(max(0.0, number / self.per_second - (time.monotonic() - began)))


def features(row: dict[str, str]) -> dict[str, Any]:
    """A row of the file as a request has it: numbers as numbers, and nothing that no model sees."""
    return {name: NUMBERS.get(name, str)(row[name]) for name in SEEN}


def train(work: Path, kind: str) -> tuple[str, str]:
    """The champion's and the challenger's version."""
    champion = modelway(work, "train")["version"]
    if kind == "scores":
        with (work / "data" / "loans.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        with (work / "data" / "loans.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            for row in rows:
                writer.writerows([row] * (3 if row["defaulted"] == "yes" else 1))
    settings = [word for value in CHALLENGERS[kind] for word in ("--set", value)]
    return str(champion), str(modelway(work, "train", *settings)["version"])


def roll_out(work: Path, kind: str, port: int, per_second: float) -> dict[str, Any]:
    """Run all of it; gives what is printed."""
    work.mkdir(parents=True)
    for name in ("modelway.yaml", "loan_features.py"):
        shutil.copy(HERE / name, work)
    here = ["--set", f"environments.local.target.port={port}"]
    here += ["--set", NO_SHADOW] if kind == "errors" else []
    modelway(work, "sample", "--output", "data", "--rows", "4000")
    with (work / "data" / "loans.csv").open(newline="") as file:
        rows = [features(row) for row in csv.DictReader(file)]
    champion, challenger = train(work, kind)
    modelway(work, "deploy", "--env", "local", "--challenger", "challenger", *here)
    traffic = Traffic(port, rows, per_second)
    thread = threading.Thread(target=traffic.drive, daemon=True)
    thread.start()
    try:
        ended = modelway(work, "rollout", "--env", "local", *here, may=(0, 5, 7))
        time.sleep(2)
    finally:
        traffic.ended.set()
        thread.join()
        modelway(work, "stop", "--env", "local", *here)
    return {"challenger": kind, "champion": champion, "version": challenger, **told(work, ended, traffic)}


def told(work: Path, ended: dict[str, Any], traffic: Traffic) -> dict[str, Any]:
    """How it ended, and what the callers saw of it."""
    rollout = ended["rollout"]
    from modelway.cli.registry import open_registry
    from modelway.settings import load_settings

    live = open_registry(load_settings(work / "modelway.yaml"), work).champion()
    theirs = [answer for answer in traffic.answers if answer[1] == "challenger"]
    bad = [moment for moment, _, status, _ in theirs if status >= 500]
    return {
        "status": rollout["status"],
        "reason": rollout["reason"],
        "registry_champion": None if live is None else str(live.number),
        "requests": len(traffic.answers),
        "answered_by_challenger": len(theirs),
        "bad_answers": len(bad),
        "seconds_to_safety": theirs[-1][0] - bad[0] if bad else None,
        "champions_failures": sum(one[1] == "champion" and one[2] >= 500 for one in traffic.answers),
    }


def main() -> int:
    """Read the flags and run the example."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("rollout-run"), help="a new directory (default: %(default)s)")
    parser.add_argument("--challenger", choices=CHALLENGERS, default="good", help="what it is like")
    parser.add_argument("--per-second", type=float, default=100, help="requests a second (default: %(default)g)")
    parser.add_argument("--port", type=int, default=8080, help="where it serves (default: %(default)s)")
    args = parser.parse_args()
    if args.work.exists():
        parser.error(f"{args.work} is there already; name a new directory with --work")
    found = roll_out(args.work, args.challenger, args.port, args.per_second)
    print(json.dumps(found, indent=2))
    good = args.challenger == "good"
    as_it_should = (found["status"] == ("complete" if good else "rolled back")) and (
        found["registry_champion"] == (found["version"] if good else found["champion"])
    )
    return 0 if as_it_should else 4


if __name__ == "__main__":
    sys.exit(main())
