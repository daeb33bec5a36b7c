"""The expectations of Great Expectations that are supported, each with the checks that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.data.suite import expectations_of_rows as rows
from modelway.data.suite.expectation_arguments import Arguments, UnsupportedError
from modelway.data.suite.expectation_types import column_types
from modelway.records import suite

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modelway.records.suite import Check


def _statistic(kind: str) -> Callable[[Arguments], list[Check]]:
    def make(given: Arguments) -> list[Check]:
        return [suite.StatisticCheck(check=kind, column=given.need("column"), **given.bounds(), **given.common)]  # type: ignore[arg-type]

    return make


def _quantiles(given: Arguments) -> list[Check]:
    ranges, column = given.need("quantile_ranges"), given.need("column")
    levels = ranges.get("quantiles") if isinstance(ranges, dict) else None
    bounds = ranges.get("value_ranges") if isinstance(ranges, dict) else None
    if not isinstance(levels, list) or not isinstance(bounds, list) or len(levels) != len(bounds) or not levels:
        raise UnsupportedError("quantile_ranges is no list of quantiles with a range each")
    if not all(isinstance(ends, list) and len(ends) == 2 for ends in bounds):
        raise UnsupportedError("a range of quantile_ranges is no pair")
    return [
        suite.QuantileCheck(check="quantile", column=column, q=level, min=low, max=high, **given.common)
        for level, (low, high) in zip(levels, bounds, strict=True)
    ]


def _distinct_count(given: Arguments) -> list[Check]:
    column = given.need("column")
    return [suite.DistinctCountCheck(check="distinct_count", column=column, **given.bounds(whole=True), **given.common)]


def _distinct_share(given: Arguments) -> list[Check]:
    column = given.need("column")
    return [suite.DistinctShareCheck(check="distinct_share", column=column, **given.bounds(), **given.common)]


def _count(kind: str) -> Callable[[Arguments], list[Check]]:
    def make(given: Arguments) -> list[Check]:
        exact = given.number("value")
        ends = given.bounds(whole=True) if exact is None else {"min": exact, "max": exact}
        return [suite.CountCheck(check=kind, **ends, **given.common)]  # type: ignore[arg-type]

    return make


def _column_exists(given: Arguments) -> list[Check]:
    return [suite.ColumnsCheck(check="columns", names=(given.need("column"),), exact=False, **given.common)]


def _column_list(given: Arguments) -> list[Check]:
    return [suite.ColumnsCheck(check="columns", names=given.listed("column_list"), order=True, **given.common)]


def _column_set(given: Arguments) -> list[Check]:
    exact, names = given.take("exact_match", True), given.listed("column_set")
    return [suite.ColumnsCheck(check="columns", names=names, exact=exact, **given.common)]


def _type(given: Arguments) -> list[Check]:
    return _types(given, [given.need("type_")])


def _type_list(given: Arguments) -> list[Check]:
    return _types(given, given.listed("type_list"))


def _types(given: Arguments, names: Sequence[object]) -> list[Check]:
    if given.rows["mostly"] < 1:
        raise UnsupportedError("mostly of a type")
    try:
        types = column_types(names)
    except ValueError as error:
        raise UnsupportedError(str(error)) from None
    return [suite.TypeCheck(check="type", column=given.need("column"), types=types, as_stored=True, **given.common)]


EXPECTATIONS: dict[str, Callable[[Arguments], list[Check]]] = {
    "expect_column_distinct_values_to_be_in_set": rows.allowed,
    "expect_column_distinct_values_to_contain_set": rows.required,
    "expect_column_distinct_values_to_equal_set": rows.same_set,
    "expect_column_max_to_be_between": _statistic("maximum"),
    "expect_column_mean_to_be_between": _statistic("mean"),
    "expect_column_median_to_be_between": _statistic("median"),
    "expect_column_min_to_be_between": _statistic("minimum"),
    "expect_column_pair_values_a_to_be_greater_than_b": rows.pair(">"),
    "expect_column_pair_values_to_be_equal": rows.pair("=="),
    "expect_column_proportion_of_non_null_values_to_be_between": rows.not_null_share,
    "expect_column_proportion_of_unique_values_to_be_between": _distinct_share,
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_stdev_to_be_between": _statistic("std"),
    "expect_column_sum_to_be_between": _statistic("sum"),
    "expect_column_to_exist": _column_exists,
    "expect_column_unique_value_count_to_be_between": _distinct_count,
    "expect_column_value_lengths_to_be_between": rows.lengths,
    "expect_column_value_lengths_to_equal": rows.length,
    "expect_column_values_to_be_between": rows.in_range,
    "expect_column_values_to_be_decreasing": rows.decreasing,
    "expect_column_values_to_be_in_set": rows.allowed,
    "expect_column_values_to_be_in_type_list": _type_list,
    "expect_column_values_to_be_increasing": rows.increasing,
    "expect_column_values_to_be_null": rows.null,
    "expect_column_values_to_be_of_type": _type,
    "expect_column_values_to_be_unique": rows.unique,
    "expect_column_values_to_match_regex": rows.regex,
    "expect_column_values_to_match_regex_list": rows.regexes,
    "expect_column_values_to_match_strftime_format": rows.date_format,
    "expect_column_values_to_not_be_in_set": rows.forbidden,
    "expect_column_values_to_not_be_null": rows.not_null,
    "expect_column_values_to_not_match_regex": rows.no_regex,
    "expect_column_values_to_not_match_regex_list": rows.no_regexes,
    "expect_compound_columns_to_be_unique": rows.unique_key,
    "expect_select_column_values_to_be_unique_within_record": rows.unequal,
    "expect_table_column_count_to_be_between": _count("column_count"),
    "expect_table_column_count_to_equal": _count("column_count"),
    "expect_table_columns_to_match_ordered_list": _column_list,
    "expect_table_columns_to_match_set": _column_set,
    "expect_table_row_count_to_be_between": _count("row_count"),
    "expect_table_row_count_to_equal": _count("row_count"),
}
"""What makes the checks of each supported expectation from its arguments."""
