"""Expectations of Great Expectations about single rows, each as the checks that say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.data.suite.expectation_arguments import Arguments, UnsupportedError, complement
from modelway.data.suite.python_regex import to_rust
from modelway.records import suite

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.records.suite import Check, LeftOut


def not_null(given: Arguments) -> list[Check]:
    """The share of missing values is small enough."""
    most = complement(given.rows["mostly"])
    return [suite.MissingCheck(check="missing", column=given.need("column"), max=most, **given.common)]


def null(given: Arguments) -> list[Check]:
    """The share of missing values is great enough."""
    least = given.rows["mostly"]
    return [suite.MissingCheck(check="missing", column=given.need("column"), min=least, max=1.0, **given.common)]


def not_null_share(given: Arguments) -> list[Check]:
    """The share of rows with a value lies between two ends."""
    ends = given.bounds()
    least, most = complement(ends.get("max", 1.0)), complement(ends.get("min", 0.0))
    return [suite.MissingCheck(check="missing", column=given.need("column"), min=least, max=most, **given.common)]


def unique(given: Arguments) -> list[Check]:
    """No value stands in two rows."""
    return [suite.UniqueCheck(check="unique", columns=(given.need("column"),), **given.rows)]


def unique_key(given: Arguments) -> list[Check]:
    """No combination of values stands in two rows."""
    columns = given.listed("column_list")
    return [suite.UniqueCheck(check="unique", columns=columns, missing=_left_out(given), **given.rows)]


def allowed(given: Arguments) -> list[Check]:
    """Each value is one of a set."""
    return [suite.AllowedCheck(check="allowed", values=given.listed("value_set"), **given.values)]


def forbidden(given: Arguments) -> list[Check]:
    """No value is one of a set."""
    return [suite.ForbiddenCheck(check="forbidden", values=given.listed("value_set"), **given.values)]


def required(given: Arguments) -> list[Check]:
    """Each value of a set occurs."""
    values, column = given.listed("value_set"), given.need("column")
    return [suite.RequiredCheck(check="required", column=column, values=values, **given.common)]


def same_set(given: Arguments) -> list[Check]:
    """The values are those of a set, all of them."""
    return [*allowed(given), *required(given)]


def in_range(given: Arguments) -> list[Check]:
    """Each value lies between two ends."""
    ends = {end: given.take(f"{end}_value") for end in ("min", "max")}
    strict = {end: given.take(end, False) for end in ("strict_min", "strict_max")}
    return [suite.RangeCheck(check="range", **ends, **strict, **given.values)]


def regex(given: Arguments, *, negate: bool = False) -> list[Check]:
    """A regular expression is found in each text, or in none."""
    return [_pattern(given, given.text("regex"), negate=negate)]


def _pattern(given: Arguments, pattern: str, *, negate: bool) -> Check:
    try:
        translated = to_rust(pattern, negate=negate)
    except ValueError as error:
        raise UnsupportedError(str(error)) from None
    return suite.RegexCheck(check="regex", pattern=translated, negate=negate, **given.values)


def no_regex(given: Arguments) -> list[Check]:
    """A regular expression is found in no text."""
    return regex(given, negate=True)


def regexes(given: Arguments) -> list[Check]:
    """One, or each, of several regular expressions is found in each text."""
    patterns = given.listed("regex_list")
    match_on = given.text("match_on", "any")
    if match_on == "any":
        return [_pattern(given, "|".join(f"(?:{pattern})" for pattern in patterns), negate=False)]
    if match_on != "all":
        raise UnsupportedError(f"match_on {match_on!r}")
    if given.rows["mostly"] < 1:
        raise UnsupportedError("mostly beside several regular expressions that all have to match")
    return [_pattern(given, pattern, negate=False) for pattern in patterns]


def no_regexes(given: Arguments) -> list[Check]:
    """None of several regular expressions is found in any text."""
    patterns = given.listed("regex_list")
    return [_pattern(given, "|".join(f"(?:{pattern})" for pattern in patterns), negate=True)]


def lengths(given: Arguments) -> list[Check]:
    """The length of each text lies between two ends."""
    return [suite.LengthCheck(check="length", **given.bounds(whole=True), **given.values)]


def length(given: Arguments) -> list[Check]:
    """Each text has one length."""
    given.need("value")
    value = given.number("value")
    return [suite.LengthCheck(check="length", min=value, max=value, **given.values)]


def date_format(given: Arguments) -> list[Check]:
    """Each text is a date of one form."""
    return [suite.DateFormatCheck(check="date_format", format=given.need("strftime_format"), **given.values)]


def increasing(given: Arguments) -> list[Check]:
    """No value is less than the one before it."""
    return [suite.OrderCheck(check="increasing", strict=given.take("strictly", False), **given.values)]


def decreasing(given: Arguments) -> list[Check]:
    """No value is greater than the one before it."""
    return [suite.OrderCheck(check="decreasing", strict=given.take("strictly", False), **given.values)]


def pair(operator: str) -> Callable[[Arguments], list[Check]]:
    """The maker of comparisons of two columns; `>` becomes `>=` where the expectation allows equal values."""

    def make(given: Arguments) -> list[Check]:
        sign = f"{operator}=" if operator == ">" and given.take("or_equal", False) else operator
        named = {"column": given.need("column_A"), "other": given.need("column_B"), "operator": sign}
        return [suite.CompareCheck(check="compare", missing=_left_out(given), **named, **given.rows)]

    return make


def unequal(given: Arguments) -> list[Check]:
    """Two columns differ in each row."""
    columns = given.listed("column_list")
    if len(columns) != 2:
        raise UnsupportedError("more than two columns in a row")
    named = {"column": columns[0], "other": columns[1], "operator": "!="}
    return [suite.CompareCheck(check="compare", missing=_left_out(given), **named, **given.rows)]


_LEFT_OUT: dict[str, LeftOut] = {
    "all_values_are_missing": "all",
    "both_values_are_missing": "all",
    "any_value_is_missing": "any",
    "either_value_is_missing": "any",
    "never": "none",
    "neither": "none",
}


def _left_out(given: Arguments) -> LeftOut:
    """Which rows with missing values are not looked at, as `missing` of our checks says it."""
    said = given.text("ignore_row_if", "all_values_are_missing")
    if said not in _LEFT_OUT:
        raise UnsupportedError(f"ignore_row_if {said!r}")
    return _LEFT_OUT[said]
