"""Opens what model files are packed in, within bounds: zip, tar, and compressed streams."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from modelway.checks.audit.pickle_walk import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

MAX_DEPTH = 4
"""How deep archives may lie in archives."""
_MAX_BYTES = 4 * 2**30
"""What one member, or one compressed file, may unpack to."""
_MAX_MEMBERS = 100_000
_IN_MEMORY = 64 * 2**20
_CHUNK = 2**20
_TARS = frozenset({".tar", ".tgz", ".nemo"})
_ZLIB = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")


def is_archive(head: bytes, suffix: str) -> bool:
    """Whether a file is a zip or tar archive, by how it begins."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or head[257:262] == b"ustar" or suffix in _TARS


def members(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    """The files in an archive, by name; each is gone when the next is asked for.

    Raises:
        UnreadableError: it is too large, or holds what can't be opened.
    """
    head = stream.read(4)
    stream.seek(0)
    yield from _of_zip(stream) if head.startswith(b"PK") else _of_tar(stream)


def decompressed(head: bytes) -> Callable[[IO[bytes]], AbstractContextManager[IO[bytes]]] | None:
    """How to open a compressed stream, by how it begins; None where it is not compressed."""
    if head.startswith(b"\x1f\x8b"):
        return lambda stream: _spooled(cast("IO[bytes]", gzip.GzipFile(fileobj=stream)))
    if head.startswith(b"BZh"):
        return lambda stream: _spooled(cast("IO[bytes]", bz2.BZ2File(stream)))
    if head.startswith((b"\xfd7zXZ\0", b"]\0\0")):
        return lambda stream: _spooled(cast("IO[bytes]", lzma.LZMAFile(stream)))
    if head.startswith(_ZLIB):
        return lambda stream: _spooled(cast("IO[bytes]", _ZlibReader(stream)))
    return None


def _of_zip(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(stream) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > _MAX_MEMBERS:
            raise UnreadableError(f"it holds more than {_MAX_MEMBERS} files")
        for info in infos:
            with archive.open(info) as content, _spooled(content) as copy:
                yield info.filename, copy


def _of_tar(stream: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        with tarfile.open(fileobj=stream) as archive:
            for number, info in enumerate(archive):
                if number == _MAX_MEMBERS:
                    raise UnreadableError(f"it holds more than {_MAX_MEMBERS} files")
                content = archive.extractfile(info) if info.isfile() else None
                if content is not None:
                    with _spooled(content) as copy:
                        yield info.name, copy
    except tarfile.TarError as error:
        raise UnreadableError(f"it is no tar archive, or a torn one ({type(error).__name__})") from error


@contextmanager
def _spooled(content: IO[bytes]) -> Iterator[IO[bytes]]:
    """A copy that can be read again from its beginning, on disk where it is large."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        try:
            written = 0
            while chunk := content.read(_CHUNK):
                written += len(chunk)
                if written > _MAX_BYTES:
                    raise UnreadableError(f"it unpacks to more than {_MAX_BYTES // 2**30} GiB")
                copy.write(chunk)
        except (EOFError, zlib.error, lzma.LZMAError) as error:
            raise UnreadableError(f"it is torn ({type(error).__name__})") from error
        copy.seek(0)
        yield cast("IO[bytes]", copy)


class _ZlibReader:
    """A zlib stream, as joblib writes by default, read in pieces."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._unpack: Any = zlib.decompressobj()

    def read(self, size: int) -> bytes:
        while not self._unpack.eof:
            packed = self._unpack.unconsumed_tail or self._stream.read(_CHUNK)
            if not packed:
                raise EOFError
            if content := self._unpack.decompress(packed, size):
                return cast("bytes", content)
        return b""
