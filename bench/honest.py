"""Honest clients of a server in trouble, in a process of their own: they ask at a fixed rate, whatever happens.

The loop is open: each request has a moment when it is due, and its latency counts from there, so a server that stands
still for a second is seen by all requests that were due in it. Half of the clients keep their connection, the others
open one for each request. Requests differ in form (records, split, CSV, Open Inference Protocol) and in rows; each
answer is compared with what the same rows were answered when nothing troubled the server.

`python bench/honest.py PLAN` is that process; `Honest` starts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

LANES = 16
HEAD = (
    "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\nx-request-id: {id}\r\n"
    "content-length: {size}\r\n"
)
_TOLERANCE = 1e-9
_MOST_BEHIND = 30.0
"""Seconds of requests due that a client makes up for; what is older than that is not asked."""


@dataclass(frozen=True)
class Asked:
    """A request and what a client saw of its answer.

    Attributes:
        request: the id that the client gave it, which no other request has.
        due: when it was due, and `end` when its answer was whole or given up, both by the monotonic clock.
        status: of the answer; 0 where none came.
        prediction: the answer's `x-prediction-id`.
        rows: how many the request had.
        wrong: what was wrong with the answer; empty where nothing was.
        fresh: whether a connection was opened for it.
        kind: who asked.
        found: the positive class's probabilities, row by row, where they were read.
    """

    request: str
    due: float
    end: float
    status: int
    prediction: str
    rows: int
    wrong: str = ""
    fresh: bool = False
    kind: str = "honest"
    found: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Body:
    """One of the requests that they make, with the positive class's probability that each row must get."""

    path: str
    content_type: str
    content: str
    expected: list[float]


def bodies_of(records: list[dict[str, Any]], expected: list[float], model: str = "loans") -> list[Body]:
    """Requests of one to three rows, in every form that the server understands."""
    found = []
    for number in range(len(records)):
        places = [(number + more) % len(records) for more in range(1 + number % 3)]
        rows, wanted = [records[place] for place in places], [expected[place] for place in places]
        names = list(rows[0])
        if number % 4 == 0:
            found.append(Body("/predict", "application/json", json.dumps({"dataframe_records": rows}), wanted))
        elif number % 4 == 1:
            split = {"columns": names, "data": [[row[name] for name in names] for row in rows]}
            found.append(Body("/invocations", "application/json", json.dumps({"dataframe_split": split}), wanted))
        elif number % 4 == 2:
            text = io.StringIO()
            writer = csv.DictWriter(text, names)
            writer.writeheader()
            writer.writerows(rows)
            found.append(Body("/invocations", "text/csv", text.getvalue(), wanted))
        else:
            body = {"inputs": [_tensor(name, [row[name] for row in rows]) for name in names]}
            found.append(Body(f"/v2/models/{model}/infer", "application/json", json.dumps(body), wanted))
    return found


def _tensor(name: str, values: list[Any]) -> dict[str, Any]:
    kinds = {type(value) for value in values if value is not None}
    datatype = "BYTES" if str in kinds else "FP64" if float in kinds else "INT64"
    return {"name": name, "shape": [len(values)], "datatype": datatype, "data": values}


def probabilities(answer: dict[str, Any]) -> list[float]:
    """The positive class's probability, row by row, of an answer in either protocol."""
    if "probabilities" in answer:
        return [row["yes"] for row in answer["probabilities"]]
    (found,) = [one for one in answer["outputs"] if one["name"] == "probability"]
    values: list[float] = found["data"]
    return values[1::2]


def post(port: int, path: str, content: bytes, headers: dict[str, str], timeout: float = 60) -> tuple[int, str, bytes]:
    """One request on a connection of its own: status, prediction id, body.

    Raises:
        OSError: no answer came.
    """
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", content, headers)
    try:
        with urllib.request.urlopen(asked, timeout=timeout) as answer:
            return answer.status, answer.headers.get("x-prediction-id", ""), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("x-prediction-id", ""), error.read()


