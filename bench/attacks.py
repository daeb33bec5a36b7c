"""The toolkit of attacks: what each may do, and the process that does it.

`python bench/attacks.py NAME PORT SECONDS PID FOLDER` attacks the server at a port of this machine: `PID` is its
supervisor, `FOLDER` holds its bundle. `hostile.py` starts it. The process has the lowest priority, by `nice` and by its
session's autogroup, so that the server gets a core that both want. It ends some seconds after `SECONDS`, whatever it
was doing.
"""

from __future__ import annotations

import json
import os
import random
import resource
import socket
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GRACE = 5.0
"""Seconds that an attack may need beyond its time before it is ended."""
_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Attack:
    """One of them.

    Attributes:
        name: by which it is run.
        about: what is done, in a few words.
        does: does it, until the tool's time is over or its own count is.
        seconds: how long at most.
        makes: what is sent, before the time counts and at a common priority.
    """

    name: str
    about: str
    does: Callable[[Tool], None]
    seconds: float = 4.0
    makes: Callable[[Tool], bytes] | None = None


ATTACKS: dict[str, Attack] = {}


def attack(
    name: str, about: str, seconds: float = 4.0, makes: Callable[[Tool], bytes] | None = None
) -> Callable[[Callable[[Tool], None]], Callable[[Tool], None]]:
    """Register a function as an attack."""

    def registered(does: Callable[[Tool], None]) -> Callable[[Tool], None]:
        add(name, about, does, seconds, makes)
        return does

    return registered


def add(
    name: str,
    about: str,
    does: Callable[[Tool], None],
    seconds: float = 4.0,
    makes: Callable[[Tool], bytes] | None = None,
) -> None:
    """The same, for attacks that tables make."""
    if name in ATTACKS:
        raise ValueError(f"two attacks are called {name}")
    ATTACKS[name] = Attack(name, about, does, seconds, makes)


def load_all() -> dict[str, Attack]:
    """All attacks, by name."""
    # Each module registers its own.
    import attacks_bodies
    import attacks_floods
    import attacks_made
    import attacks_wire

    assert attacks_bodies, (attacks_floods, attacks_made, attacks_wire)
    # Run as a program, this module is another one than the one that they registered with.
    return sys.modules["attacks"].ATTACKS if "attacks" in sys.modules else ATTACKS


@dataclass
class Tool:
    """What an attack works with, and what it saw.

    Attributes:
        seconds: how long it lasts, from when it `began`, by the monotonic clock.
        made: what `makes` made.
        statuses: answers by status.
        faults: answers that no server should give, with what was sent.
        sent: requests, or connections where it sends none.
    """

    port: int
    seconds: float
    pid: int
    folder: Path
    began: float = 0.0
    made: bytes = b""
    source: random.Random = field(default_factory=lambda: random.Random(19))
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        example = json.loads((self.folder / "bundle" / "serving_input_example.json").read_bytes())["dataframe_split"]
        self.names: list[str] = example["columns"]
        self.row: dict[str, Any] = dict(zip(example["columns"], example["data"][0], strict=True))
        self.columns: list[dict[str, Any]] = json.loads((self.folder / "bundle" / "signature.json").read_text())[
            "columns"
        ]

    @property
    def deadline(self) -> float:
        """When the time is over, by the monotonic clock."""
        return self.began + self.seconds

    @property
    def over(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self.deadline

    def again(self, most: int) -> Iterator[int]:
        """Count up to `most`, or as long as there is time."""
        for number in range(most):
            if self.over:
                return
            yield number

    @contextmanager
    def connection(self, timeout: float = 10.0) -> Iterator[socket.socket]:
        """A connection to the server."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield one

    def records(self, *rows: dict[str, Any]) -> bytes:
        """A body of records: the example with other values."""
        return json.dumps({"dataframe_records": [{**self.row, **row} for row in rows or ({},)]}).encode()

    def head(
        self, body: bytes | int, path: str = "/predict", kind: str = "application/json", more: Iterable[str] = ()
    ) -> bytes:
        """A request's head for a body, or for one of so many bytes."""
        size = body if isinstance(body, int) else len(body)
        lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", f"content-type: {kind}", f"content-length: {size}", *more]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def post(
        self, body: bytes, path: str = "/predict", kind: str = "application/json", more: Iterable[str] = ()
    ) -> int:
        """A request on a connection of its own; gives the status, 0 where none came."""
        statuses = self.exchange(self.head(body, path, kind, ["connection: close", *more]) + body)
        return statuses[0] if statuses else 0

    def post_again(self, body: bytes | Callable[[int], bytes], most: int, path: str = "/predict", **more: Any) -> None:
        """The same request as often as there is time for, `most` times at most."""
        for number in self.again(most):
            self.post(body if isinstance(body, bytes) else body(number), path, **more)

    def at_once(self, threads: int, does: Callable[[], None]) -> None:
        """Do the same in some threads."""
        running = [threading.Thread(target=does, daemon=True) for _ in range(threads)]
        for one in running:
            one.start()
        for one in running:
            one.join(max(0.1, self.deadline + GRACE / 2 - time.monotonic()))

    def exchange(self, raw: bytes, patience: float = 8.0) -> list[int]:
        """Send bytes and give the statuses of what comes back until the server closes, or nothing comes for a while."""
        self.sent += 1
        answer = b""
        with suppress(OSError), self.connection() as one:
            # A server that refuses a body early closes: what it said before that still has to be read.
            with suppress(OSError):
                one.sendall(raw)
            one.settimeout(patience)
            with suppress(OSError):
                while part := one.recv(1 << 20):
                    answer += part
        return self.noted(answer, raw)

    def noted(self, answer: bytes, raw: bytes = b"") -> list[int]:
        """Count the statuses of answers; those of 500 are faults."""
        statuses = list(answers(answer))
        self.statuses.update(statuses or [0])
        if 500 in statuses:
            self.fault("500", raw)
        return statuses

    def fault(self, what: str, raw: bytes) -> None:
        """Note an answer that no server should give."""
        if len(self.faults) < 50:
            told = raw if len(raw) <= 600 else raw[:400] + b"..." + raw[-100:]
            self.faults.append(f"{what}: {told!r}")


