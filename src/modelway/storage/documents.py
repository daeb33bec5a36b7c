"""Documents that several writers change: by compare-and-swap alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from modelway.errors import InputError, OutsideError
from modelway.records.data import S3Options
from modelway.storage.access import read_tagged, write_if_unchanged

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")
_DEFAULT = S3Options()
_ATTEMPTS = 20


@dataclass(frozen=True)
class Document(Generic[_T]):
    """A document at its address.

    Attributes:
        uri: a path or `s3://` address.
        name: what it is called where others keep changing it.
        parse: content to value, None where there is none yet; raises `InputError` where it can't be read.
        render: value to text.
        s3: where S3 is.
    """

    uri: str
    name: str
    parse: Callable[[bytes | None], _T]
    render: Callable[[_T], str]
    s3: S3Options = _DEFAULT

    def read(self) -> _T:
        """What is there.

        Raises:
            InputError: it can't be parsed.
            OutsideError: the store fails.
        """
        return self._read()[0]

    def change(self, change: Callable[[_T], _T | None]) -> tuple[_T, bool]:
        """Change it; of two writers at once, the second one's change sees the first one's.

        Args:
            change: what is there to what is wanted; None leaves it as it is. May be called several times.

        Returns:
            What is there now, and whether that is what `change` wanted.

        Raises:
            InputError: as `read` does.
            OutsideError: the store fails, or others never stop writing.
        """
        tried: _T | None = None
        for _ in range(_ATTEMPTS):
            found, tag = self._read()
            if tried is not None and found == tried:
                return found, True  # it was written, and the answer lost
            tried = wanted = change(found)
            if wanted is None:
                return found, False
            if wanted == found:
                return found, True
            if write_if_unchanged(self.uri, self.render(wanted).encode(), tag, s3=self.s3) is not None:
                return wanted, True
        raise OutsideError(f"others keep changing {self.name}", where=self.uri, remedy="Try again.")

    def _read(self) -> tuple[_T, str | None]:
        try:
            content, tag = read_tagged(self.uri, s3=self.s3)
        except InputError:
            return self.parse(None), None
        return self.parse(content), tag
