"""Ten minutes of load while workers are killed, releases reloaded and the log's store is away; every record counted.

`python bench/serve_reliability.py [MINUTES]` runs it alone.
"""

from __future__ import annotations

import gzip
import http.client
import json
import math
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from records import at_most, record
from servers import OURS, PATH, SERVERS, Server, first_answer, free_port, modelway, running

from serve import make_bundle

MINUTES, CONNECTIONS, PAUSE = 10.0, 4, 0.02
FLUSH = 1.0
NAME = "serving-trouble"
_TOKEN = secrets.token_hex(8)


@dataclass
class Caller(threading.Thread):
    """Asks on one connection all the time.

    Attributes:
        answered: when each prediction id was answered, and with what age.
        wrong: answers that are not the model's.
        lost: when requests got no answer.
    """

    port: int
    bodies: list[bytes]
    expected: list[float]
    ending: threading.Event
    answered: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lost: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def run(self) -> None:
        """Ask until it is told to end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        number = 0
        while not self.ending.wait(PAUSE):
            number = (number + 1) % len(self.bodies)
            try:
                connection.request("POST", PATH, self.bodies[number], {"content-type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
            except (OSError, http.client.HTTPException):
                self.lost.append(time.time())
                connection.close()
                continue
            found = answer.get("probabilities", [{"yes": -1.0}])[0]["yes"]
            if response.status != 200 or abs(found - self.expected[number]) > 1e-9:
                self.wrong.append(f"{response.status} {answer}")
            self.answered[response.headers["x-prediction-id"]] = time.time()

    __hash__ = threading.Thread.__hash__


@dataclass
class Trouble:
    """What is done to the server, round after round: a reload, a killed worker, the log's store away and back."""

    admin: int
    work: Path
    counts: Counter[str] = field(default_factory=Counter)
    killed: list[float] = field(default_factory=list)

    def one_round(self) -> None:
        """All of it once, with a few seconds between."""
        version = "challenger" if self.counts["reloads"] % 2 == 0 else "bundle"
        self._admin("POST", "/reload", {"champion": str(self.work / version)})
        self.counts["reloads"] += 1
        time.sleep(3)
        victim = self._admin("GET", "/status")["workers"][0]["pid"]
        os.kill(victim, signal.SIGKILL)
        self.killed.append(time.time())
        self.counts["killed workers"] += 1
        time.sleep(4)
        log, away = self.work / "log", self.work / "log.away"
        log.rename(away)
        log.write_text("in the way")
        time.sleep(15)
        log.unlink()
        away.rename(log)
        self.counts["absences of the log's store"] += 1
        time.sleep(4)

    def _admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, list[dict[str, int]]]:
        content = None if body is None else json.dumps(body).encode()
        headers = {"authorization": f"Bearer {_TOKEN}", "content-type": "application/json"}
        asked = urllib.request.Request(f"http://127.0.0.1:{self.admin}{path}", content, headers, method=method)
        with urllib.request.urlopen(asked, timeout=120) as answer:
            found: dict[str, list[dict[str, int]]] = json.loads(answer.read())
        return found


