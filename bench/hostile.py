"""Attacks on a real server, with honest traffic next to each.

`python bench/hostile.py [NAME ...]` runs all attacks or those that are named (`smuggle-*` names several) and exits with
4 where an aim is missed; `--list` lists them. Each is bounded in time and count and goes to this benchmark's own server
on 127.0.0.1 alone.

Honest clients ask at a fixed rate from a process of their own, and a latency counts from the moment when its request
was due (`honest.py`). Server, attacker and honest clients share the machine's cores. So that the figures are about the
server and not about who generates the load, the attacker has the lowest priority: `nice` 19, in a session of its own
whose autogroup is as nice, where the kernel groups by session. The quiet value is measured on the same server, with the
same clients and rate, while the attack `nothing` burns a core at that priority. What the kernel does for the attacker's
packets still counts against the server.

Other work on the machine disturbs all of this. `--first`, for root, puts the server and the honest clients before
everything else that runs, and the attacker on a par with it.

A server is kept for the next attack as long as it is well; an attack that leaves it worse gets the next one a new
server. For each attack:

- the honest p99 during it and for a second after: at most five times the quiet value, or 100 ms where that is more;
- honest requests without an answer, with a 5xx, or refused otherwise: none;
- memory of all of the server's processes (PSS), the least within ten seconds after: at most 20% above the quiet value;
- honest requests that were answered and are not in the log exactly once: none;
- `/health` and `/v2/health/ready`, asked four times a second with a second's patience: never three failures in a row;
- workers that died, tracebacks and control characters in the server's own log: none;
- answers of 500, and answers that RFC 9112 forbids: none.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from accounts import Log, Verdict, entries, files_of, quantile, read_log
from attacks import GRACE, Attack, load_all
from honest import Asked, Honest, bodies_of, first_answers
from records import record
from servers import OURS, SERVERS, Running, Server, modelway, running

from serve import make_bundle

NAME = "hostile"
RATE = 100.0
_QUIET, _AFTER, _RECOVERY = 4.0, 1.0, 10.0
_ROOM = 1.2
_FIRST = "BENCH_SERVER"
_CALM = 0.6
"""Cores that honest traffic alone may keep busy."""
_MOST_ATTACKS = 20
"""Attacks on one server at most."""


@dataclass
class Seen:
    """What was seen of the server during one attack, and right after."""

    attack: Attack
    begin: float
    end: float
    quiet_ms: float
    memory_before: float
    memory_after: float = 0.0
    memory_peak: float = 0.0
    ill: int = 0
    ill_after: bool = False
    died: int = 0
    busy: float = 0.0
    said: bytes = b""
    tool: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    lost: int = 0
    twice: int = 0


def measure(names: tuple[str, ...] = ()) -> str:
    """Run attacks, all of them by default, and give the lines of the results."""
    with tempfile.TemporaryDirectory() as name:
        return judged(names, Path(name))[0]


def judged(names: tuple[str, ...], work: Path) -> tuple[str, list[str]]:
    """The lines of the results, and which aims were missed; a bundle that lies in the folder is taken."""
    attacks = [one for name, one in load_all().items() if not names or any(fnmatch.fnmatch(name, n) for n in names)]
    attacks = [one for one in attacks if names or one.name != "nothing"]
    verdict = Verdict(lambda *values, **more: record(NAME, *values, **more))
    found: list[Seen] = []
    bodies = work / "bodies.json"
    if not bodies.exists():
        bodies.write_text(json.dumps([body.decode() for body in make_bundle(work)]))
    records = [json.loads(body)["dataframe_records"][0] for body in json.loads(bodies.read_text())]
    rows: list[str] = []
    while len(found) < len(attacks):
        found += _on_one_server(work, records, attacks[len(found) :][:_MOST_ATTACKS])
        # Recorded at once: a run that is ended keeps what it measured.
        rows += [_line(one, verdict) for one in found[len(rows) :]]
    lines = [
        f"{len(found)} attacks, honest traffic of {RATE:g} requests a second on 16 clients, two workers.",
        "",
        "| attack | quiet p99, ms | p99, ms | max, ms | failed | memory, % | lost | ill | faults | answered |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    lines += rows
    faults = [f"- {one.attack.name}: {fault}" for one in found for fault in one.tool.get("faults", [])[:2]]
    return "\n".join([*lines, "", *faults, "", str(verdict)]), verdict.missed


def _on_one_server(work: Path, records: list[dict[str, Any]], attacks: list[Attack]) -> list[Seen]:
    """Attacks one after the other, until one leaves the server worse."""
    found: list[Seen] = []
    with tempfile.TemporaryDirectory(dir=work) as name, ExitStack() as stack:
        log = Path(name) / "log"
        more = ["--workers", "2", "--set", f"serve.log.spool={name}/spool", "--set", "serve.log.segment_seconds=2"]
        command = modelway(*more, "--log", str(log))
        first = json.dumps({"dataframe_records": records[:1]}).encode()
        server = stack.enter_context(running(Server(SERVERS[OURS].python, command), work, first))
        bodies = bodies_of(records, first_answers(server.port, records))
        honest = Honest(server.port, Path(name), bodies, RATE, timeout=10)
        stack.callback(honest.kill)
        for pid in (server.process.pid, honest.pid):
            _put_first(pid)
        time.sleep(2)
        begin = time.monotonic()
        _attack("nothing", server, work, _QUIET)
        quiet = _latency(honest.so_far(), begin, time.monotonic(), 0.99)
        memory = server.memory_mib()
        for one in attacks:
            seen = _under(one, server, work, quiet or 0.0, memory)
            seen.asked = [asked for asked in honest.so_far() if seen.begin <= asked.due <= seen.end + _AFTER]
            found.append(seen)
            print(f"{one.name}: {_summary(seen)}", file=sys.stderr)
            if seen.ill_after or seen.died or seen.busy > _CALM or seen.memory_after > memory * _ROOM or _failed(seen):
                break
        asked = honest.end()
        stack.close()
        _count_lost(found, asked, read_log(files_of(log)))
    return found


def _put_first(pid: int) -> None:
    """Lift a process's session before others', where that was asked for."""
    if wanted := os.environ.get(_FIRST):
        Path(f"/proc/{pid}/autogroup").write_text(wanted)


def _attack(name: str, server: Running, work: Path, seconds: float) -> dict[str, Any]:
    """Run an attack's process to its end; what it saw."""
    command = [sys.executable, str(Path(__file__).with_name("attacks.py")), name, str(server.port), str(seconds)]
    done = subprocess.Popen([*command, str(server.process.pid), str(work)], stdout=subprocess.PIPE)
    try:
        out, _ = done.communicate(timeout=seconds + GRACE + 20)
    except subprocess.TimeoutExpired:
        done.kill()
        out, _ = done.communicate()
    found: dict[str, Any] = (
        json.loads(out) if out.strip() else {"statuses": {}, "faults": ["the attack itself failed"], "sent": 0}
    )
    return found


