"""Suites of Great Expectations as checks of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelway.data.suite.expectation_arguments import Arguments, UnsupportedError
from modelway.data.suite.expectation_table import EXPECTATIONS
from modelway.errors import InputError
from modelway.parsing import parse_json
from modelway.records.checks import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.records.suite import Check

_SEVERITIES = {"critical": Severity.FAIL, "warning": Severity.WARN, "info": Severity.WARN}
_PRESENTATION = frozenset(
    {"batch_id", "catch_exceptions", "condition_parser", "include_config", "meta", "result_format"}
)
"""Arguments that change how a result looks, not what it is."""
_MOST_SHOWN = 200


@dataclass(frozen=True)
class Unsupported:
    """An expectation that can't be judged here; what it asks for is unknown, so it is an error and never a pass.

    Attributes:
        name: as a check's.
        columns: those that it names.
        severity: what it does to the data set's verdict.
        expected: the expectation with its arguments.
        reason: what of it is not supported.
    """

    name: str
    columns: tuple[str, ...]
    severity: Severity
    expected: str
    reason: str


def read_expectations(path: Path) -> tuple[Check | Unsupported, ...]:
    """The checks that a suite of Great Expectations asks for, in its order.

    Both forms are read: 1.x (`type`) and 0.x (`expectation_type`). A severity of `critical`, or none, fails; `warning`
    and `info` warn. An expectation that holds when several checks hold gives them all.

    Raises:
        modelway.errors.InputError: when the file is missing, torn, no suite, or without any expectation.
    """
    checks: list[Check | Unsupported] = []
    taken: dict[str, int] = {}
    for place, expectation in enumerate(_read(path)):
        kind, arguments, severity = _parts(expectation, path, place)
        columns = _columns(arguments)
        name = ".".join([kind, *columns])
        taken[name] = taken.get(name, 0) + 1
        name += f"#{taken[name]}" if taken[name] > 1 else ""
        try:
            checks += _translate(kind, arguments, name, severity)
        except (UnsupportedError, ValidationError) as error:
            judging = _SEVERITIES.get(severity, Severity.FAIL)
            checks.append(Unsupported(name, columns, judging, _show(kind, arguments), _why(error)))
    return tuple(checks)


def _read(path: Path) -> list[object]:
    remedy = "give the JSON of a suite as Great Expectations 1.x saves it"
    try:
        suite = parse_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"the suite can't be read: {error.strerror}", where=str(path), remedy=remedy) from None
    except ValueError as error:
        raise InputError(f"the suite is no JSON: {error}", where=str(path), remedy=remedy) from None
    expectations = suite.get("expectations") if isinstance(suite, dict) else None
    if not isinstance(expectations, list):
        raise InputError("this is no suite: it has no list of expectations", where=str(path), remedy=remedy)
    if not expectations:
        raise InputError("the suite holds no expectation", where=str(path), remedy="add some, or leave the suite out")
    return expectations


def _parts(expectation: object, path: Path, place: int) -> tuple[str, dict[str, Any], str]:
    """An expectation's type, its arguments but for those that are absent, and its severity."""
    given = expectation if isinstance(expectation, dict) else {}
    kind = given.get("type", given.get("expectation_type"))
    arguments, severity = given.get("kwargs", {}), given.get("severity") or "critical"
    if not isinstance(kind, str) or not isinstance(arguments, dict) or not isinstance(severity, str):
        raise InputError(
            "this is no expectation: it needs a type and kwargs",
            where=f"{path}, expectation {place + 1}",
            remedy="give the JSON of a suite as Great Expectations 1.x saves it",
        )
    return kind, {key: value for key, value in arguments.items() if value is not None}, severity


def _columns(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns that an expectation names, for its name and the reports."""
    several = arguments.get("column_list")
    named = [arguments.get(key) for key in ("column", "column_A", "column_B")]
    named += several if isinstance(several, list) and len(several) <= 4 else []
    return tuple(name for name in named if isinstance(name, str))


def _translate(kind: str, arguments: Mapping[str, Any], name: str, severity: str) -> list[Check]:
    make = EXPECTATIONS.get(kind)
    if make is None:
        raise UnsupportedError("this expectation is not among those that modelway knows")
    if severity not in _SEVERITIES:
        raise UnsupportedError(f"severity {severity!r} is not known")
    meant = {key: value for key, value in arguments.items() if key not in _PRESENTATION}
    given = Arguments(meant, name, _SEVERITIES[severity])
    checks = make(given)
    given.refuse_rest()
    return [
        check.model_copy(update={"name": f"{name}.{part + 1}"}) if len(checks) > 1 else check
        for part, check in enumerate(checks)
    ]


def _show(kind: str, arguments: Mapping[str, Any]) -> str:
    text = ", ".join(f"{key}={json.dumps(value)}" for key, value in arguments.items() if key not in _PRESENTATION)
    whole = f"{kind}({text})"
    return whole if len(whole) <= _MOST_SHOWN else whole[: _MOST_SHOWN - 1] + "…"


def _why(error: UnsupportedError | ValidationError) -> str:
    if isinstance(error, UnsupportedError):
        return f"not supported: {error}"
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"not supported: {place + ': ' if place else ''}{first['msg'].removeprefix('Value error, ')}"
