"""Which options a column may have, and whether they name what is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import SettingsError
from modelway.records.data import ColumnType
from modelway.records.fit import ColumnFeatures

if TYPE_CHECKING:
    from modelway.records.data import Column
    from modelway.records.fit import FeatureOptions

_NUMBER = frozenset({"impute", "scale", "indicator"})
_KNOWN = {
    ColumnType.INTEGER: _NUMBER,
    ColumnType.NUMBER: _NUMBER,
    ColumnType.BOOLEAN: frozenset({"indicator"}),
    ColumnType.CATEGORY: frozenset({"encode", "max_categories", "min_count", "indicator"}),
    ColumnType.DATE: frozenset({"parts", "cyclic", "indicator"}),
    ColumnType.TEXT: frozenset({"hash_size", "ngrams", "indicator"}),
}


def treatment(options: FeatureOptions, name: str) -> ColumnFeatures:
    """The options of one column."""
    return options.columns.get(name, ColumnFeatures())


def check_treatments(options: FeatureOptions, columns: dict[str, Column], target: str) -> None:
    """Raise `SettingsError` unless the options fit the columns."""
    _check_names("drop", options.drop, columns, target)
    _check_names("columns", tuple(options.columns), columns, target)
    for place, custom in enumerate(options.custom):
        _check_names(f"custom.{place}.columns", custom.columns, columns, target)
        if not custom.columns:
            raise SettingsError("the function sees no column", where=f"fit.features.custom.{place}.columns")
    for name, features in options.columns.items():
        where = f"fit.features.columns.{name}"
        if name in options.drop:
            raise SettingsError("the column is dropped, so its options mean nothing", where=where)
        kind = columns[name].type
        given = {option for option, value in features if value is not None}
        if wrong := sorted(given - _KNOWN[kind]):
            raise SettingsError(
                f"a column of type {kind.value} has no option {wrong[0]!r}",
                where=f"{where}.{wrong[0]}",
                remedy=f"Its options: {', '.join(sorted(_KNOWN[kind]))}.",
            )
        if features.parts == ():
            raise SettingsError("a date needs one part at the least", where=f"{where}.parts")
    if not options.custom and not set(columns) - {target, *options.drop}:
        raise SettingsError("no column is left to make a feature of", where="fit.features.drop")


def _check_names(key: str, names: tuple[str, ...], columns: dict[str, Column], target: str) -> None:
    where = f"fit.features.{key}"
    for name in names:
        if name == target:
            raise SettingsError(f"{name!r} is the target, which is never a feature", where=where)
        if name not in columns:
            known = ", ".join(sorted(set(columns) - {target}))
            raise SettingsError(f"there is no column {name!r}", where=where, remedy=f"Known columns: {known}.")
