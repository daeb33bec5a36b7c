"""One deploy at a time: a lease with an owner and an expiry, by compare-and-swap, on disk or in S3."""

from __future__ import annotations

import os
import secrets
import shlex
import socket
import threading
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.deploy.state import LOCK, below
from modelway.errors import ModelwayError, OutsideError
from modelway.processes import runs, start_of
from modelway.records.releases import Lease
from modelway.storage import Document, is_s3

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
        self._document = _document(uri, s3)
        self._uri = self._document.uri
        self._seconds = lease_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock", daemon=True)
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
                    f"another deploy holds the lock: {holder.owner}, until {holder.expires} (process {holder.pid} on"
                    f" {holder.host})",
                    where=self._uri,
                    remedy="Wait for it to end, or let this one wait: environments.NAME.wait.lock_seconds. "
                    + _how_to_remove(holder, self._uri),
                )
            time.sleep(_POLL_SECONDS)

    def check(self) -> None:
        """Raise `OutsideError` where the lock is ours no longer: nothing may be changed then."""
        # A machine that slept wakes up with a lease that is over, before the thread has noticed.
        lost = self._lost or ("" if _is_in_time(self._lease) else "it was not renewed in time")
        if lost:
            raise OutsideError(
                f"the lock was lost: {lost}", where=self._uri, remedy="Run it again: it goes on where it was."
            )

    def let_go(self) -> None:
        """Give the lock back, if it still is ours."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        if not self._lost:
            self._renew_until(_BY_GONE)

    def _try(self) -> Lease | None:
        """Take it if nobody holds it; else who does."""
        wanted = self._lease.model_copy(update={"expires": self._in_time()})

        def take(found: Lease | None) -> Lease | None:
            return None if found is not None and _holds(found) else wanted

        found, ours = self._document.change(take)
        self._lease = wanted if ours else self._lease
        return None if ours else found

    def _renew(self) -> None:
        failing_since: float | None = None
        while not self._ended.wait(self._seconds / 4):
            try:
                if not self._renew_until(self._in_time()):
                    self._lost = "somebody else took it"
                    return
                failing_since = None
            except ModelwayError as error:
                failing_since = failing_since or time.monotonic()
                if time.monotonic() - failing_since > self._seconds / 2:
                    self._lost = error.what
                    return

    def _renew_until(self, expires: str) -> bool:
        """Change when it ends; whether it still is ours."""
        wanted = self._lease.model_copy(update={"expires": expires})

        def renew(found: Lease | None) -> Lease | None:
            return wanted if found is not None and found.nonce == wanted.nonce else None

        found, _ = self._document.change(renew)
        ours = found is not None and found.nonce == wanted.nonce
        self._lease = wanted if ours else self._lease
        return ours

    def _in_time(self) -> str:
        return (datetime.now(UTC) + timedelta(seconds=self._seconds)).isoformat(timespec="milliseconds")


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
        # What was done under it is done or has failed already, and that is what the exit code reports: a rollback that
        # ended well must not be run again for the lease's sake. The lease expires.
        with suppress(ModelwayError):
            lock.let_go()


def holder(uri: str, s3: S3Options) -> Lease | None:
    """Who holds an environment's lock at the moment."""
    found = _document(uri, s3).read()
    return found if found is not None and _holds(found) else None


def _holds(lease: Lease) -> bool:
    """Whether a lease is in force: not over, and not of a process of this machine that is dead."""
    if not _is_in_time(lease):
        return False
    return lease.host != socket.gethostname() or not lease.started or runs(lease.pid, lease.started)


def _how_to_remove(lease: Lease, uri: str) -> str:
    if lease.host == socket.gethostname():
        return f"If it hangs, end process {lease.pid}: the lock goes with it."
    remove = f"aws s3 rm {shlex.quote(uri)}" if is_s3(uri) else f"rm {shlex.quote(uri)}"
    return (
        f"It can't be seen from here whether that process still runs on {lease.host}. If it does not, wait until the"
        f" lock expires, or remove it: {remove}"
    )


def _is_in_time(lease: Lease) -> bool:
    return datetime.fromisoformat(lease.expires) > datetime.now(UTC)


def _document(uri: str, s3: S3Options) -> Document[Lease | None]:
    return Document(below(uri, LOCK), "the lock", _parse, lambda lease: lease.to_json() if lease else "", s3)


def _parse(content: bytes | None) -> Lease | None:
    """A lease; one that can't be read holds nobody."""
    try:
        return Lease.from_json(content) if content is not None else None
    except ValidationError:
        return None
