"""The table of fault cases, and the words they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.evaluate import GateVerdict

    Case = Callable[[Any], list[tuple[Any, Any]]]

PASS, FAIL, INCONCLUSIVE, ERROR = "pass", "fail", "inconclusive", "error"
GATE_CASES: dict[str, Case] = {}
"""By name, the cases that ask the gates alone."""
CASES: dict[str, Case] = {}
"""All cases by name; each gives pairs of what was said and what should have been."""


def gate_case(function: Case) -> None:
    GATE_CASES[function.__name__] = CASES[function.__name__] = function


def case(function: Case) -> None:
    CASES[function.__name__] = function


def said(verdict: GateVerdict) -> str:
    return f"{verdict.verdict}{' waived' if verdict.waived else ''}"
