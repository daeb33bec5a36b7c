"""Documents that several writers change: by compare-and-swap alone."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from modelway.errors import OutsideError
from modelway.records.data import S3Options
from modelway.storage.access import read_version, write_if_unchanged
from modelway.storage.versions import LostAnswerError, Version
from modelway.waiting import deadline

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_DEFAULT = S3Options()
_ATTEMPTS = 40
_LOSSES = 4
"""Answers that may get lost in one change before the store counts as failing."""
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 0.25
_WRITE_PART = 0.5
"""Of the time that is left, how much a write gets: where its answer is lost, reading settles what became of it."""
_LOTS = secrets.SystemRandom()


@dataclass(frozen=True)
class Document(Generic[_T]):
    """A document at its address.

    Attributes:
        uri: a path or `s3://` address.
        name: what it is called where others keep changing it.
        parse: content to value, None where there is none yet; raises `InputError` where it can't be read.
        render: value to text or bytes.
        s3: where S3 is.
    """

    uri: str
    name: str
    parse: Callable[[bytes | None], _T]
    render: Callable[[_T], str | bytes]
    s3: S3Options = _DEFAULT

    def read(self) -> _T:
        """Return the value that is stored now.

        Raises:
            InputError: it can't be parsed.
            OutsideError: the store fails.
        """
        return self.parse(read_version(self.uri, s3=self.s3).content)

    def change(self, change: Callable[[_T], _T | None]) -> tuple[_T, bool]:
        """Change the document; of two writers at once, the second one's change sees the first one's.

        Each call has a mark of its own, which S3 keeps with the object and later writers carry on. A write whose answer
        was lost is settled by that mark, never by what the document says: another writer may want the same.

        Args:
            change: the stored value to the wanted one; None leaves it as it is. It is called once per attempt, so it
                must be free of side effects.

        Returns:
            The value that is stored now, and whether this call wrote it: of any number of callers that want the same
            value, exactly one gets true.

        Raises:
            InputError: as `read` does.
            OutsideError: the store fails, others never stop writing, or an answer was lost and the object does not
                tell whether the change took effect.
        """
        with deadline(self.uri):
            return self._change(change, secrets.token_hex(8))

    def _change(self, change: Callable[[_T], _T | None], mark: str) -> tuple[_T, bool]:
        unsettled: _Unsettled | None = None
        losses = 0
        for attempt in range(_ATTEMPTS):
            if attempt:
                _pause(attempt)
            version = self._read(unsettled)
            if mark in version.marks:
                return self.parse(version.content), True
            if unsettled is not None and version.tag != unsettled.base.tag:
                if not version.descends_from(unsettled.base):
                    raise self._unknown(unsettled.error)
                unsettled = None  # the version it was to replace is gone, so it never takes effect
            found = self.parse(version.content)
            wanted = change(found)
            if wanted is None or wanted == found:
                if unsettled is not None:
                    raise self._unknown(unsettled.error)  # the change is fickle, and the write may still come in
                return found, False
            try:
                if self._write(wanted, version, mark):
                    return wanted, True
            except LostAnswerError as error:
                unsettled, losses = _Unsettled(version, error), losses + 1
                if losses == _LOSSES:
                    break
        if unsettled is not None:
            raise self._unknown(unsettled.error)
        raise OutsideError(f"others keep changing {self.name}", where=self.uri, remedy="Try again.")

    def _read(self, unsettled: _Unsettled | None) -> Version:
        try:
            return read_version(self.uri, s3=self.s3)
        except OutsideError as error:
            if unsettled is None:
                raise
            raise self._unknown(error) from error

    def _write(self, wanted: _T, version: Version, mark: str) -> bool:
        content = self.render(wanted)
        content = content.encode() if isinstance(content, str) else content
        marks = version.marks_with(mark)
        with deadline(self.uri, part=_WRITE_PART):
            return write_if_unchanged(self.uri, content, version.tag, s3=self.s3, marks=marks) is not None

    def _unknown(self, error: OutsideError) -> OutsideError:
        return OutsideError(
            f"it is not known whether {self.name} changed: {error.what}",
            where=self.uri,
            remedy="Check what is stored there, and run this again if the change is missing.",
        )


@dataclass(frozen=True)
class _Unsettled:
    """A write whose answer was lost: the version that it was to replace, and why the answer did not come."""

    base: Version
    error: OutsideError


def _pause(attempt: int) -> None:
    """Wait for a random time, at most twice as long as before ("full jitter"), so that no writer starves."""
    time.sleep(_LOTS.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)))
