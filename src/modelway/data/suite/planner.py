"""Adds the checks of the settings, of their columns and of other suites to a plan."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING

from modelway.data.suite.great_expectations import Unsupported
from modelway.data.suite.judges import compare_columns
from modelway.data.suite.judging import judge_of
from modelway.data.suite.key_rows import Key
from modelway.data.suite.outcome import Outcome, impossible
from modelway.data.suite.plan import CHECKS, COLUMNS, Plan, Planned, columns_of
from modelway.data.suite.row_probe import MissingProbe, Probe, RequiredProbe, RowProbe, ShareProbe
from modelway.data.suite.rules import ROW_CHECKS, rule_of, schema_rule
from modelway.data.suite.values import Choice, MisfitError
from modelway.data.suite.words import column_expected, expected, listed
from modelway.errors import InputError, SettingsError
from modelway.records.checks import Severity
from modelway.records.suite import (
    AllowedCheck,
    BaselineCheck,
    CategoryShareCheck,
    ColumnsCheck,
    DistinctCountCheck,
    DistinctShareCheck,
    DuplicatesCheck,
    MissingCheck,
    QuantileCheck,
    RangeCheck,
    RequiredCheck,
    UniqueCheck,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from modelway.data.suite.kinds import Kind
    from modelway.data.suite.outcome import Facts
    from modelway.records.data import Column
    from modelway.records.suite import Check


class Planner:
    """Adds checks to a plan.

    Args:
        kinds: the columns that the data have.
        declared: what the settings say of the columns, if anything.
        ignored: the columns that the settings leave out.
        has_baseline: whether there is a baseline to compare with.
    """

    def __init__(
        self,
        plan: Plan,
        kinds: Mapping[str, Kind],
        declared: Mapping[str, Column] | None,
        ignored: Iterable[str],
        *,
        has_baseline: bool,
    ) -> None:
        self._plan, self._kinds = plan, kinds
        self._declared = declared
        self._named = {*(declared or {}), *ignored} if declared else None
        self._has_baseline = has_baseline

    def add_columns(self, *, order: bool) -> None:
        """Add what the settings' columns ask for; of other columns only that all values are of one type."""
        if self._declared is not None:
            self._add_column_names(self._declared, order=order)
        for name, kind in self._kinds.items():
            self._add_schema(name, kind)
            column = kind.column
            if not kind.declared or column is None:
                continue
            if column.min is not None or column.max is not None:
                self._add(RangeCheck(check="range", column=name, min=column.min, max=column.max), COLUMNS)
            if column.values is not None:
                self._add(AllowedCheck(check="allowed", column=name, values=column.values), COLUMNS)

    def add_own(self, checks: Sequence[Check]) -> None:
        """Add the settings' checks.

        Raises:
            SettingsError: one names a column that the settings don't know, does not fit its column's type, has a
                pattern that is refused, or needs a baseline where there is none.
            InputError: one names a column that neither settings nor data have.
        """
        for number, check in enumerate(checks):
            where = f"check_data.checks.{number}"
            self._refuse_unknown(check, where)
            try:
                self._add(check, CHECKS)
            except MisfitError as error:
                columns = columns_of(check)
                if all(name in (self._declared or {}) for name in columns) or not columns or error.settings:
                    raise SettingsError(str(error), where=where, remedy="Correct the check.") from error
                self._add_impossible(check, CHECKS, str(error))

    def add_suite(self, checks: Sequence[Check | Unsupported], source: str) -> None:
        """Add the checks of a suite of somebody else's; what can't be judged becomes an error verdict."""
        for check in checks:
            if isinstance(check, Unsupported):
                self._plan.checks.append(
                    Planned(
                        self._plan.unused(check.name),
                        "expectation",
                        check.columns,
                        source,
                        check.severity,
                        check.expected,
                        _always(impossible(check.reason)),
                    )
                )
                continue
            try:
                self._add(check, source)
            except MisfitError as error:
                self._add_impossible(check, source, str(error))

    def _add_column_names(self, declared: Mapping[str, Column], *, order: bool) -> None:
        judge = partial(
            compare_columns,
            tuple(declared),
            others=False,
            order=order,
            ignored=frozenset(self._named or ()),
            optional=frozenset(name for name, column in declared.items() if column.nullable),
        )
        said = f"the columns {listed(tuple(declared))}{', in this order' if order else ''}"
        self._plan.checks.append(Planned("columns", "columns", (), COLUMNS, Severity.FAIL, said, judge))

    def _add_schema(self, name: str, kind: Kind) -> None:
        if kind.column is None:
            return
        check = self._plan.unused(f"schema.{name}")
        probe = RowProbe(check, (name,), schema_rule(name, kind), None, 1.0)
        said = column_expected(kind.column)
        if not kind.declared:
            said = f"{kind.type}, as it was found to be"
        self._plan.checks.append(
            Planned(check, "schema", (name,), COLUMNS, Severity.FAIL, said, _by(probe), probe, quiet=not kind.declared)
        )

    def _add(self, check: Check, source: str) -> None:
        columns = columns_of(check)
        if absent := [name for name in columns if name not in self._kinds]:
            self._add_impossible(check, source, f"the data have no column {absent[0]!r}")
            return
        if isinstance(check, BaselineCheck) and not self._has_baseline:
            raise MisfitError("there is no baseline to compare with; set check_data.baseline", settings=True)
        name = self._name(check)
        probe = self._probe(check, name, columns)
        judge = _by(probe) if probe is not None else judge_of(check, self._kinds)
        if isinstance(check, QuantileCheck) or "median" in {check.check, getattr(check, "statistic", None)}:
            self._plan.sketched |= set(columns)
        self._plan.checks.append(
            Planned(name, check.check, columns, source, check.severity, expected(check), judge, probe, self._key(check))
        )

    def _add_impossible(self, check: Check, source: str, reason: str) -> None:
        self._plan.checks.append(
            Planned(
                self._name(check),
                check.check,
                columns_of(check),
                source,
                check.severity,
                expected(check),
                _always(impossible(reason)),
            )
        )

    def _name(self, check: Check) -> str:
        if check.name is not None:
            return self._plan.unused(check.name)
        columns = columns_of(check)[:3] if not isinstance(check, ColumnsCheck) else ()
        return self._plan.unused(".".join([check.check, *columns]))

    def _probe(self, check: Check, name: str, columns: tuple[str, ...]) -> Probe | None:
        if isinstance(check, CategoryShareCheck):
            return ShareProbe(check, self._kinds)
        if isinstance(check, RequiredCheck):
            return RequiredProbe(check, self._kinds)
        if not isinstance(check, ROW_CHECKS):
            return None
        choice = Choice(check.when, self._kinds) if check.when is not None else None
        rule = rule_of(check, self._kinds)
        if isinstance(check, MissingCheck):
            return MissingProbe(name, check, columns, rule, choice)
        return RowProbe(name, columns, rule, choice, check.mostly)

    def _key(self, check: Check) -> Key | None:
        match check:
            case UniqueCheck():
                return Key(check.columns, check.missing)
            case DistinctCountCheck() | DistinctShareCheck():
                return Key((check.column,))
            case DuplicatesCheck():
                return Key(check.columns or tuple(self._kinds), "none", later=True)
            case _:
                return None

    def _refuse_unknown(self, check: Check, where: str) -> None:
        for name in columns_of(check):
            if self._named is not None and name not in self._named:
                raise SettingsError(
                    f"there is no column {name!r} in the settings' columns",
                    where=where,
                    remedy=_similar(name, self._named),
                )
            if self._named is None and name not in self._kinds:
                raise InputError(
                    f"the data have no column {name!r}, which a check names",
                    where=where,
                    remedy=_similar(name, self._kinds),
                )


def _always(outcome: Outcome) -> Callable[[Facts], Outcome]:
    return lambda _: outcome


def _by(probe: Probe) -> Callable[[Facts], Outcome]:
    return lambda _: probe.judge()


def _similar(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known are: {', '.join(names[:20])}."
