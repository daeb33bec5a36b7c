"""A suite, compiled for a data set: which checks watch the scan, and how each is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from modelway.records.suite import ColumnsCheck, CompareCheck, CountCheck, DuplicatesCheck, UniqueCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelway.data.suite.key_rows import Key
    from modelway.data.suite.kinds import Kind
    from modelway.data.suite.outcome import Facts, Outcome
    from modelway.data.suite.row_probe import Probe
    from modelway.records.checks import Severity
    from modelway.records.suite import Check

CHECKS = "checks"
"""The source of the checks that stand in the settings."""
COLUMNS = "columns"
"""The source of the checks that follow from the settings' columns."""


@dataclass(frozen=True)
class Planned:
    """A check, ready to run."""

    name: str
    kind: str
    columns: tuple[str, ...]
    source: str
    severity: Severity
    expected: str
    judge: Callable[[Facts], Outcome]
    probe: Probe | None = None
    """What watches the scan for it, if anything has to."""
    key: Key | None = None
    """The key that is to be counted for it."""
    quiet: bool = False
    """Whether nobody asked for it, so that it is told only where it does not pass."""


@dataclass
class Plan:
    """All checks of a data set."""

    checks: list[Planned] = field(default_factory=list)
    sketched: set[str] = field(default_factory=set)
    """Columns whose quantiles are asked for."""

    def narrow(self, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
        """Leave out what nobody asked for, and give the columns that are left to read: one at least, to count rows."""
        asked = [check for check in self.checks if not check.quiet]
        used = {name for check in asked for name in (*check.columns, *(check.key.columns if check.key else ()))}
        used = used & kinds.keys() or set(islice(kinds, 1))
        self.checks = [check for check in self.checks if not check.quiet or used.issuperset(check.columns)]
        return {name: kind for name, kind in kinds.items() if name in used}

    def unused(self, name: str) -> str:
        """The name, or with a number behind it where it is taken."""
        taken = {check.name for check in self.checks}
        return next(one for one in [name, *(f"{name}-{n}" for n in range(2, len(taken) + 3))] if one not in taken)


def columns_of(check: Check) -> tuple[str, ...]:
    """The columns that a check looks at, those of its condition last; none where it looks at the data set."""
    if isinstance(check, ColumnsCheck | CountCheck):
        return ()
    if isinstance(check, UniqueCheck | DuplicatesCheck):
        return check.columns
    named = [check.column, check.other] if isinstance(check, CompareCheck) else [check.column]
    if (when := getattr(check, "when", None)) is not None:
        named.append(when.column)
    return tuple(dict.fromkeys(name for name in named if name is not None))