def first_answers(port: int, records: list[dict[str, Any]]) -> list[float]:
    """What each row is answered while nothing is wrong."""
    headers, found = {"content-type": "application/json"}, []
    for row in records:
        _, _, answer = post(port, "/predict", json.dumps({"dataframe_records": [row]}).encode(), headers)
        found += probabilities(json.loads(answer))
    return found


class Honest:
    """The process of honest clients of one server, from now until `end`."""

    def __init__(
        self, port: int, work: Path, bodies: list[Body], rate: float, timeout: float = 30.0, name: str = "h"
    ) -> None:
        self._path = work / f"honest-{port}.jsonl"
        plan = work / f"honest-{port}.json"
        plan.write_text(
            json.dumps({
                "port": port, "rate": rate, "timeout": timeout, "output": str(self._path), "name": name,
                "bodies": [asdict(body) for body in bodies],
            })
        )  # fmt: skip
        self._process = subprocess.Popen([sys.executable, __file__, str(plan)], start_new_session=True)
        self.pid = self._process.pid

    def end(self) -> list[Asked]:
        """Let the requests under way finish, and give everything that was asked."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=90)
        return self.so_far()

    def so_far(self) -> list[Asked]:
        """Everything that was asked and whose end is known."""
        text = self._path.read_text() if self._path.exists() else ""
        return [Asked(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@dataclass
class _Lane:
    """One client: a request at a time, every `every` seconds from `begin` on."""

    plan: dict[str, Any]
    bodies: list[Body]
    name: str
    fresh: bool
    output: io.TextIOBase
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self, begin: float, every: float, first: int, ending: asyncio.Event) -> None:
        for number in count():
            due = begin + number * every
            if (early := due - time.monotonic()) > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ending.wait(), early)
            elif early < -_MOST_BEHIND:
                continue
            if ending.is_set():
                return
            body = self.bodies[(first + number * LANES) % len(self.bodies)]
            asked = await self._ask(body, f"{self.name}-{number}", due)
            self.output.write(json.dumps(asdict(asked)) + "\n")

    async def _ask(self, body: Body, request: str, due: float) -> Asked:
        status, prediction, wrong, found = 0, "", "", list[float]()
        try:
            async with asyncio.timeout(self.plan["timeout"]):
                status, prediction, content = await self._exchange(body, request)
            if status == 200:
                found = probabilities(json.loads(content))
                wrong = _difference(found, body.expected)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            wrong = type(error).__name__
            self._close()
        if self.fresh:
            self._close()
        end, rows = time.monotonic(), len(body.expected)
        return Asked(request, due, end, status, prediction, rows, wrong, self.fresh, found=found)

    async def _exchange(self, body: Body, request: str) -> tuple[int, str, bytes]:
        if self.connection is None or self.connection[0].at_eof():
            self._close()
            self.connection = await asyncio.open_connection("127.0.0.1", self.plan["port"])
        reader, writer = self.connection
        content = body.content.encode()
        head = HEAD.format(path=body.path, kind=body.content_type, id=request, size=len(content))
        writer.write(f"{head}\r\n".encode() + content)
        answered = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in answered[1:] if ": " in line)
        answer = await reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection") == "close":
            self._close()
        return int(answered[0].split()[1]), fields.get("x-prediction-id", ""), answer

    def _close(self) -> None:
        if self.connection is not None:
            self.connection[1].close()
            self.connection = None


def _difference(found: list[float], expected: list[float]) -> str:
    same = len(found) == len(expected) and all(
        abs(one - other) < _TOLERANCE for one, other in zip(found, expected, strict=True)
    )
    return "" if same else f"answered {found}, expected {expected}"


async def _run(plan: dict[str, Any]) -> None:
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)
    bodies = [Body(**body) for body in plan["bodies"]]
    every, begin = LANES / plan["rate"], time.monotonic() + 0.1
    with Path(plan["output"]).open("w", encoding="utf-8", buffering=1) as output:
        lanes = [_Lane(plan, bodies, f"{plan['name']}{number}", number % 2 == 1, output) for number in range(LANES)]
        await asyncio.gather(
            *(lane.run(begin + number * every / LANES, every, number, ending) for number, lane in enumerate(lanes))
        )


if __name__ == "__main__":
    asyncio.run(_run(json.loads(Path(sys.argv[1]).read_text())))
