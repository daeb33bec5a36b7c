"""Where a run writes: a folder of its own, local or on S3; each file is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modelway.artifacts import file_digest
from modelway.atomic import make_directories, restrict, scratch_directory
from modelway.errors import InputError
from modelway.records.batch import PartFile
from modelway.storage import Document, abort_uploads, is_s3, list_below, read_bytes, remove_below, upload, write_bytes
from modelway.storage.local import outside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modelway.records.data import S3Options

_T = TypeVar("_T")
PREDICTIONS = "predictions"
REJECTS = "rejects"
STATE = "_run"
"""What a run that is under way remembers; removed when it is published."""
PLAN = f"{STATE}/plan.json"
SUCCESS = "_SUCCESS"
MANIFEST = "manifest.json"
SUMMARY = "batch.json"
TIMINGS = "timings.json"
REPORT = "report.html"
LATEST = "_latest.json"
"""Beside the runs: which of them was published last."""


def part_name(folder: str, number: int, ending: str) -> str:
    """The name of a part's file."""
    return f"{folder}/part-{number:05}.{ending}"


def join(uri: str, name: str) -> str:
    """The address of what lies below another."""
    return f"{uri.rstrip('/')}/{name}"


class Place:
    """A run's folder.

    Args:
        uri: a directory or `s3://bucket/prefix`.
        s3: where `s3://` leads.
        spool: local directory where files are made that go to S3; one of its own when absent.
    """

    def __init__(self, uri: str, s3: S3Options, spool: Path | None = None) -> None:
        self.uri = uri
        self._s3 = s3
        self._remote = is_s3(uri)
        self._spool = spool
        self._own = ExitStack()

    def read(self, name: str) -> bytes | None:
        """A small file's content; None where there is none."""
        try:
            return read_bytes(join(self.uri, name), s3=self._s3)
        except InputError:
            return None

    def write(self, name: str, content: bytes) -> PartFile:
        """Write a small file."""
        write_bytes(join(self.uri, name), content, s3=self._s3)
        return PartFile(name=name, size=len(content), sha256=hashlib.sha256(content).hexdigest())

    def document(
        self, name: str, parse: Callable[[bytes | None], _T | None], render: Callable[[_T], str]
    ) -> Document[_T | None]:
        """Return a small file that several processes may change at once."""
        return Document(
            join(self.uri, name), name, parse, lambda value: "" if value is None else render(value), self._s3
        )

    def sizes(self) -> dict[str, int]:
        """All files that are there, by name."""
        return list_below(self.uri, self._s3)

    def remove(self, names: Iterable[str]) -> None:
        """Remove files."""
        remove_below(self.uri, names, self._s3)

    def work_file(self, name: str) -> Path:
        """A local file that is to become the file of this name; hidden until then."""
        if self._remote:
            if self._spool is None:
                self._spool = self._own.enter_context(scratch_directory())
            return self._spool / name.replace("/", "-")
        path = Path(self.uri) / name
        try:
            make_directories(path.parent)
        except OSError as error:
            raise outside(error, str(path.parent)) from error
        return path.with_name(f".{path.name}.{os.getpid()}.part")

    def publish(self, work: Path, name: str) -> PartFile:
        """Put a finished local file in its place."""
        file = PartFile(name=name, size=work.stat().st_size, sha256=file_digest(work))
        if self._remote:
            upload(work, join(self.uri, name), self._s3)
            work.unlink()
        else:
            try:
                restrict(work)
                work.replace(Path(self.uri) / name)
            except OSError as error:
                raise outside(error, join(self.uri, name)) from error
        return file

    def holds(self, file: PartFile, sizes: dict[str, int]) -> bool:
        """Whether a file is there as it was written; of objects the size is compared, of local files the content."""
        if sizes.get(file.name) != file.size:
            return False
        return self._remote or file_digest(Path(self.uri) / file.name) == file.sha256

    def clean(self, sizes: Iterable[str]) -> None:
        """Remove what killed processes left half-written."""
        self.remove(name for name in sizes if Path(name).name.startswith(".") and name.endswith(".part"))
        abort_uploads(self.uri, self._s3)

    def close(self) -> None:
        """Remove local files that were on their way."""
        self._own.close()
