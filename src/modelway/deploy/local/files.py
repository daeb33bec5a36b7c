"""What a local target keeps in its directory, and which processes are its own.

The standard library alone: the keeper runs for as long as the server does, and is to cost next to nothing.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from modelway.atomic import make_directories, replacing
from modelway.parsing import parse_json
from modelway.processes import runs, send, start_of

if TYPE_CHECKING:
    from pathlib import Path

KEEPER, SERVER = "keeper.json", "server.json"
"""The processes: their number, and when they began."""
NEXT_SERVER, OLD_SERVER = "next-server.json", "old-server.json"
"""The same of a server that is to take over, and of one that finishes its requests."""
WANTED = "wanted.json"
"""The server's command line but for the bundles, its variables, and the bundles it serves."""
NEXT = "next.json"
"""The same for the server that is to take over."""
REFUSED = "refused.json"
"""How a server ended that was to take over."""
READY = "ready.json"
"""What the server said when it answered first, or was refused: its exit code, where its port and its admin port are."""
WATCHED = "watched.json"
"""How the server ended last, and how often it did before it ever answered."""
TOKEN = "admin.token"  # noqa: S105 - the file's name
LOG, KEEPER_LOCK = "server.log", ".keeper.lock"


class Files:
    """The directory.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file's object; empty where it is missing or torn."""
        try:
            found: Any = parse_json((self.path / name).read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, name: str, value: dict[str, Any]) -> None:
        """Write a JSON file beside its place and rename it."""
        self.write_text(name, json.dumps(value, indent=2))

    def write_text(self, name: str, text: str) -> None:
        """Write a file likewise."""
        make_directories(self.path)
        with replacing(self.path / name) as work:
            work.write_text(text, encoding="utf-8")

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    def note_process(self, name: str, **more: Any) -> None:
        """Write this very process down."""
        self.write(name, {"pid": os.getpid(), "started": start_of(os.getpid()), **more})

    def rename(self, name: str, other: str) -> None:
        """Let a file take another's place."""
        (self.path / name).replace(self.path / other)

    def process(self, name: str) -> int | None:
        """The number of a process that was written down, if that very process still runs."""
        found = self.read(name)
        pid, started = found.get("pid"), found.get("started")
        if isinstance(pid, int) and isinstance(started, str) and runs(pid, started):
            return pid
        return None

    def signal(self, name: str, number: int) -> bool:
        """Send a signal to a process that was written down; whether it still ran."""
        found = self.read(name)
        pid, started = found.get("pid"), found.get("started")
        return isinstance(pid, int) and isinstance(started, str) and send(pid, started, number)


def last_words(path: Path, most: int = 4000) -> str:
    """The end of a log, for an error that has to say why."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return file.read().decode("utf-8", "replace").strip()
    except OSError:
        return ""