def _under(one: Attack, server: Running, work: Path, quiet_ms: float, memory: float) -> Seen:
    workers = _pids(server)
    said = (work / "server.log").stat().st_size
    watch = _Watch(server)
    watch.start()
    seen = Seen(one, time.monotonic(), 0.0, quiet_ms, memory)
    seen.tool = _attack(one.name, server, work, one.seconds)
    seen.begin, seen.end = seen.tool.get("began", seen.begin), time.monotonic()
    time.sleep(_AFTER)
    deadline = time.monotonic() + _RECOVERY
    while (after := _memory(server)) > memory * _ROOM and time.monotonic() < deadline:
        time.sleep(0.5)
    seen.busy = _busy(server, deadline)
    watch.end()
    seen.memory_after, seen.memory_peak, seen.ill = after, max(watch.peak, after), watch.ill
    seen.ill_after = not (_well(server.port, "/health", 5) and _well(server.port, "/v2/health/ready", 5))
    seen.died = len(workers - _pids(server))
    with (work / "server.log").open("rb") as file:
        file.seek(said)
        seen.said = file.read()
    return seen


def _pids(server: Running) -> set[int]:
    try:
        return {server.process.pid, *(child.pid for child in server.process.children())}
    except psutil.NoSuchProcess:
        return set()


def _busy(server: Running, deadline: float) -> float:
    """Cores that the server keeps busy, once it has calmed down or its time for that is over."""
    while True:
        try:
            before = server.cpu_seconds()
            time.sleep(0.5)
            busy = (server.cpu_seconds() - before) / 0.5
        except psutil.Error:
            return 0.0
        if busy < _CALM or time.monotonic() > deadline:
            return busy


def _memory(server: Running) -> float:
    try:
        return server.memory_mib()
    except psutil.Error:
        return 0.0


def _well(port: int, path: str, patience: float) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=patience) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class _Watch(threading.Thread):
    """Asks for health and looks at memory, four times a second; `ill` is the most failed checks in a row."""

    def __init__(self, server: Running) -> None:
        super().__init__(daemon=True)
        self.peak, self.ill = 0.0, 0
        self._server, self._ending = server, threading.Event()

    def run(self) -> None:
        row = {"/health": 0, "/v2/health/ready": 0}
        while not self._ending.wait(0.25):
            for path, failed in row.items():
                row[path] = 0 if _well(self._server.port, path, 1) else failed + 1
            self.ill = max(self.ill, *row.values())
            self.peak = max(self.peak, _memory(self._server))

    def end(self) -> None:
        """Stop."""
        self._ending.set()
        self.join()


