"""The arguments of an expectation of Great Expectations."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.checks import Severity

_HARMLESS_WHEN_FALSE = frozenset(
    {"auto", "allow_cross_type_comparisons", "allow_relative_error", "parse_strings_as_datetimes"}
)


class UnsupportedError(Exception):
    """Something of an expectation has no equal here; its text says what."""


@dataclass
class Arguments:
    """An expectation's arguments; what nobody has asked for would change its meaning.

    Attributes:
        given: by name, without those that are null.
        name: the check's.
        severity: the check's.
        asked: the names that were asked for.
    """

    given: Mapping[str, Any]
    name: str
    severity: Severity
    asked: set[str] = field(default_factory=set)

    @property
    def common(self) -> dict[str, Any]:
        """What every check has."""
        return {"name": self.name, "severity": self.severity}

    @property
    def rows(self) -> dict[str, Any]:
        """What every check of rows has."""
        return {**self.common, "mostly": self.number("mostly", 1.0)}

    @property
    def values(self) -> dict[str, Any]:
        """What every check of the values of one column has."""
        return {**self.rows, "column": self.need("column")}

    def take(self, name: str, default: Any = None) -> Any:
        """An argument, or the default."""
        self.asked.add(name)
        value = self.given.get(name, default)
        if isinstance(value, dict) and "$PARAMETER" in value:
            raise UnsupportedError(f"{name} is a parameter that only a run of Great Expectations fills in")
        return value

    def need(self, name: str) -> Any:
        """An argument that has to be there."""
        value = self.take(name)
        if value is None:
            raise UnsupportedError(f"{name} is not given")
        return value

    def text(self, name: str, default: str | None = None) -> str:
        """A text that has to be there unless it has a default."""
        value = self.need(name) if default is None else self.take(name, default)
        if not isinstance(value, str):
            raise UnsupportedError(f"{name} is no text")
        return value

    def listed(self, name: str) -> tuple[Any, ...]:
        """A list that has to be there, and hold something."""
        value = self.need(name)
        if not isinstance(value, list) or not value:
            raise UnsupportedError(f"{name} is no list, or an empty one")
        return tuple(value)

    def bounds(self, *, whole: bool = False) -> dict[str, Any]:
        """`min` and `max` of a number; an end that is not allowed itself gives the next number inside.

        Args:
            whole: whether the number is a count.
        """
        ends: dict[str, Any] = {}
        for end, beyond in (("min", math.inf), ("max", -math.inf)):
            strict = self.take(f"strict_{end}", False)
            if (value := self.number(f"{end}_value")) is None:
                continue
            if strict and whole:
                ends[end] = math.floor(value) + 1.0 if end == "min" else math.ceil(value) - 1.0
            else:
                ends[end] = math.nextafter(value, beyond) if strict else value
        if not ends:
            raise UnsupportedError("neither min_value nor max_value is given")
        return ends

    def number(self, name: str, default: float | None = None) -> Any:
        """A number, or the default; a date counts as its seconds."""
        value = self.take(name, default)
        if isinstance(value, str):
            value = _seconds(value, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
            raise UnsupportedError(f"{name} is no number")
        if value is not None and abs(value) > sys.float_info.max:
            raise UnsupportedError(f"{name} is too great a number")
        return None if value is None else float(value)

    def refuse_rest(self) -> None:
        """Raise `UnsupportedError` where an argument is left that says something."""
        for name, value in self.given.items():
            if name not in self.asked and not (value is False and name in _HARMLESS_WHEN_FALSE):
                raise UnsupportedError(f"the argument {name}")


def complement(share: float) -> float:
    """1 minus a share, by its decimal digits: 0.9 leaves 0.1, not the 0.09999999999999998 of binary fractions."""
    return float(1 - Decimal(repr(share)))


def _seconds(text: str, name: str) -> float:
    """A date as the statistics of dates have it: in seconds since 1970-01-01, UTC."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UnsupportedError(f"{name} is text, and no date in ISO 8601") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
