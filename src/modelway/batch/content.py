"""The bytes of one input file, wherever it lies."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyarrow as pa

from modelway.storage import is_s3, read_range

if TYPE_CHECKING:
    from modelway.records.batch import InputFile
    from modelway.records.data import S3Options

_ETAG = "etag:"
_READ_AHEAD = 1 << 20


def etag_identity(tag: str) -> str:
    """The identity of an object."""
    return _ETAG + tag


class Content:
    """Reads ranges of a file; what was fetched before is not fetched again.

    Args:
        file: the file.
        s3: where `s3://` addresses lead.
    """

    def __init__(self, file: InputFile, s3: S3Options) -> None:
        self.file = file
        self._s3 = s3
        self._tag = file.identity.removeprefix(_ETAG) if is_s3(file.uri) else ""
        self._held: tuple[int, bytes] = (0, b"")

    def fetch(self, start: int, end: int) -> None:
        """Bring a range of an object into memory; a local file is read when it is asked for."""
        if self._tag:
            self._held = (start, read_range(self.file.uri, start, end, self._tag, self._s3))

    def read(self, start: int, end: int) -> bytes:
        """The bytes from one place to another, as far as the file has them.

        Raises:
            InputError, OutsideError: as `storage.read_range`.
        """
        end = min(end, self.file.size)
        first, held = self._held
        if held and first <= start and end <= first + len(held):
            return held[start - first : end - first]
        return read_range(self.file.uri, start, end, self._tag, self._s3)

    def holding(self, text: bytes) -> Content:
        """The same file with another text, which is all in memory."""
        other = Content(self.file.model_copy(update={"size": len(text)}), self._s3)
        other._held = (0, text)
        return other

    def open_parquet(self) -> object:
        """What pyarrow reads Parquet from."""
        if not self._tag:
            return self.file.uri
        first, held = self._held
        if first == 0 and len(held) == self.file.size:
            return pa.BufferReader(held)
        return pa.PythonFile(io.BufferedReader(_Ranges(self), _READ_AHEAD), mode="r")


class _Ranges(io.RawIOBase):
    """An object as a file that can be searched: each read is one request."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self._content = content
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._content.file.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._content.read(self._at, self._at + len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
