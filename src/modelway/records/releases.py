"""What is kept of an environment: its releases, what is being tried, who holds the lock."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record
from modelway.records.deploy import Release


class Attempt(Record):
    """A deploy or rollback that has begun and not ended; whoever comes next goes on from here."""

    kind: Literal["deploy", "rollback"]
    release: Release
    """What was to run."""
    started: str
    """ISO 8601, UTC."""
    owner: str
    """Who began it."""
    failed: str = ""
    """Why it is being rolled back; empty while it goes forward."""


class Event(Record):
    """One line of an environment's history."""

    time: str
    """ISO 8601, UTC."""
    what: Literal["deployed", "failed", "rolled back", "stopped"]
    release: str
    """The release in words."""
    reason: str = ""
    owner: str
    """Who did it."""


class Releases(Record):
    """`releases.json`."""

    schema_version: Literal[1] = 1
    history: tuple[Release, ...] = ()
    """The releases that passed their smoke test, the oldest first; the last one is what is to run."""
    attempt: Attempt | None = None
    events: tuple[Event, ...] = ()

    @property
    def current(self) -> Release | None:
        """The last good release."""
        return self.history[-1] if self.history else None


class SmokeToken(Record):
    """`smoke.json`: the token that smoke tests of the environment send. A secret, unlike its SHA-256."""

    token: str


class Lease(Record):
    """`lock.json`: who may change the environment, and until when."""

    owner: str
    """In words, for whoever finds it."""
    host: str
    pid: int
    started: str
    """When the owner's process began, in its system's words: on the same machine a dead owner holds nothing."""
    nonce: str
    """Tells two leases of one owner apart."""
    expires: str
    """ISO 8601, UTC; renewed while the owner lives."""
