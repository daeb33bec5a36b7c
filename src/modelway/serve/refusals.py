"""Why a request is refused: a status, and the fields at fault."""

from __future__ import annotations

from typing import Any

import msgspec

ABSENT: Any = object()
"""Stands for a value that is not there at all."""
_MOST_COUNTED = 1000
"""Faults of a request that are counted."""
_LONGEST = 80
"""Characters of a value that are shown."""


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request.

    Attributes:
        field: the column, or the place in the body.
        expected: what the model's signature says.
        found: what came.
        row: the row's number, from 0.
    """

    field: str
    expected: str
    found: str
    row: int | None = None


class RefusedError(Exception):
    """A request that is answered with an error of the caller's (4xx), or of ours where the model failed (5xx).

    Args:
        status: the HTTP status.
        code: MLflow's word for it.
        message: one sentence.
        faults: the fields at fault, as many as are named.
        more: how many further faults there are.
        headers: further headers of the response.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        faults: tuple[Fault, ...] = (),
        more: int = 0,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.faults = faults
        self.more = more
        self.headers = headers


def unreadable(message: str) -> RefusedError:
    """A body that is not what its content type says (400)."""
    return RefusedError(400, "BAD_REQUEST", message)


class Faults:
    """What is wrong with one request: the first ones named, up to 1,000 counted.

    Args:
        limit: how many are named.
    """

    def __init__(self, limit: int) -> None:
        self.named: list[Fault] = []
        self.count = 0
        self._limit = limit

    def add(self, field: str, expected: str, value: Any, row: int | None = None) -> None:
        """Add one; `value` is what came, or `ABSENT`."""
        self.count += 1
        if len(self.named) < self._limit:
            found = "nothing" if value is ABSENT else shown(value)
            self.named.append(Fault(field if len(field) <= _LONGEST else f"{field[:_LONGEST]}…", expected, found, row))

    @property
    def full(self) -> bool:
        """Whether to look for no more."""
        return self.count >= max(_MOST_COUNTED, self._limit)

    def refuse(self) -> None:
        """Raise `RefusedError` (422) if there is any."""
        if self.count:
            raise unfit(*self.named, more=self.count - len(self.named))


def unfit(*faults: Fault, more: int = 0) -> RefusedError:
    """A body that does not fit the model's signature (422)."""
    first = faults[0]
    place = f"{first.field}, row {first.row}" if first.row is not None else first.field
    message = f"{place}: expected {first.expected}, found {first.found}"
    return RefusedError(422, "INVALID_PARAMETER_VALUE", message, faults=faults, more=more)


def too_large(what: str) -> RefusedError:
    """A body or a number of rows over its limit (413)."""
    return RefusedError(413, "REQUEST_LIMIT_EXCEEDED", what)


def shown(value: Any) -> str:
    """A value that came, in words, of bounded length."""
    if value is None:
        return "null"
    kinds = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "text",
        list: "array",
        tuple: "array",
        dict: "object",
    }
    kind = kinds.get(type(value), type(value).__name__)
    if isinstance(value, list | tuple | dict):
        return f"{kind} of {len(value)}"
    if isinstance(value, str):
        text = repr(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**_LONGEST:
        text = "of more than 80 digits"
    else:
        text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"{kind} {text}"