def measure(minutes: float = MINUTES) -> str:
    """Run it and give its lines of the results."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bodies = make_bundle(work)
        admin = free_port()
        command = modelway("--admin-port", str(admin), "--workers", "2", "--set", f"serve.log.flush_seconds={FLUSH}")
        server = Server(SERVERS[OURS].python, command, {"MODELWAY_ADMIN_TOKEN": _TOKEN})
        trouble = Trouble(admin, work)
        with running(server, work, bodies[0]) as run:
            asked_before = 64 + 1
            expected = [first_answer(run.port, body) for body in bodies]
            ending = threading.Event()
            callers = [Caller(run.port, bodies, expected, ending) for _ in range(CONNECTIONS)]
            for caller in callers:
                caller.start()
            deadline = time.monotonic() + minutes * 60
            memory = []
            while time.monotonic() < deadline:
                trouble.one_round()
                memory.append(run.memory_mib())
            ending.set()
            for caller in callers:
                caller.join()
            metrics = urllib.request.urlopen(f"http://127.0.0.1:{run.port}/metrics", timeout=60).read().decode()
        return "\n".join(_account(work, callers, trouble, metrics, memory, minutes, asked_before))


def _lines(work: Path, stream: str) -> list[dict[str, object]]:
    paths = sorted((work / "log").glob(f"{stream}/date=*/hour=*/*.jsonl.gz"))
    return [json.loads(line) for path in paths for line in gzip.decompress(path.read_bytes()).splitlines()]


def _account(
    work: Path,
    callers: list[Caller],
    trouble: Trouble,
    metrics: str,
    memory: list[float],
    minutes: float,
    asked_before: int,
) -> list[str]:
    answered = {id_: moment for caller in callers for id_, moment in caller.answered.items()}
    lost = [moment for caller in callers for moment in caller.lost]
    wrong = [one for caller in callers for one in caller.wrong]
    times = Counter(str(line["id"]) for line in _lines(work, "predictions"))
    missing = [id_ for id_ in answered if id_ not in times]
    # The first part of an id names the process that answered.
    owners = {id_.split("-")[0] for id_ in missing}
    late = [id_ for id_ in missing if not any(-0.1 <= kill - answered[id_] <= FLUSH + 0.5 for kill in trouble.killed)]
    unasked = [moment for moment in lost if not any(-0.1 <= moment - kill <= 2 for kill in trouble.killed)]
    lines = [line for line in metrics.splitlines() if line.startswith("modelway_log_dropped_records_total{")]
    dropped = sum(float(line.rpartition(" ")[2]) for line in lines) if lines else math.nan
    surplus = len(times.keys() - answered.keys()) - asked_before
    counted: dict[str, tuple[float, float | None]] = {
        "wrong answers": (len(wrong), 0),
        "requests without an answer": (len(lost), CONNECTIONS * len(trouble.killed)),
        "of these, other than as a worker was killed": (len(unasked), 0),
        "records written twice": (sum(count > 1 for count in times.values()), 0),
        "answered and not in the log, other than killed workers' last moments": (len(late), 0),
        "in the log, and no answer came": (surplus, len(lost)),
        "records dropped, as the server counts": (dropped, 0),
        "requests answered": (len(answered), None),
        "killed workers": (len(trouble.killed), None),
    }
    for what, (value, most) in counted.items():
        known = None if math.isnan(value) else value
        record(NAME, what, known, case=f"{minutes:g} minutes", aim=None if most is None else at_most(most))
    for number, value in enumerate(memory, start=1):
        record(NAME, "memory of all processes", value, "MiB", case=f"{minutes:g} minutes", round=number)
    done = ", ".join(f"{count} {name}" for name, count in trouble.counts.items())
    return [
        f"{minutes:g} minutes of load on {CONNECTIONS} connections, two workers: {len(answered):,} requests answered;",
        f"{done}. `python bench/serve_reliability.py` repeats it.",
        "",
        "| what | count | expected |",
        "|---|---|---|",
        f"| wrong answers | {len(wrong)} | 0 |",
        f"| requests without an answer | {len(lost)} | at most {CONNECTIONS} a killed worker |",
        f"| of these, other than as a worker was killed | {len(unasked)} | 0 |",
        f"| records written twice | {sum(count > 1 for count in times.values())} | 0 |",
        f"| answered and not in the log | {len(missing)}, of {len(owners)} processes | killed workers' last second |",
        f"| of these, not answered in a worker's last {FLUSH:g} s (and 0.5 s) | {len(late)} | 0 |",
        f"| in the log, and no answer came | {surplus} | at most the requests without an answer |",
        f"| records dropped, as the server counts | {dropped:g} | 0 |",
        f"| memory of all processes, first and last round | {memory[0]:.0f} and {memory[-1]:.0f} MiB | no growth |",
    ]


if __name__ == "__main__":
    print(measure(*(float(number) for number in sys.argv[1:])))
