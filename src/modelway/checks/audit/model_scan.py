"""Looks for code in model files: a program of its own, for files can be made to choke any parser.

It is run as `python -P -m modelway.checks.audit.model_scan QUESTION ANSWER`, both JSON files. Nothing is unpickled.
"""

from __future__ import annotations

import io
import logging
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from modelway.checks.audit.archives import MAX_DEPTH, decompressed, is_archive, members
from modelway.checks.audit.pickle_walk import UnreadableError, walk
from modelway.checks.audit.scan import serve

if TYPE_CHECKING:
    from collections.abc import Callable

PICKLES = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin"})
ARRAYS = frozenset({".npy", ".npz"})
KERAS = frozenset({".h5", ".hdf5", ".keras"})
OTHERS = frozenset({".skops", ".zip", ".mar", ".tar", ".tgz", ".nemo"})
MODELS = PICKLES | ARRAYS | KERAS | OTHERS
"""What these files hold has to be read; of others, only what begins as a pickle or an archive does is looked at."""
_COMPRESSED = frozenset({".gz", ".bz2", ".xz", ".lzma", ".z", ".lz4", ".zst"})
_PROTOCOL = re.compile(rb"\x80[\x02-\x05]")
_NUMPY = b"\x93NUMPY"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LAMBDA = re.compile(rb'"class_name"\s*:\s*"Lambda"')
_CHUNK = 2**20
_SHOWN = 80
"""Characters of a name that a file may bring into a report."""


@dataclass
class Seen:
    """What is known of one file of the tree.

    Attributes:
        path: the file.
        dangerous: imports that run code when the file is read, and the like.
        unreadable: why parts of it can't be judged.
        imports: what its pickles import beside that; None where it holds no pickle.
    """

    path: str
    dangerous: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    imports: list[str] | None = None


def scan(question: dict[str, Any]) -> dict[str, Any]:
    """Look into files.

    Args:
        question: `root`, and `files` relative to it.

    Returns:
        `seen`: what is to be told of files (see `Seen`); `models`: how many files could hold a model.
    """
    logging.getLogger("picklescan").setLevel(logging.CRITICAL + 1)
    answer: dict[str, Any] = {"seen": [], "models": 0}
    for name in question["files"]:
        seen = Seen(name)
        try:
            with Path(question["root"], name).open("rb") as stream:
                looked = _look(stream, name, seen, 0)
        except FileNotFoundError:
            continue  # it went since the files were listed
        except OSError as error:
            looked = _suffix(name) in MODELS
            if looked:
                seen.unreadable.append(f"it can't be read: {error.strerror}")
        answer["models"] += looked
        if seen.dangerous or seen.unreadable or seen.imports is not None:
            answer["seen"].append(asdict(seen))
    return answer


def _look(stream: IO[bytes], name: str, seen: Seen, depth: int) -> bool:
    """Look into a file, or into what another one holds; gives whether it could hold a model."""
    head = stream.read(512)
    stream.seek(0)
    suffix = _suffix(name)
    strict = suffix in MODELS
    action = _action(head, suffix)
    if action is None:
        return False
    said = len(seen.dangerous)
    try:
        action(stream, name, seen, depth)
    except Exception as error:  # noqa: BLE001 - whatever a made-up file provokes in a parser
        # What only happened to begin like a model, and does nothing, is none.
        if not strict and len(seen.dangerous) == said:
            return False
        seen.unreadable.append(_inside(name, seen, str(error) or type(error).__name__))
    return True


def _action(head: bytes, suffix: str) -> Callable[[IO[bytes], str, Seen, int], None] | None:
    if is_archive(head, suffix):
        return _look_into_archive
    if head.startswith(_NUMPY):
        return _look_into_array
    if head.startswith(_HDF5) or suffix in KERAS:
        return _look_for_lambdas
    if suffix in PICKLES and decompressed(head) is not None:
        return _look_into_compressed
    return _look_into_pickles if suffix in PICKLES | ARRAYS or _PROTOCOL.match(head) else None


def _look_into_archive(stream: IO[bytes], name: str, seen: Seen, depth: int) -> None:
    if depth == MAX_DEPTH:
        raise UnreadableError(f"archives lie in archives more than {MAX_DEPTH} deep")
    for member, content in members(stream):
        _look(content, f"{name}!{member}", seen, depth + 1)
        if _suffix(name) in KERAS and PurePosixPath(member).suffix == ".json":
            content.seek(0)
            _look_for_lambdas(content, f"{name}!{member}", seen, depth)


def _look_into_compressed(stream: IO[bytes], name: str, seen: Seen, depth: int) -> None:
    opened = decompressed(stream.read(512))
    stream.seek(0)
    if opened is None:
        raise UnreadableError("it is compressed in an unknown way")
    with opened(stream) as content:
        _look_into_pickles(content, name, seen, depth)


def _look_into_array(stream: IO[bytes], name: str, seen: Seen, depth: int) -> None:
    """An array of objects is a pickle behind a header."""
    import numpy as np

    version = np.lib.format.read_magic(stream)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    _, _, dtype = readers.get(version, np.lib.format.read_array_header_2_0)(stream)
    if dtype.hasobject:
        _look_into_pickles(stream, name, seen, depth)


def _look_for_lambdas(stream: IO[bytes], name: str, seen: Seen, _depth: int) -> None:
    """Keras' Lambda layers hold Python's byte code."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        if _LAMBDA.search(rest + chunk):
            seen.dangerous.append(_inside(name, seen, "a Lambda layer of Keras, which holds code"))
            return
        rest = chunk[-64:]


def _look_into_pickles(stream: IO[bytes], name: str, seen: Seen, _depth: int) -> None:
    from picklescan.scanner import SafetyLevel, scan_pickle_bytes  # type: ignore[import-untyped]

    imports: set[str] = set()

    def see(pickle: bytes) -> None:
        if not pickle:
            return
        for found in scan_pickle_bytes(io.BytesIO(pickle), name, multiple_pickles=False).globals:
            imported = f"{found.module}.{found.name}"[:_SHOWN].encode("ascii", "backslashreplace").decode()
            if found.safety is SafetyLevel.Dangerous:
                seen.dangerous.append(_inside(name, seen, f"its pickle imports {imported}"))
            else:
                imports.add(imported)

    try:
        walk(stream, see)
    except UnreadableError:
        if imports and _suffix(name) in MODELS:
            seen.imports = sorted({*(seen.imports or ()), *imports})
        raise
    seen.imports = sorted({*(seen.imports or ()), *imports})


def _inside(name: str, seen: Seen, message: str) -> str:
    """A message, with the place within the file where it is not the file itself."""
    place = name.removeprefix(seen.path).removeprefix("!")
    return f"{place[-_SHOWN:].encode('ascii', 'backslashreplace').decode()}: {message}" if place else message


def _suffix(name: str) -> str:
    """The extension that tells a file's kind: `.pkl` of `model.pkl.gz`, too."""
    path = PurePosixPath(name.lower())
    inner = PurePosixPath(path.stem).suffix
    return inner if path.suffix in _COMPRESSED and inner in MODELS else path.suffix


if __name__ == "__main__":
    serve(scan)
