"""Text without passwords: addresses with a user and password, signed queries, connection strings, headers.

A password may hold any character, also those that end it for a parser of URLs (`/`, `@`, `#`, `?`, a newline). Where a
text can be read in two ways, more is hidden rather than less.
"""

from __future__ import annotations

import re

HIDDEN = "***"
_LONGEST = 1024
"""Characters after `://` within which a password's end, an `@`, is looked for."""
_START = re.compile(r"(?:(?<![A-Za-z0-9+.-])[A-Za-z][A-Za-z0-9+.-]*:)?//")
_NEXT = re.compile(
    r"(?<![A-Za-z0-9+.:@-])(?:https?|s3|sqlite|(?:postgres(?:ql)?|mysql|mssql)(?:\+\w+)?|git|ssh|ftp|file|redis)://"
    r"|(?<=\s)//[\w.-]+:[\w.-]+@"
)
"""Where another address surely begins. Of other schemes, the text may be a part of a password."""
_AUTHORITY_END = re.compile(r"[/?#\s\"'<>]")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^:@]*)(?::\d{1,5})?")
_AFTER_HOST = re.compile(r"[:.,;)\]}]*\Z")
"""Punctuation of the sentence that an address ends."""
_SENSITIVE = (
    r"[\w.%-]*(?:password|passwd|pwd|secret|token|signature|credential|api[_-]?key|access[_-]?key(?:[_-]?id)?)|sig|auth"
)
_QUERY = re.compile(rf"(?i)(?P<name>[?&;]\s*(?:{_SENSITIVE})=)[^&;\s\"'<>]+")
_PAIR = re.compile(r"(?i)(?P<name>\b(?:password|passwd|pwd)\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|\{[^}]*\}?|[^\s;&,'\"]+)")
_HEADER = re.compile(
    r"(?i)(?P<name>\bauthorization\b['\"]?\s*[:=]\s*['\"]?(?:b['\"])?(?:basic|bearer|token)\s+)[^\s'\",]+"
)


def hide_password(text: str) -> str:
    """Return a text in which user and password of each address, and other secrets that are named, are `***`.

    Hidden are what stands before the `@` of an address (RFC 3986, userinfo), values of a query such as
    `X-Amz-Signature`, `X-Amz-Credential` or `access_token`, `password=` of connection strings, and the credentials of
    an Authorization header.
    """
    if "//" in text:
        text = _without_users(text)
    for form in (_QUERY, _PAIR, _HEADER):
        text = form.sub(rf"\g<name>{HIDDEN}", text)
    return text


def holds_password(text: str) -> bool:
    """Whether a value is, or has in it, an address with a password, or with a user over HTTP, which may be a token."""
    if re.search(r"(?:^|[\s=,'\"(\[])[A-Za-z][A-Za-z0-9+.-]*://", text) is None:
        return False
    return hide_password(_without_plain_users(text)) != _without_plain_users(text)


def _without_plain_users(text: str) -> str:
    """A user alone is no secret where it is not over HTTP: `postgresql://me@db`, `ssh://git@host`."""
    return re.sub(r"(?<![A-Za-z0-9+.-])(?!https?:)([A-Za-z][A-Za-z0-9+.-]*://)[\w.-]+@(?=[^@]*$)", r"\1", text)


def _without_users(text: str) -> str:
    done, place = [], 0
    while (start := _START.search(text, place)) is not None:
        begin = start.end()
        end = _end_of_user(text, begin)
        done.append(text[place:begin])
        if end is not None:
            done.append(HIDDEN)
            begin = end
        place = begin
    return "".join((*done, text[place:]))


def _end_of_user(text: str, begin: int) -> int | None:
    """Where user and password of an address end: at their `@`, or where the text ends before it; None without them."""
    other = _NEXT.search(text, begin)
    window = text[begin : min(begin + _LONGEST, len(text) if other is None else other.start())]
    stop = _AUTHORITY_END.search(window)
    authority = window if stop is None else window[: stop.start()]
    user, at, _ = authority.rpartition("@")
    if at and ":" not in user:
        return begin + len(user)
    last = window.rfind("@")
    if at or (last >= 0 and ":" in authority and not _has_port(authority, window)):
        return begin + last
    ended = stop is None or stop[0] not in "/?#\n"
    if _HOST.fullmatch(_AFTER_HOST.sub("", authority) if ended and not authority.endswith("]") else authority):
        return None
    if other is not None:  # what looks like another address is the password's own
        further = text.find("@", other.start())
        if further >= 0:
            return further
    space = re.search(r"\s", window)
    return begin + (len(window) if space is None else space.start())


def _has_port(authority: str, window: str) -> bool:
    """Whether a host with its port is followed by a path, and an `@` comes only in later words."""
    token = re.match(r"\S*", window)
    return re.fullmatch(r"[^:@]*:\d{1,5}:?", authority) is not None and token is not None and "@" not in token[0]
