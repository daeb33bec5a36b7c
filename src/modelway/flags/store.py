"""The document at its address: watched by servers, changed by compare-and-swap."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from modelway.errors import ModelwayError
from modelway.flags.document import MOST_BYTES, load_document, parse_document
from modelway.flags.shares import with_shares
from modelway.records.data import S3Options
from modelway.records.flags import Shares
from modelway.storage import Document, read_tagged

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.flags.document import Rules

_DEFAULT = S3Options()


class FlagWatch:
    """Looks whether a document changed, and keeps the last good one.

    Attributes:
        content: the last good document's text, or None before there was one.
        fault: why the newest document is not in force; None where it is.

    Args:
        uri: a path or `s3://` address.
        s3: where S3 is.
        accept: turns rules into what is in force; raises `InputError` where they can't be obeyed.
    """

    def __init__(self, uri: str, s3: S3Options, accept: Callable[[Rules], None]) -> None:
        self.content: bytes | None = None
        self.fault: str | None = None
        self._uri = uri
        self._s3 = s3
        self._accept = accept
        self._tag: str | None = None

    def poll(self) -> bool:
        """Look once; whether another document came into force. Never raises: a fault leaves the last good one."""
        try:
            content, tag = read_tagged(self._uri, s3=self._s3, most_bytes=MOST_BYTES + 1)
        except ModelwayError as error:
            self._tag, self.fault = None, str(error)
            return False
        except Exception as error:  # noqa: BLE001 - the thread that polls goes on, and good documents are obeyed again
            self._tag, self.fault = None, f"the flag document can't be read: {type(error).__name__}: {error}"
            return False
        if tag == self._tag:
            return False
        self._tag = tag
        return self.offer(content)

    def look_again(self) -> None:
        """Judge the document once more at the next poll, though it did not change: what accepts it did."""
        self._tag = None

    def offer(self, content: bytes) -> bool:
        """Put a document into force if it is good; whether it is."""
        try:
            self._accept(parse_document(content, self._uri))
        except ModelwayError as error:
            self.fault = str(error)
            return False
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a document, the last good one stays in force
            self.fault = f"the flag document can't be used: {type(error).__name__}: {error}"
            return False
        self.content, self.fault = content, None
        return True


def update_flags(
    uri: str, change: Callable[[dict[str, Any] | None], dict[str, Any] | None], *, s3: S3Options = _DEFAULT
) -> dict[str, Any]:
    """Change a document by compare-and-swap: of two writers at once, the second one's change sees the first one's.

    Args:
        uri: a path or `s3://` address.
        change: the document in force (None where there is none) to the one wanted, None to leave it as it is; may be
            called several times.
        s3: where S3 is.

    Returns:
        The document that is there now.

    Raises:
        InputError: what is there is no flag document, or what `change` gives is none.
        OutsideError: the store fails, or others never stop writing.
    """

    def parse(content: bytes | None) -> dict[str, Any] | None:
        return None if content is None else load_document(content, uri)

    def render(document: dict[str, Any] | None) -> str:
        text = json.dumps(document, indent=2) + "\n"
        parse_document(text.encode(), uri)
        return text

    return Document(uri, "the flags", parse, render, s3).change(change)[0] or {}


def switch_off(uri: str, *, s3: S3Options = _DEFAULT) -> None:
    """Send no request to a challenger, under a new epoch: whoever read the document before can tell that this happened.

    Raises:
        InputError: what is there is no flag document.
        OutsideError: the store fails, or others never stop writing.
    """
    update_flags(uri, lambda document: with_shares(document, Shares(), anew=True), s3=s3)
