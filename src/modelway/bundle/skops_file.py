"""Estimators in skops files whose bytes follow from the estimator alone, and that hold trusted types only.

skops names objects and files by their address in memory and stamps the zip with the time; both are replaced.
"""

from __future__ import annotations

import io
import json
import zipfile
from itertools import count
from typing import TYPE_CHECKING, Any

from modelway.bundle.trust import refuse_untrusted
from modelway.errors import InputError, SettingsError
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

TRUSTED = frozenset(
    {
        "collections.OrderedDict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    }
)
"""Types that modelway trusts in addition to those that skops does; loading them runs no code that a file chooses."""

_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip file can tell."""


def write_estimator(path: Path, estimator: Any, trusted: tuple[str, ...]) -> None:
    """Write an estimator; the same estimator always gives the same bytes.

    Raises:
        SettingsError: it holds types that are neither trusted by modelway nor in `trusted`, or can't be saved.
    """
    import skops.io

    try:
        dumped = skops.io.dumps(estimator)
    except Exception as error:
        raise SettingsError(
            f"the estimator can't be saved without pickle: {error}",
            where="fit.estimator.function",
            remedy="Use an estimator that holds no functions, generators or open files.",
        ) from error
    if unknown := sorted(set(untrusted_types(dumped)) - set(trusted)):
        raise SettingsError(
            f"the fitted estimator holds types that are not trusted: {', '.join(unknown)}",
            where="fit.estimator.trusted",
            remedy="Add them to the list, if you trust the code that defines them.",
        )
    path.write_bytes(_normalised(dumped))


def untrusted_types(content: bytes) -> tuple[str, ...]:
    """Return the types of a skops file that neither skops nor modelway trusts, sorted; nothing of it is loaded.

    A trusted type may have its state restored. Calling its constructor with the file's own arguments is another matter
    (a LightGBM booster then reads a file of any name), so that such a type counts as not trusted.

    Raises:
        zipfile.BadZipFile, ValueError, KeyError, TypeError or another error of skops: the file is corrupt.
    """
    import skops.io

    found = set(skops.io.get_untrusted_types(data=content))
    if found & TRUSTED:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            called = {
                f"{node.get('__module__')}.{node.get('__class__')}"
                for node in _nodes(parse_json(archive.read(_SCHEMA)))
                if node["__loader__"] == "ConstructorFromReduceNode"
            }
        found -= TRUSTED - called
    return tuple(sorted(found))


def read_estimator(content: bytes, trusted: Collection[str], where: str) -> Any:
    """Load an estimator from the bytes of a skops file.

    Args:
        content: the file.
        trusted: types that its reader trusts in addition to those that skops and modelway do.
        where: names the file in errors.

    Raises:
        InputError: the file is corrupt, or holds types that are not trusted; nothing was loaded then.
    """
    import skops.io

    try:
        needed = untrusted_types(content)
        refuse_untrusted(needed, trusted, where)
        return skops.io.loads(content, trusted=[*TRUSTED, *needed])
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"the model can't be read: {type(error).__name__}: {error}", where=where) from error


def _normalised(dumped: bytes) -> bytes:
    """The same file with objects and arrays numbered in order, a fixed time, and no compression.

    Uncompressed, because the bytes that zlib gives differ from one build of it to the next.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(dumped)) as given, zipfile.ZipFile(buffer, "w") as result:
        schema = json.loads(given.read(_SCHEMA))
        files = _renumber(schema)
        _add(result, _SCHEMA, json.dumps(schema, indent=1).encode())
        for old, new in files.items():
            _add(result, new, given.read(old))
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.create_system = 3  # Unix, also when written elsewhere
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _renumber(schema: dict[str, Any]) -> dict[str, str]:
    """Renumber the nodes of a schema in place, and give the new name of each file by its old one."""
    numbers = count(1)
    by_id: dict[int, int] = {}
    files: dict[str, str] = {}
    for node in _nodes(schema):
        if node.get("is_json") or node["__loader__"] == "TypeNode":
            # Whether equal constants are one object depends on where they came from, so each gets its own number.
            node["__id__"] = next(numbers)
        elif "__id__" in node:
            old = node["__id__"]
            if old not in by_id:
                by_id[old] = next(numbers)
            node["__id__"] = by_id[old]
        if isinstance(name := node.get("file"), str):
            suffix = name.rpartition(".")[2]
            node["file"] = files.setdefault(name, f"{len(files)}.{suffix}")
    return files


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """All nodes below a value, from the outside in."""
    if isinstance(value, dict):
        if "__loader__" in value:
            yield value
        for part in value.values():
            yield from _nodes(part)
    elif isinstance(value, list):
        for part in value:
            yield from _nodes(part)
