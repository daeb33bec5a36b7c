"""What a server outside answered, or why it did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelway.errors import OutsideError
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGN_IN = "Check the address, the proxy (HTTPS_PROXY, NO_PROXY), and whether this network asks for a sign-in."
_PAGES = ("text/html", "application/xhtml")


class NoAnswerError(OutsideError):
    """No usable HTTP answer came.

    Args:
        name: who does not answer, as people know it.
        reason: why, without any part of the address or of a header.
        where: scheme, host and port.
        remedy: what to do next.
        unsent: whether it is certain that the server got nothing of the request.
        hopeless: whether the next attempt would end in the same way.
    """

    def __init__(
        self, name: str, reason: str, *, where: str, remedy: str, unsent: bool = False, hopeless: bool = False
    ) -> None:
        super().__init__(f"{name} does not answer: {reason}", where=where, remedy=remedy)
        self.reason = reason
        self.unsent = unsent
        self.hopeless = hopeless


@dataclass(frozen=True)
class Response:
    """An HTTP response.

    Attributes:
        status: the status code.
        headers: its headers, by names of any case; they may hold secrets.
        content: its body, as it was sent: compressed content is not decompressed.
        name: who answered, as people know it.
        where: scheme, host and port.
        seconds: from the request's first byte to the last one of the response.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    name: str
    where: str
    seconds: float

    def json(self, remedy: str = SIGN_IN) -> Any:
        """Return the body's JSON.

        Raises:
            OutsideError: it is a page of a login or a proxy, a redirect, or not JSON.
        """
        if self.redirect:
            raise OutsideError(f"{self.name} redirects to {self.redirect}", where=self.where, remedy=remedy)
        return parse_answer(self.content, self.headers, self.name, self.where, remedy)

    @property
    def page(self) -> OutsideError | None:
        """The error that a web page is; None where the body is anything else."""
        return _page(self.content, self.headers, self.name, self.where, SIGN_IN)

    @property
    def redirect(self) -> str | None:
        """Scheme, host and port that it redirects to; None where it does not. A whole link may hold a secret."""
        if self.status not in {301, 302, 303, 307, 308}:
            return None
        return origin_of(self.headers.get("Location", "")) or self.where


def origin_of(address: str) -> str:
    """Return scheme, host and port of an address, without credentials, path or query; empty where it has none."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not parts.scheme or not host:
        return ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"


def parse_answer(content: bytes, headers: Mapping[str, str], name: str, where: str, remedy: str = SIGN_IN) -> Any:
    """Return a body's JSON.

    Raises:
        OutsideError: it is a page of a login or a proxy, or not JSON.
    """
    try:
        return parse_json(content)
    except ValueError:
        wrong = _page(content, headers, name, where, remedy)
        raise wrong or OutsideError(f"the answer of {name} is not JSON", where=where, remedy=remedy) from None


def _page(content: bytes, headers: Mapping[str, str], name: str, where: str, remedy: str) -> OutsideError | None:
    kind = headers.get("Content-Type", "").lower()
    if not kind.startswith(_PAGES) and content.lstrip()[:1] != b"<":
        return None
    what = f"a web page came instead of an answer of {name}: a login page or a proxy answered"
    return OutsideError(what, where=where, remedy=remedy)