def _latency(asked: list[Asked], begin: float, end: float, share: float) -> float | None:
    found = quantile((one.end - one.due for one in asked if begin <= one.due <= end), share)
    return None if found is None else found * 1000


def _failed(seen: Seen) -> int:
    return sum(one.status != 200 or one.wrong != "" for one in seen.asked)


def _count_lost(found: list[Seen], asked: list[Asked], log: Log) -> None:
    for entry in entries(asked, log):
        for seen in found:
            if seen.begin <= entry.asked.due <= seen.end + _AFTER:
                seen.lost += entry.missing
                seen.twice += entry.twice
    for seen in found:
        # Those that were still without an answer when the window was read are there now.
        seen.asked = [one for one in asked if seen.begin <= one.due <= seen.end + _AFTER]


def _summary(seen: Seen) -> str:
    p99 = _latency(seen.asked, 0, float("inf"), 0.99)
    return (
        f"p99 {p99 or -1:.0f} ms ({seen.quiet_ms:.0f}), {_failed(seen)} failed, memory {seen.memory_before:.0f} to "
        f"{seen.memory_after:.0f} MiB (peak {seen.memory_peak:.0f}), ill {seen.ill}, died {seen.died}, "
        f"sent {seen.tool['sent']}, {seen.tool['statuses']}"
    )


def _line(seen: Seen, verdict: Verdict) -> str:
    """Record what was seen, and give its row of the table."""
    case = seen.attack.name
    bound = max(5 * seen.quiet_ms, 100.0)
    growth = max(0.0, (seen.memory_after / seen.memory_before - 1) * 100)
    errors = sum(one.status >= 500 for one in seen.asked)
    text = seen.said.decode(errors="replace")
    raw = sum(seen.said.count(byte) for byte in (b"\x1b", b"\x9b", b"\0"))
    statuses = ", ".join(f"{count} {status}" for status, count in sorted(seen.tool["statuses"].items()))
    cells = [
        verdict.tell(case, "quiet p99", seen.quiet_ms, "ms"),
        verdict.tell(case, "honest p99", _latency(seen.asked, 0, float("inf"), 0.99), "ms", most=bound),
        verdict.tell(case, "honest max", _latency(seen.asked, 0, float("inf"), 1.0), "ms"),
        verdict.tell(case, "honest requests that failed", _failed(seen), most=0),
        verdict.tell(case, "memory after, beside before", growth, "%", most=20),
        verdict.tell(case, "records lost or twice", seen.lost + seen.twice, most=0),
        verdict.tell(case, "failed health checks in a row", seen.ill, most=2),
        verdict.tell(case, "answers that are faults", len(seen.tool["faults"]), most=0),
    ]
    verdict.tell(case, "honest answers of 5xx", errors, most=0)
    verdict.tell(case, "not healthy or not ready after", int(seen.ill_after), most=0)
    verdict.tell(case, "workers that died", seen.died, most=0)
    verdict.tell(case, "tracebacks in the server's log", text.count("Traceback"), most=0)
    verdict.tell(case, "control characters in the server's log", raw, most=0)
    verdict.tell(case, "cores busy after", seen.busy)
    verdict.tell(case, "memory at its peak", seen.memory_peak, "MiB")
    verdict.tell(case, "written to the server's own log", len(seen.said) / 1000, "kB")
    return f"| {case} | {' | '.join(cells)} | {statuses} |"


def main() -> int:
    """Read the flags, attack, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which attacks; all by default")
    parser.add_argument("--list", action="store_true", help="list them")
    parser.add_argument("--first", action="store_true", help="put the server before all other work of the machine")
    parser.add_argument(
        "--work", type=Path, help="a folder that keeps the bundle, so that the next run need not make it"
    )
    args = parser.parse_args()
    known = load_all()
    if args.list:
        print("\n".join(f"{one.name:24}{one.about}" for one in known.values()))
        return 0
    if unknown := [name for name in args.names if not fnmatch.filter(known, name)]:
        print(f"No such attack: {', '.join(unknown)}. `--list` lists them.", file=sys.stderr)
        return 2
    if args.first:
        os.environ.update({_FIRST: "-19", "BENCH_ATTACKER": "0"})
    with tempfile.TemporaryDirectory() as name:
        work = args.work or Path(name)
        work.mkdir(parents=True, exist_ok=True)
        text, missed = judged(tuple(args.names), work)
    print(text)
    return 4 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
