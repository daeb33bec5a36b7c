"""The retraining loop on one machine: a model goes live, its world changes, it is found out, a challenger comes of it.

    python examples/loop/loop.py --work loop-run

1. `modelway sample` and `modelway train`: a champion.
2. `modelway deploy --env local`: it serves.
3. Requests of a changed world (`modelway sample --drift`), over HTTP; what became of the loans comes in as labels.
4. `modelway monitor` looks at the prediction log and the labels, and decides.
5. Where it decides on a retraining: `modelway train` on the rows that were served, with their labels. What passes the
   gates, the champion's on the same held-out rows among them, is registered as challenger.
6. Requests go on; `modelway rollout --env local` takes the challenger from shadow to all of the traffic, by evidence.
7. `modelway stop --env local`.

It ends with 0 where the challenger became the champion, and with 4 where the loop did not come to that.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import http.client
import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROWS_A_REQUEST = 20
NUMBERS = {"age": int, "term_months": int, "late_payments": int}
NUMBERS |= dict.fromkeys(("income", "amount", "credit_history_years"), float)
UNSEEN = {"defaulted", "group"}
ROLLOUT = {
    # Minutes in the place of hours: short intervals, and margins that some hundred requests exclude.
    "interval_seconds": 4,
    "grace_seconds": 6,
    "tick_seconds": 1,
    "steps": [
        {"kind": "shadow", "requests": 300},
        {"kind": "canary", "share": 0.25, "minutes": 0.1, "slack": 4},
        {"kind": "canary", "share": 0.5, "minutes": 0.1, "slack": 2},
    ],
    "guards": {
        "errors": {"margin": 0.03},
        "latency": {"quantile": 0.9, "margin": 1.5},
        # It is meant to answer otherwise: what the champion says of the changed world is what it was retrained for.
        "agreement": {"alpha": 0},
        "predictions": {"alpha": 0},
    },
}
SETTINGS = Path(__file__).resolve().parents[1] / "loans" / "modelway.yaml"


def modelway(work: Path, *words: str, may: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Run a command in the project and give its record; ends the loop where it ends otherwise than it may."""
    print(f"$ modelway {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "modelway", *words, "--json"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode not in may:
        sys.exit(f"it ended with {done.returncode}: {done.stdout}{done.stderr}")
    record: dict[str, Any] = json.loads(done.stdout)
    return record


def send(url: str, rows: list[dict[str, str]]) -> list[str]:
    """Ask for predictions, some rows at a time, and give the id of each row's prediction."""
    ids: list[str] = []
    connection = http.client.HTTPConnection(str(urlsplit(url).hostname), urlsplit(url).port, timeout=30)
    for start in range(0, len(rows), ROWS_A_REQUEST):
        part = [features(row) for row in rows[start : start + ROWS_A_REQUEST]]
        body = json.dumps({"dataframe_records": part})
        connection.request("POST", "/predict", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 200:
            sys.exit(f"the server answered {answer.status}: {answer.read().decode()}")
        answer.read()
        name = answer.headers["x-prediction-id"]
        ids += [f"{name}-{number}" for number in range(len(part))] if len(part) > 1 else [name]
    connection.close()
    return ids


class Traffic(threading.Thread):
    """Customers that go on asking, one after the other, until it is ended."""

    def __init__(self, url: str, rows: list[dict[str, str]]) -> None:
        super().__init__(daemon=True)
        self._address = urlsplit(url)
        self._rows = rows
        self.ended = threading.Event()

    def run(self) -> None:
        """Ask; what fails as a release comes is asked again."""
        connection = http.client.HTTPConnection(str(self._address.hostname), self._address.port, timeout=30)
        for number in itertools.count():
            if self.ended.wait(0.01):
                return
            body = json.dumps({"dataframe_records": [features(self._rows[number % len(self._rows)])]})
            headers = {"content-type": "application/json", "x-routing-key": f"customer-{number}"}
            try:
                connection.request("POST", "/predict", body, headers)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()


def features(row: dict[str, str]) -> dict[str, Any]:
    """A row of the file as a request has it: numbers as numbers, what is missing as null, nothing no model sees."""
    seen = {name: value for name, value in row.items() if name not in UNSEEN}
    return {name: NUMBERS.get(name, str)(value) if value else None for name, value in seen.items()}


def wait_for_log(log: Path, rows: int, seconds: float = 60) -> None:
    """Wait until the prediction log holds all rows: the answer does not wait for the log, so we have to."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        segments = [path for path in log.rglob("*.jsonl.gz") if not path.name.startswith((".", "_"))]
        if sum(gzip.decompress(path.read_bytes()).count(b"\n") for path in segments) >= rows:
            return
        time.sleep(0.2)
    sys.exit(f"after {seconds:g} s the log in {log} does not hold the {rows} rows that were served")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, as text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    """Write rows as CSV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def loop(work: Path, drift: str, rows: int, port: int) -> int:
    """Run all of it; gives the exit code."""
    work.mkdir(parents=True)
    shutil.copy(SETTINGS, work)
    here = ("--set", f"environments.local.target.port={port}", "--set", "serve.log.segment_seconds=1")
    # Here minutes stand for the weeks in which a world changes; else the fall would be put down to the fresh release.
    watch = ("--set", "monitor.environment=local", "--set", "monitor.policy.rollback_hours=0")
    modelway(work, "sample", "--output", "data")
    champion = modelway(work, "train")
    print(f"version {champion['version']} is registered")
    url = modelway(work, "deploy", "--env", "local", *here)["url"]
    try:
        print(f"it serves at {url}; now the world changes: {drift}")
        modelway(work, "sample", "--output", "changed", "--drift", drift, "--seed", "1", "--rows", str(rows))
        served = read_rows(work / "changed" / "loans.csv")
        ids = send(url, served)
        wait_for_log(work / ".modelway" / "env" / "local" / "log", rows)
        labels = [{"id": name, "defaulted": row["defaulted"]} for name, row in zip(ids, served, strict=True)]
        write_rows(work / "labels" / "labels.csv", labels)
        seen = modelway(work, "monitor", "--ground-truth", "labels", *watch, may=(0, 4))
        print(f"decision: {seen['action']}", *seen["reasons"], sep="\n  ")
        if seen["action"] != "retrain":
            return 4
        write_rows(work / "recent" / "loans.csv", served)
        # After this change less can be known of a loan: the best there is comes to 0.70 or so.
        lower = ("--set", "evaluate.gates.minimum={roc_auc: 0.65}")
        trained = modelway(work, "train", "--data", "recent", *lower, may=(0, 4, 5))
        if trained["version"] in {None, champion["version"]}:
            print("nothing better came of it:", trained["verdict"])
            return 4
        print(f"version {trained['version']} is registered as challenger")
        return roll_out(work, url, served, here)
    finally:
        modelway(work, "stop", "--env", "local")


def roll_out(work: Path, url: str, rows: list[dict[str, str]], here: tuple[str, ...]) -> int:
    """Take the challenger to all of the traffic, while customers go on asking; gives the exit code."""
    traffic = Traffic(url, rows)
    traffic.start()
    try:
        plan = ("--set", f"rollout={json.dumps(ROLLOUT)}")
        rollout = modelway(work, "rollout", "--env", "local", *plan, *here, may=(0, 5, 7))["rollout"]
    finally:
        traffic.ended.set()
        traffic.join()
    print(f"rollout: {rollout['status']}, {rollout['reason']}")
    return 0 if rollout["status"] == "complete" else 4


def main() -> int:
    """Read the flags and run the loop."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("loop-run"), help="a new directory (default: %(default)s)")
    parser.add_argument(
        "--drift", default="concept", help="covariate, concept, missing or slice (default: %(default)s)"
    )
    parser.add_argument("--rows", type=int, default=4000, help="how many rows are served (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="where it serves (default: %(default)s)")
    args = parser.parse_args()
    if args.work.exists():
        parser.error(f"{args.work} is there already; name a new directory with --work")
    return loop(args.work, args.drift, args.rows, args.port)


if __name__ == "__main__":
    sys.exit(main())
