"""Findings, made from what a check saw or from the error that it met."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import ModelwayError, SettingsError, UsageError
from modelway.records.doctor import Finding, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def ok(check: str, detail: str) -> Finding:
    """All is well."""
    return Finding(check=check, state=State.OK, detail=detail)


def not_checked(check: str, detail: str, remedy: str = "") -> Finding:
    """Nobody looked, or it can't be seen without changing something; that is no fault, and no proof."""
    return Finding(check=check, state=State.NOT_CHECKED, detail=detail, remedy=remedy)


def missing(check: str, detail: str, remedy: str, *, needed: bool = True) -> Finding:
    """A secret, a setting or a package that is not there."""
    code = UsageError.exit_code if needed else 0
    return Finding(check=check, state=State.MISSING, detail=detail, remedy=remedy, exit_code=code)


def failed(check: str, error: ModelwayError) -> Finding:
    """What a command would end with; wrong usage is something that was not given."""
    lacks = isinstance(error, UsageError) and not isinstance(error, SettingsError)
    return Finding(
        check=check,
        state=State.MISSING if lacks else State.FAILED,
        detail=f"{error.where}: {error.what}" if error.where else error.what,
        remedy=error.remedy or "",
        exit_code=error.exit_code,
    )


def gathered(check: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """All that a check finds; an error ends it and is its last finding, so that the other checks still run."""
    found: list[Finding] = []
    try:
        for one in look():
            found.append(one)  # noqa: PERF402 - what was found before an error counts
    except ModelwayError as error:
        found.append(failed(check, error))
    except Exception as error:  # noqa: BLE001 - one broken check must not hide what the others see
        last = traceback.extract_tb(error.__traceback__)[-1]
        # The error's own words may hold a secret.
        bug = ModelwayError(
            f"this is a bug in modelway: {type(error).__name__}", where=f"{Path(last.filename).name}:{last.lineno}"
        )
        found.append(failed(check, bug))
    return found
