"""An advisory database in a file: a folder of JSON files, a zip file, or JSON lines, in the OSV export format."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import IO, TYPE_CHECKING, Any

from modelway.checks.audit.osv import ECOSYSTEM, packages_of
from modelway.checks.audit.outcome import AuditFaultError
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from modelway.records.audit import AdvisoryOptions

_MAX_BYTES = 16 * 2**20
"""One advisory's size; OSV's largest are below 1 MiB."""
_SCHEMA = "1"
"""The major version of the schema that is known."""


class EmptyDatabaseError(AuditFaultError):
    """A database holds no advisory for an ecosystem at all."""


@dataclass
class Database:
    """The advisories that concern some packages.

    Attributes:
        count: advisories for the ecosystem in all of the database.
        newest: when the newest of them was changed.
        records: the advisories for each package (normalized name): the whole and what it says of that package.
    """

    count: int = 0
    newest: date | None = None
    records: dict[str, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = field(default_factory=dict)


def read_database(
    path: Path, names: Collection[str], options: AdvisoryOptions, today: date, ecosystem: str = ECOSYSTEM
) -> Database:
    """Read a database.

    Args:
        path: the folder, zip file, or file of JSON lines.
        names: the packages (normalized) whose advisories are kept.
        options: how old and how small it may be.
        today: its age is told against this day.
        ecosystem: whose advisories: `PyPI`, or a release such as `Debian:12`.

    Raises:
        AuditFaultError: it can't be read whole, or is too small or too old to pass anything.
    """
    database = Database()
    try:
        for where, content in _contents(path):
            _add(database, _record(content, where), names, today, ecosystem)
    except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        # zipfile says RuntimeError of what is encrypted, NotImplementedError of a compression that it does not know.
        raise AuditFaultError(f"the advisories can't be read: {path}: {error}") from error
    _check(database, path, options, today, ecosystem)
    return database


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every record's text, with where it stands."""
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            with file.open("rb") as stream:
                yield str(file), _bounded(stream, str(file))
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    with archive.open(name) as stream:
                        yield f"{path}:{name}", _bounded(stream, f"{path}:{name}")
    else:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(_MAX_BYTES + 1):
                number += 1
                where = f"{path}:{number}"
                if _within_bounds(line, where).strip():
                    yield where, line


def _bounded(stream: IO[bytes], where: str) -> bytes:
    return _within_bounds(stream.read(_MAX_BYTES + 1), where)


def _within_bounds(content: bytes, where: str) -> bytes:
    if len(content) > _MAX_BYTES:
        raise AuditFaultError(f"{where} is no advisory: it is larger than {_MAX_BYTES // 2**20} MiB")
    return content


def _record(content: bytes, where: str) -> Mapping[str, Any]:
    try:
        record = parse_json(content)
    except ValueError as error:
        raise AuditFaultError(f"{where} is no JSON: the database is torn, or not in the OSV format") from error
    if not isinstance(record, dict) or not isinstance(record.get("id"), str) or "modified" not in record:
        raise AuditFaultError(f"{where} is no advisory in the OSV format: it has no id, or no date")
    if str(record.get("schema_version", _SCHEMA)).split(".")[0] != _SCHEMA:
        raise AuditFaultError(f"{where} is of schema version {record['schema_version']}; {_SCHEMA}.x is known")
    return record


def _add(database: Database, record: Mapping[str, Any], names: Collection[str], today: date, ecosystem: str) -> None:
    try:
        affected = list(packages_of(record, ecosystem))
        changed = date.fromisoformat(str(record["modified"])[:10])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise AuditFaultError(f"the advisory {record['id']} is not in the OSV format") from error
    if not affected:
        return
    database.count += 1
    # A day more, for other time zones; what is of a later day can't tell how old the database is.
    if changed <= today + timedelta(days=1):
        database.newest = max(changed, database.newest or changed)
    if record.get("withdrawn") is None:
        for name, entry in affected:
            if name in names:
                database.records.setdefault(name, []).append((record, entry))


def _check(database: Database, path: Path, options: AdvisoryOptions, today: date, ecosystem: str) -> None:
    if database.count < options.min_count:
        kind = AuditFaultError if database.count else EmptyDatabaseError
        raise kind(
            f"{path} holds {database.count} advisories for {ecosystem}, less than {options.min_count} "
            "(audit.dependencies.advisories.min_count): it is empty, torn or of something else"
        )
    oldest = today - timedelta(days=options.max_age)
    if database.newest is None or database.newest < oldest:
        raise AuditFaultError(
            f"{path} is of {database.newest}, older than {options.max_age} days "
            "(audit.dependencies.advisories.max_age): fetch a new one"
        )
