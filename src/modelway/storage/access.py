"""The functions that take either kind of address."""

from __future__ import annotations

from modelway.errors import InputError
from modelway.records.data import S3Options
from modelway.storage.addresses import DATA_SUFFIXES, Found, has_wildcard, is_s3
from modelway.storage.local import list_local, local_tag, read_local, write_local, write_local_if_unchanged
from modelway.storage.s3 import list_s3, read_s3, write_s3, write_s3_if_unchanged
from modelway.storage.versions import Version

_DEFAULT = S3Options()


def list_files(
    uri: str,
    *,
    s3: S3Options = _DEFAULT,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    suffixes: tuple[str, ...] = DATA_SUFFIXES,
) -> list[Found]:
    """The files behind an address, sorted by name.

    The address of one file or object gives it, whatever its name. A folder, prefix or glob gives what lies below it
    and ends with one of `suffixes`, but for paths of which a part begins with `_` or `.`. `include` and `exclude`
    then choose by globs on the name below the address: `*` and `?` stop at slashes, `**` does not, and a glob without
    a slash looks at the last part of the name alone.

    Raises:
        InputError: nothing is there, or nothing is left.
        OutsideError: S3 or the file system fails or denies access.
        UsageError: there are no credentials for S3.
    """
    local = not is_s3(uri)
    found = list_local(uri, include, exclude, suffixes) if local else list_s3(uri, s3, include, exclude, suffixes)
    if found:
        return found
    kinds = ", ".join(f"*{suffix}" for suffix in suffixes)
    if has_wildcard(uri) or include or exclude:
        raise InputError("no data file fits the globs", where=uri, remedy=f"Only {kinds} count; check the globs.")
    raise InputError("there is no data file", where=uri, remedy=f"Name a file, or a folder with {kinds} in it.")


def read_bytes(uri: str, *, s3: S3Options = _DEFAULT) -> bytes:
    """The content of a file or object.

    Raises:
        InputError: there is none.
        OutsideError: S3 or the file system fails or denies access.
    """
    return read_tagged(uri, s3=s3)[0]


def read_tagged(uri: str, *, s3: S3Options = _DEFAULT, most_bytes: int | None = None) -> tuple[bytes, str]:
    """As `read_bytes`, with the tag that `write_if_unchanged` compares: S3's ETag, a local file's SHA-256.

    Of a file or object that is larger than `most_bytes`, only so many are read.
    """
    if is_s3(uri):
        return read_s3(uri, s3, most_bytes)[:2]
    content = read_local(uri, most_bytes)
    return content, local_tag(content)


def read_version(uri: str, *, s3: S3Options = _DEFAULT) -> Version:
    """Return what an address holds, with the marks of its last writes; where there is nothing, a version that says so.

    Raises:
        OutsideError: S3 or the file system fails or denies access.
    """
    try:
        if is_s3(uri):
            return Version(*read_s3(uri, s3))
        return Version(*read_tagged(uri, s3=s3))
    except InputError:
        return Version(None, None)


def write_bytes(uri: str, content: bytes, *, s3: S3Options = _DEFAULT) -> None:
    """Write a file or object; it is there whole or not at all.

    A file is readable by its owner alone. Who may read an object is up to its bucket.

    Raises:
        InputError: there is no such bucket.
        OutsideError: S3 or the file system fails or denies access.
    """
    if is_s3(uri):
        write_s3(uri, s3, content)
    else:
        write_local(uri, content)


def write_if_unchanged(
    uri: str,
    content: bytes,
    tag: str | None,
    *,
    s3: S3Options = _DEFAULT,
    marks: tuple[str, ...] = (),
) -> str | None:
    """Write only if the file or object still has the tag it was read with; None wants that there is none.

    `Document` is built on this, and is what to use: it alone settles answers that got lost.

    Args:
        uri: a path or `s3://` address.
        content: what to write.
        tag: the tag that it was read with.
        s3: where S3 is.
        marks: of the last writes including this one, kept with an object.

    Returns:
        The new tag, or None when somebody else was faster and nothing was written.

    Raises:
        InputError: there is no such bucket.
        LostAnswerError: S3 did not answer, or refused what it may have taken when it was first sent.
        OutsideError: S3 or the file system fails or denies access.
    """
    if is_s3(uri):
        return write_s3_if_unchanged(uri, s3, content, tag, marks)
    return write_local_if_unchanged(uri, content, tag)
