"""Checks that count rows while the data set is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import polars as pl

from modelway.data.suite.outcome import Outcome, between, judged, of_rows, percent, undecided, within
from modelway.data.suite.values import is_one_of, need_type
from modelway.records.data import ColumnType
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modelway.data.suite.batches import Batch
    from modelway.data.suite.failures import Failures
    from modelway.data.suite.kinds import Kind
    from modelway.data.suite.rules import Rule
    from modelway.data.suite.values import Choice
    from modelway.records.data_docs import FailedRow
    from modelway.records.suite import CategoryShareCheck, MissingCheck, RequiredCheck


class Probe(Protocol):
    """Watches the rows go by."""

    def masks(self, batch: Batch, /) -> list[pl.Expr]:
        """What it wants to know of each row of a piece, as booleans."""

    def update(self, batch: Batch, found: Sequence[pl.Series], failures: Failures, /) -> None:
        """Take the answers."""

    def judge(self) -> Outcome:
        """What it comes to in the end."""


class RowProbe:
    """Counts the rows that break a rule and keeps the first of them."""

    def __init__(self, name: str, columns: Sequence[str], rule: Rule, choice: Choice | None, mostly: float) -> None:
        self._name, self._columns = name, columns
        self._rule, self._choice, self._mostly = rule, choice, mostly
        self.rows = self.failing = 0
        self._seen = 0
        self._examples: list[FailedRow] = []

    def masks(self, batch: Batch) -> list[pl.Expr]:
        """Which rows break the rule; null for those that are not looked at."""
        broken = self._rule.broken(batch)
        return [broken if self._choice is None else pl.when(self._choice.rows(batch)).then(broken)]

    def update(self, batch: Batch, found: Sequence[pl.Series], failures: Failures) -> None:
        """Count, and keep broken rows while they are of use."""
        broken = found[0]
        rows, failing = len(broken) - broken.null_count(), int(broken.sum() or 0)
        if failing and (wanted := failures.wanted(self._seen)):
            at = broken.arg_true().head(wanted).to_list()
            self._examples += failures.examples(batch, at, self._columns, self._seen)
            failures.keep(self._name, batch, at, self._seen)
            self._seen += len(at)
        self.rows += rows
        self.failing += failing
        self._rule.seen(batch)

    def judge(self) -> Outcome:
        """By the share of the rows that hold."""
        return of_rows(self.rows, self.failing, self._mostly, self._examples, self._nothing)

    @property
    def examples(self) -> tuple[FailedRow, ...]:
        """The first rows that broke the rule."""
        return tuple(self._examples)

    @property
    def _nothing(self) -> str:
        return "no row has a value" if self._choice is None else "no row that the condition chooses has a value"


class MissingProbe(RowProbe):
    """Judges the share of the rows without a value."""

    def __init__(
        self, name: str, check: MissingCheck, columns: Sequence[str], rule: Rule, choice: Choice | None
    ) -> None:
        super().__init__(name, columns, rule, choice, 1.0)
        self._check = check
        self._wanted = check.min > 0 and check.max >= 1

    def judge(self) -> Outcome:
        """By the bounds of the share."""
        if not self.rows:
            return Outcome(Verdict.INCONCLUSIVE, "no row is chosen by the condition", {}, 0, 0)
        missing = self.rows - self.failing if self._wanted else self.failing
        share = missing / self.rows
        outcome = judged(
            within(share, self._check.min, self._check.max),
            f"{missing:,} of {self.rows:,} rows have no value ({percent(share)})",
            {"missing": missing, "share": share},
        )
        return Outcome(outcome.verdict, outcome.reason, outcome.observed, self.rows, self.failing, self.examples)


class ShareProbe:
    """Counts the rows that hold one of some values."""

    def __init__(self, check: CategoryShareCheck, kinds: Mapping[str, Kind]) -> None:
        kind = need_type(kinds, check.column, frozenset(ColumnType), check.check)
        self._check = check
        self._held = is_one_of(check.column, kind, check.values)
        self._rows = self._hits = 0

    def masks(self, _batch: Batch) -> list[pl.Expr]:
        """Which rows hold one of the values; null for those without a value."""
        return [self._held]

    def update(self, _batch: Batch, found: Sequence[pl.Series], _failures: Failures) -> None:
        """Count."""
        self._rows += len(found[0]) - found[0].null_count()
        self._hits += int(found[0].sum() or 0)

    def judge(self) -> Outcome:
        """By the bounds of the share."""
        if not self._rows:
            return undecided("no row has a value")
        share = self._hits / self._rows
        bounds = between(percent(self._check.min), percent(self._check.max))
        reason = f"{self._hits:,} of {self._rows:,} rows with a value ({percent(share)}); {bounds} is asked for"
        return judged(within(share, self._check.min, self._check.max), reason, {"rows": self._hits, "share": share})


class RequiredProbe:
    """Looks for each of some values."""

    def __init__(self, check: RequiredCheck, kinds: Mapping[str, Kind]) -> None:
        kind = need_type(kinds, check.column, frozenset(ColumnType), check.check)
        self._values = check.values
        self._held = [is_one_of(check.column, kind, (value,)) for value in check.values]
        self._found = [False] * len(check.values)

    def masks(self, _batch: Batch) -> list[pl.Expr]:
        """Which rows hold each value."""
        return self._held

    def update(self, _batch: Batch, found: Sequence[pl.Series], _failures: Failures) -> None:
        """Remember what occurred."""
        self._found = [before or bool(held.any()) for before, held in zip(self._found, found, strict=True)]

    def judge(self) -> Outcome:
        """All have to occur."""
        absent = [str(value) for value, found in zip(self._values, self._found, strict=True) if not found]
        reason = f"{', '.join(absent[:10])} never occur" if absent else "each of the values occurs"
        return judged(not absent, reason, {"absent": len(absent)})
