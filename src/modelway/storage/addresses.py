"""Addresses, globs, and which names count as data files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from modelway.errors import InputError

DATA_SUFFIXES = (".parquet", ".csv", ".jsonl")
"""Endings of the files that count when a folder, prefix or glob is read."""
LOG_SUFFIXES = (".jsonl.gz",)
"""Endings of the prediction log's segments."""
COMPACTED_SUFFIXES = (".parquet",)
"""Endings of the files that segments of the prediction log are compacted into."""

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_WILDCARD = re.compile(r"[*?\[]")
_GLOB_TOKEN = re.compile(
    r"(?P<deep>\*\*/?)|(?P<any>\*)|(?P<one>\?)|\[(?P<not>!?)(?P<set>\]?[^\]]*)\]|(?P<other>.)", re.S
)


@dataclass(frozen=True)
class Found:
    """One file behind an address."""

    name: str
    """Its path below the address, with forward slashes; the bare file name where the address is the file itself."""
    uri: str
    """Its own address: a local path or `s3://bucket/key`."""
    size: int
    """Bytes."""
    tag: str = ""
    """The ETag that S3 gives it, without quotes; empty for local files."""
    modified: float = field(default=0.0, compare=False)
    """When it was written, by the storage's clock, in seconds since 1970."""


@dataclass(frozen=True)
class S3Address:
    """`s3://bucket/key`; the key of a whole bucket is empty."""

    bucket: str
    key: str

    def __str__(self) -> str:
        """The address as text."""
        return f"s3://{self.bucket}/{self.key}"


def is_s3(uri: str) -> bool:
    """Whether an address leads to S3; anything else is a local path.

    Raises:
        InputError: the address has a scheme that is neither `s3` nor absent.
    """
    scheme = _SCHEME.match(uri)
    if scheme is None:
        return False
    if scheme[1] != "s3":
        raise InputError(
            f"addresses of kind {scheme[1]}:// are not supported", where=uri, remedy="Use a local path or s3://."
        )
    return True


def parse_s3(uri: str) -> S3Address:
    """Take an `s3://` address apart.

    Raises:
        InputError: it names no bucket.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise InputError("the address names no bucket", where=uri, remedy="Write s3://bucket/key.")
    return S3Address(bucket, key)


def has_wildcard(text: str) -> bool:
    """Whether `*`, `?` or `[` stands in a path."""
    return _WILDCARD.search(text) is not None


def split_glob(pattern: str) -> tuple[str, str]:
    """The folder before the first wildcard (empty, or ending with a slash), and the rest of the pattern."""
    wildcard = _WILDCARD.search(pattern)
    folder = pattern[: wildcard.start() if wildcard else len(pattern)].rpartition("/")[0]
    folder = f"{folder}/" if folder or pattern.startswith("/") else ""
    return folder, pattern[len(folder) :]


def matches(name: str, pattern: str) -> bool:
    """Whether a path fits a glob: `*` and `?` stop at slashes, `**` does not.

    A pattern without a slash is compared with the last part of the path alone, as in `.gitignore`.
    """
    if "/" not in pattern and "**" not in pattern:
        name = name.rpartition("/")[2]
    return matches_whole(name, pattern)


def matches_whole(name: str, pattern: str) -> bool:
    """As `matches`, always comparing the whole path."""
    return re.fullmatch("".join(_glob_part(token) for token in _GLOB_TOKEN.finditer(pattern)), name, re.S) is not None


def is_data_name(name: str, suffixes: tuple[str, ...] = DATA_SUFFIXES) -> bool:
    """Whether a path is one that a folder, prefix or glob gives: a data file, no part of it hidden."""
    return name.endswith(suffixes) and not any(part.startswith(("_", ".")) for part in name.split("/"))


def is_wanted(
    name: str, include: tuple[str, ...], exclude: tuple[str, ...], suffixes: tuple[str, ...] = DATA_SUFFIXES
) -> bool:
    """Whether a path passes `is_data_name` and the include and exclude globs."""
    included = not include or any(matches(name, pattern) for pattern in include)
    return included and is_data_name(name, suffixes) and not any(matches(name, pattern) for pattern in exclude)


def _glob_part(token: re.Match[str]) -> str:
    """The regular expression of one token of a glob."""
    if token["deep"]:
        return "(?:.*/)?" if token["deep"].endswith("/") else ".*"
    if token["any"]:
        return "[^/]*"
    if token["one"]:
        return "[^/]"
    if token["set"]:
        members = token["set"].replace("\\", r"\\").replace("[", r"\[").replace("]", r"\]").replace("^", r"\^")
        return f"[{'^/' if token['not'] else ''}{members}]"
    return re.escape(token[0])
