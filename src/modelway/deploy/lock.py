"""One deploy at a time: a lease with an owner and an expiry, by compare-and-swap, on disk or in S3."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.deploy.state import LOCK, below
from modelway.errors import InputError, ModelwayError, OutsideError
from modelway.processes import runs, start_of
from modelway.records.releases import Lease
from modelway.storage import read_tagged, write_if_unchanged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.records.data import S3Options
    from modelway.records.environment import WaitOptions

_POLL_SECONDS = 0.5
_BY_GONE = datetime.fromtimestamp(0, UTC).isoformat()


class Lock:
    """A held lease; a thread renews it.

    Args:
        uri: the environment's state.
        s3: where S3 is.
        owner: who we are, in words.
        lease_seconds: how long the lease holds after the owner died.
    """

    def __init__(self, uri: str, s3: S3Options, owner: str, lease_seconds: float) -> None:
        self._uri = below(uri, LOCK)
        self._s3 = s3
        self._seconds = lease_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._tag: str | None = None
        self._lost = ""
        pid = os.getpid()
        self._lease = Lease(
            owner=owner,
            host=socket.gethostname(),
            pid=pid,
            started=start_of(pid) or "",
            nonce=secrets.token_hex(8),
            expires=_BY_GONE,
        )

    def take(self, patience: float) -> None:
        """Hold the lock; raises `OutsideError` where another holds it for longer than `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            holder = self._try()
            if holder is None:
                self._thread.start()
                return
            if time.monotonic() >= deadline:
                raise OutsideError(
                    f"another deploy holds the lock: {holder.owner}, until {holder.expires}",
                    where=self._uri,
                    remedy="Wait for it to end, or let this one wait: environments.NAME.wait.lock_seconds.",
                )
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Raise `OutsideError` where the lock is ours no longer: nothing may be changed then."""
        if self._lost:
            raise OutsideError(
                f"the lock was lost: {self._lost}", where=self._uri, remedy="Run it again: it goes on where it was."
            )

    def let_go(self) -> None:
        """Give the lock back, if it still is ours."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        if not self._lost:
            self._write(self._lease.model_copy(update={"expires": _BY_GONE}))

    def _try(self) -> Lease | None:
        """Take it if nobody holds it; else who does."""
        found, self._tag = _read(self._uri, self._s3)
        if found is not None and _holds(found):
            return found
        return None if self._write(self._until(self._seconds)) else _read(self._uri, self._s3)[0]

    def _renew(self) -> None:
        failing_since: float | None = None
        while not self._ended.wait(self._seconds / 4):
            try:
                if not self._write(self._until(self._seconds)):
                    self._lost = "somebody else took it"
                    return
                failing_since = None
            except ModelwayError as error:
                failing_since = failing_since or time.monotonic()
                if time.monotonic() - failing_since > self._seconds / 2:
                    self._lost = error.what
                    return

    def _until(self, seconds: float) -> Lease:
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        return self._lease.model_copy(update={"expires": expires.isoformat(timespec="seconds")})

    def _write(self, lease: Lease) -> bool:
        tag = write_if_unchanged(self._uri, lease.to_json().encode(), self._tag, s3=self._s3)
        if tag is None:
            # A request whose answer was lost is sent again, and meets what it wrote itself.
            found, seen = _read(self._uri, self._s3)
            tag = seen if found == lease else None
        self._tag = tag if tag is not None else self._tag
        return tag is not None


@contextmanager
def deploy_lock(uri: str, s3: S3Options, owner: str, wait: WaitOptions) -> Iterator[Lock]:
    """Hold an environment's lock.

    Args:
        uri: the environment's state.
        s3: where S3 is.
        owner: who we are, in words.
        wait: how long another's is waited for, and how long ours outlives us.

    Raises:
        OutsideError: another holds it, or the store fails.
    """
    lock = Lock(uri, s3, owner, wait.lease_seconds)
    lock.take(wait.lock_seconds)
    try:
        yield lock
    finally:
        lock.let_go()


def holder(uri: str, s3: S3Options) -> Lease | None:
    """Who holds an environment's lock at the moment."""
    found, _ = _read(below(uri, LOCK), s3)
    return found if found is not None and _holds(found) else None


def _holds(lease: Lease) -> bool:
    """Whether a lease is in force: not over, and not of a process of this machine that is dead."""
    if datetime.fromisoformat(lease.expires) <= datetime.now(UTC):
        return False
    return lease.host != socket.gethostname() or not lease.started or runs(lease.pid, lease.started)


def _read(uri: str, s3: S3Options) -> tuple[Lease | None, str | None]:
    try:
        content, tag = read_tagged(uri, s3=s3)
    except InputError:
        return None, None
    try:
        return Lease.from_json(content), tag
    except ValidationError:
        return None, tag
