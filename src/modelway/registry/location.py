"""Where the registry is: which tracking server or database, and where the files of runs go."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from modelway.errors import OutsideError, SettingsError
from modelway.redaction import hide_password

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.records.register import RegisterOptions

SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SQLITE = "sqlite:///"
_KEY = "register.tracking_uri"
BUSY_SECONDS = 20.0
"""How long another process's write to the database is waited for; MLflow waits as long."""


@dataclass(frozen=True)
class Location:
    """Where the registry is.

    Attributes:
        uri: MLflow's tracking and registry URI.
        artifacts: URI below which runs keep their files; None where a server decides.
        database: the SQLite file, if it is one.
        root: the settings file's directory, as a URI.
    """

    uri: str
    artifacts: str | None
    database: Path | None
    root: str

    @property
    def on_server(self) -> bool:
        """Whether a tracking server stands between us and the registry."""
        return self.artifacts is None

    @property
    def address(self) -> str:
        """The URI as people may see it, without a password."""
        return hide_password(self.uri)


def locate(options: RegisterOptions, root: Path) -> Location:
    """Find the registry; relative paths begin at `root`, the directory of the settings file.

    Raises:
        SettingsError: the tracking URI is of a kind that MLflow's registry can't be kept in, or holds a password.
    """
    root = root.resolve()
    uri = options.tracking_uri.strip()
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise SettingsError(f"{hide_password(uri)!r} is not an address", where=_KEY) from None
    scheme = parts.scheme.partition("+")[0]
    if scheme in SERVERS:
        if "@" in parts.netloc:
            raise SettingsError(
                "a password does not belong into the address",
                where=_KEY,
                remedy="Leave it out; give user and password by the environment.",
            )
        return Location(uri.rstrip("/"), None, None, root.as_uri())
    if scheme not in DATABASES:
        raise SettingsError(
            f"{uri!r} is neither a tracking server nor a database",
            where=_KEY,
            remedy=f"Begin it with one of {', '.join(f'{known}://' for known in (*SERVERS, *DATABASES))}.",
        )
    where = options.artifact_location
    artifacts = where if "://" in where else (root / where).as_uri()
    if scheme != "sqlite":
        return Location(uri, artifacts, None, root.as_uri())
    database = _sqlite_file(uri, root)
    return Location(f"{_SQLITE}{database}", artifacts, database, root.as_uri())


def _sqlite_file(uri: str, root: Path) -> Path:
    name = uri.removeprefix(_SQLITE)
    if not uri.startswith(_SQLITE) or not name or name == ":memory:":
        raise SettingsError(f"{uri!r} names no file", where=_KEY, remedy="Write sqlite:///mlflow.db, or another file.")
    path = root / name
    # SQLAlchemy reads a question mark as the begin of options, and a percent sign as an escape.
    if set("?%") & set(str(path)):
        raise SettingsError(
            f"a database can't be at {str(path)!r}: the path has a question mark or a percent sign",
            where=_KEY,
            remedy="Move or rename the directory.",
        )
    return path


def check_database(database: Path) -> None:
    """See that an SQLite file can be opened, before MLflow tries: it tries again for 100 s.

    Raises:
        OutsideError: the file is no database, is torn, can't be opened, or another process holds it.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True, timeout=BUSY_SECONDS)
        try:
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise OutsideError(
            f"the registry's database can't be used: {error}", where=str(database), remedy=database_remedy(str(error))
        ) from error


def database_remedy(message: str) -> str:
    """What to do when SQLite says this."""
    if "locked" in message:
        return "Another program holds it; try again when that has ended."
    if "not a database" in message or "malformed" in message:
        return "Restore it from a copy, or move it away to begin an empty registry."
    if "full" in message:
        return "Free space on the disk."
    return "See that the file and its directory can be read and written."