def answers(found: bytes) -> Iterator[int]:
    """The statuses of HTTP answers that came one after the other; the interim ones (1xx) are left out."""
    while found.startswith(b"HTTP/1.") and _HEAD_END in found:
        head, _, rest = found.partition(_HEAD_END)
        status = int(head[9:12])
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
        if fields.get(b"transfer-encoding", b"").strip() == b"chunked":
            found = rest.partition(b"0\r\n\r\n")[2]
        else:
            found = rest[int(fields.get(b"content-length", b"0")) :]
        if status >= 200:
            yield status


def read_one(one: socket.socket) -> bytes:
    """One whole answer; what came of it where the server closed before."""
    found = b""
    while not list(answers(found)) or len(found) < _size(found):
        part = one.recv(1 << 18)
        if not part:
            break
        found += part
    return found


def _size(found: bytes) -> int:
    head, _, _ = found.partition(_HEAD_END)
    length = [line.split(b":", 1)[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return len(head) + len(_HEAD_END) + (int(length[0]) if length else 0)


def be_nice() -> None:
    """Yield every core to whoever wants it."""
    os.setsid()
    os.nice(19)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(os.environ.get("BENCH_ATTACKER", "19"))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@attack("nothing", "burn a core, and ask nothing: what honest requests take next to that is the quiet value")
def _nothing(tool: Tool) -> None:
    while not tool.over:
        pass


def main(arguments: list[str]) -> int:
    """Attack, and print what was seen as JSON."""
    name, port, seconds, pid, folder = arguments
    one = load_all()[name]
    tool = Tool(int(port), float(seconds), int(pid), Path(folder))
    if one.makes is not None:
        tool.made = one.makes(tool)
    be_nice()
    tool.began = time.monotonic()
    threading.Thread(target=_end_late, args=[tool], daemon=True).start()
    one.does(tool)
    _print_and_leave(tool)
    return 0


def _end_late(tool: Tool) -> None:
    """End an attack that goes on beyond its time."""
    while time.monotonic() < tool.deadline + GRACE:
        time.sleep(0.2)
    _print_and_leave(tool)


def _print_and_leave(tool: Tool) -> None:
    found = {"statuses": dict(tool.statuses), "faults": tool.faults, "sent": tool.sent, "began": tool.began}
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    sys.modules["attacks"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))
