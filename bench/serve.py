"""`modelway serve` against a bare app and three other servers: the same model, the same client, this machine alone."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow.csv
import serve_shadow
from environments import package_mib
from load import ask, request
from records import Aim, at_least, at_most, record
from servers import BARE, MLFLOW, OURS, PATH, PEERS, ROOT, SERVERS, UNBATCHED, first_answer, running

ROUNDS, SECONDS = 5, 4.0
_BODIES = 64
_MOST_MIB = 180e6 / 2**20
_TOLERANCE = 1e-6


_AHEAD = {"rate": at_least(1), "p50": at_most(1), "p99": at_most(1), "memory": at_most(1), "start": at_most(1)}
AIMS: dict[tuple[str, str], Aim] = {
    **{(peer, what): aim for peer in SERVERS if peer not in {OURS, UNBATCHED, BARE} for what, aim in _AHEAD.items()},
    (BARE, "rate"): at_least(0.8),
    (BARE, "p50"): at_most(1.25),
    (MLFLOW, "rate"): at_least(30),
}
"""What modelway's rate, p50 and so on have to be, to each of the others'; ahead of every peer that is a server."""


@dataclass(frozen=True)
class Measured:
    """One server in one round.

    Attributes:
        start: seconds to its first answer.
        memory: MiB after the load.
        rate: requests a second, by connections.
        p50: milliseconds, by connections.
        p99: the same.
        cpu: milliseconds of all cores that a request costs, by connections.
        failed: requests that were not answered with 200.
    """

    start: float
    memory: float
    rate: dict[int, float]
    p50: dict[int, float]
    p99: dict[int, float]
    cpu: dict[int, float]
    failed: int


def make_bundle(work: Path) -> list[bytes]:
    """Train on the sample and package it, in a folder; gives the bodies that are asked."""
    python = [sys.executable, "-m", "modelway"]
    (work / "modelway.yaml").write_text((ROOT / "modelway.yaml").read_text())
    subprocess.run([*python, "sample", "--output", "data"], cwd=work, check=True, capture_output=True)
    subprocess.run(
        [*python, "train", "--no-register", "--output-dir", "trained"], cwd=work, check=True, capture_output=True
    )
    for name, version in (("bundle", 3), ("challenger", 4)):
        _pack(work / "trained", work / name, version)
    table = pyarrow.csv.read_csv(work / "data" / "loans.csv")
    names = [column["name"] for column in json.loads((work / "bundle" / "signature.json").read_text())["columns"]]
    rows = json.loads(table.select(names).slice(0, _BODIES).to_pandas().to_json(orient="records", date_format="iso"))
    return [json.dumps({"dataframe_records": [row]}).encode() for row in rows]


def measure_one(name: str, work: Path, bodies: list[bytes], expected: float | None) -> tuple[Measured, float]:
    """Start a server, ask it, end it; gives its first answer as well.

    Raises:
        RuntimeError: it answers otherwise than another.
    """
    requests = [request(PATH, body) for body in bodies]
    with running(SERVERS[name], work, bodies[0]) as server:
        found = first_answer(server.port, bodies[0])
        if expected is not None and abs(found - expected) > _TOLERANCE:
            raise RuntimeError(f"{name} answers {found}, {OURS} {expected}")
        loads, cpu = {}, {}
        for connections in (1, 32):
            ask(server.port, requests, connections, 1.0)
            before = server.cpu_seconds()
            loads[connections] = ask(server.port, requests, connections, SECONDS, 0.0)
            asked = len(loads[connections].latencies) + loads[connections].failed
            cpu[connections] = (server.cpu_seconds() - before) / asked * 1000
        memory = server.memory_mib()
    return Measured(
        start=server.start_seconds,
        memory=memory,
        rate={connections: load.rate for connections, load in loads.items()},
        p50={connections: load.quantile_ms(0.5) for connections, load in loads.items()},
        p99={connections: load.quantile_ms(0.99) for connections, load in loads.items()},
        cpu=cpu,
        failed=sum(load.failed for load in loads.values()),
    ), found


def measure(rounds: int = ROUNDS) -> str:
    """Run the benchmark and give its lines of the results."""
    found: dict[str, list[Measured]] = {}
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        bodies = make_bundle(work)
        subprocess.run(
            [SERVERS[MLFLOW].python(), str(PEERS / "pyfunc_of_bundle.py"), str(work / "bundle"), "mlflow_model"],
            cwd=work, check=True, env={"PYTHONPATH": str(ROOT / "src"), "MLFLOW_DISABLE_TELEMETRY": "true"},
        )  # fmt: skip
        expected: float | None = None
        for number in range(rounds):
            order = list(SERVERS)
            for who in order[:1] + (order[1:] if number % 2 else order[:0:-1]):
                if who in missing:
                    continue
                try:
                    one, answer = measure_one(who, work, bodies, expected)
                except (RuntimeError, subprocess.CalledProcessError) as error:
                    missing[who] = str(error)
                    continue
                expected = answer if expected is None else expected
                found.setdefault(who, []).append(one)
                _record(number + 1, who, one, found)
                print(who, one, file=sys.stderr)
        shadow = serve_shadow.measure(work, bodies)
    return "\n".join([*_table(found, rounds), "", *_ratios(found), *_missing(missing), "", shadow])


def _record(number: int, who: str, one: Measured, found: dict[str, list[Measured]]) -> None:
    ours = who == OURS
    for what, value, unit, aim in (
        ("start", one.start, "s", at_most(2)),
        ("memory", one.memory, "MiB", at_most(_MOST_MIB)),
        ("failed requests", one.failed, "", at_most(0)),
    ):
        record("serving", what, value, unit, way=who, round=number, aim=aim if ours else None)
    # Ours is the first of a round; where it failed there is nothing to compare with.
    mine = found[OURS][number - 1] if len(found.get(OURS, ())) == number else None
    for what in ("start", "memory") if mine and not ours else ():
        ratio, aim = getattr(mine, what) / getattr(one, what), AIMS.get((who, what))
        record("serving", f"ratio of {what}, modelway to peer", ratio, way=who, round=number, aim=aim)
    for connections in (1, 32):
        case = f"{connections} connection{'s' if connections > 1 else ''}"
        for what, field, unit in (
            ("requests/s", "rate", "/s"), ("p50", "p50", "ms"), ("p99", "p99", "ms"), ("CPU a request", "cpu", "ms")
        ):  # fmt: skip
            theirs = getattr(one, field)[connections]
            record("serving", what, theirs, unit, way=who, case=case, round=number)
            if mine and not ours and theirs:
                ratio, aim = getattr(mine, field)[connections] / theirs, AIMS.get((who, field))
                told = f"ratio of {what}, modelway to peer"
                record("serving", told, ratio, way=who, case=case, round=number, aim=aim)


def _pack(training: Path, output: Path, version: int) -> None:
    from modelway.bundle import pack_bundle
    from modelway.records.bundle import Origin

    origin = Origin(
        name="loans", version=version, run_id="bench", commit="c" * 40, created="2026-01-01T00:00:00+00:00",
        data_digest="d" * 64, settings_digest="5" * 64, lock_digest="1" * 64,
    )  # fmt: skip
    pack_bundle(training, origin, output)


def _table(found: dict[str, list[Measured]], rounds: int) -> list[str]:
    lines = [
        "The sample's boosted trees (11 columns, text among them) as a bundle, one row a request, one worker each,",
        f"over loopback; {rounds} rounds in which each server is started, asked for {SECONDS:g} s on 1 and on 32",
        "connections, and ended; medians. modelway has validation, routing, metrics and the prediction log on; the",
        "bare app has none. MLflow and MLServer score a pyfunc of the same bundle, BentoML and the bare app the bundle",
        "itself. CPU is what a request costs of all cores, which a busy machine changes least. Memory is that of all",
        "of a server's processes, what they share once. `python bench/serve.py` repeats this part.",
        "",
        "| | requests/s, 1 | p50 | p99 | CPU | requests/s, 32 | p50 | p99 | CPU | memory | start | packages |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in found.items():
        cells = []
        for connections in (1, 32):
            rate, p50, p99, cpu = (
                statistics.median(getattr(one, what)[connections] for one in runs)
                for what in ("rate", "p50", "p99", "cpu")
            )
            cells += [f"{rate:,.0f}", f"{p50:.2f} ms", f"{p99:.2f} ms", f"{cpu:.2f} ms"]
        memory, start = (statistics.median(getattr(one, what) for one in runs) for what in ("memory", "start"))
        size = package_mib(SERVERS[name].python())
        failed = sum(one.failed for one in runs)
        lines.append(
            f"| {name} | {' | '.join(cells)} | {memory:.0f} MiB | {start:.1f} s | {size:.0f} MiB |"
            + (f" {failed} requests failed" if failed else "")
        )
    return lines


def _ratios(found: dict[str, list[Measured]]) -> list[str]:
    """Ours to the bare app's and to MLflow's, round by round."""
    lines = []
    for other, wanted in (
        (UNBATCHED, "more than 1 where scoring together pays"),
        (BARE, "rate ≥ 0.8, p50 ≤ 1.25"),
        (MLFLOW, "rate ≥ 30"),
    ):
        pairs = list(zip(found[OURS], found.get(other, []), strict=False))
        if not pairs:
            continue
        words = []
        for connections in (1, 32):
            rate = statistics.median(one.rate[connections] / two.rate[connections] for one, two in pairs)
            p50 = statistics.median(one.p50[connections] / two.p50[connections] for one, two in pairs)
            cpu = statistics.median(one.cpu[connections] / two.cpu[connections] for one, two in pairs)
            words.append(f"rate {rate:.2f}, p50 {p50:.2f}, CPU {cpu:.2f} on {connections}")
        lines.append(f"- modelway to {other}, medians of the rounds' ratios: {'; '.join(words)}. Aim: {wanted}.")
    return [*lines, "- Aims besides: start ≤ 2 s, memory ≤ 180 MB, ahead of every peer in every column."]


def _missing(missing: dict[str, str]) -> list[str]:
    return [f"- {name} did not run: {' '.join(error.split())[-300:]}" for name, error in missing.items()]


if __name__ == "__main__":
    print(measure(*(int(number) for number in sys.argv[1:])))
