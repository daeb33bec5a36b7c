"""What a shadow costs those who wait: two servers, one with a shadow, asked in turn by one client."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import TYPE_CHECKING

from load import ask_in_turn, request
from records import at_most, record, record_rounds
from servers import OURS, PATH, SERVERS, Server, modelway, running

if TYPE_CHECKING:
    from pathlib import Path

    from load import Load

PAUSE, REQUESTS, ROUNDS = 0.004, 1500, 7
CASE = "shadow, asked in turn"


def measure(work: Path, bodies: list[bytes]) -> str:
    """Run the benchmark and give its lines of the results."""
    python = SERVERS[OURS].python
    command = modelway("--challenger", str(work / "challenger"))
    without, shadowed = (Server(python, command, {"SHADOW_MODEL_ENABLED": word}) for word in ("false", "true"))
    requests = [request(PATH, body) for body in bodies]
    with ExitStack() as stack:
        both = [stack.enter_context(running(server, work, bodies[0])) for server in (without, shadowed)]
        ports = [server.port for server in both]
        ask_in_turn(ports, requests, PAUSE, 200)
        before = [server.answering_cpu_seconds() for server in both]
        rounds = [ask_in_turn(ports, requests, PAUSE, REQUESTS) for _ in range(ROUNDS)]
        used = [server.answering_cpu_seconds() - start for server, start in zip(both, before, strict=True)]
    for share in (0.5, 0.99):
        what = f"p{share * 100:.0f}"
        for place, way in enumerate(("without a shadow", "with a shadow")):
            values = [loads[place].quantile_ms(share) for loads in rounds]
            record_rounds("serving", what, values, "ms", way=way, case=CASE)
        ratios = [loads[1].quantile_ms(share) / loads[0].quantile_ms(share) for loads in rounds]
        aim = at_most(1.05) if share == 0.99 else None
        record_rounds(
            "serving", f"ratio of {what}, with shadow to without", ratios, way="with a shadow", case=CASE, aim=aim
        )
    one, other = (seconds / (ROUNDS * REQUESTS) * 1000 for seconds in used)
    record("serving", "CPU a request", one, "ms", way="without a shadow", case=CASE)
    record("serving", "CPU a request", other, "ms", way="with a shadow", case=CASE)
    return (
        f"Shadow: two servers, one of them with the challenger as shadow, asked in turn, one request every "
        f"{PAUSE * 1000:.0f} ms; {ROUNDS} rounds of {REQUESTS} requests each. Without and with it, p50 "
        f"{_pair(rounds, 0.5)}; p99 {_pair(rounds, 0.99)}; CPU of the processes that answer, a request, {one:.2f} and "
        f"{other:.2f} ms ({other / one:.2f}). Aim: under 5% at p99 while the machine has room."
    )


def _pair(rounds: list[list[Load]], share: float) -> str:
    one, other = (statistics.median(loads[place].quantile_ms(share) for loads in rounds) for place in (0, 1))
    cost = statistics.median(loads[1].quantile_ms(share) / loads[0].quantile_ms(share) for loads in rounds)
    return f"{one:.2f} and {other:.2f} ms (median of the rounds' ratios {cost:.2f})"
