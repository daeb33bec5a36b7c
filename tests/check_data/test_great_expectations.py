"""Suites of Great Expectations, as that package writes them, and what it says of the same data."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.data.suite.expectation_table import EXPECTATIONS
from modelway.data.suite.great_expectations import Unsupported, read_expectations
from modelway.data.suite.python_regex import to_rust
from modelway.data.suite.suite import check_data_set
from modelway.errors import InputError
from modelway.records.check_data import CheckDataOptions
from modelway.records.checks import Severity
from modelway.records.data import ColumnType, DataOptions
from modelway.records.suite import CompareCheck, MissingCheck, RangeCheck, RegexCheck, TypeCheck, UniqueCheck
from modelway.records.verdict import Verdict

HERE = Path(__file__).parent / "great_expectations"


STRICTER = {
    18: "no value at all is inconclusive, not a pass",
    148: "$ is the end, and not before a last line break as well",
}
"""Expectations of the suite that are judged otherwise than there, by their place; none is judged more kindly."""
ROWS = {"range", "allowed", "forbidden", "regex", "length", "date_format", "compare", "unique", "increasing"}
"""Checks whose broken rows are counted as there."""


def planted() -> dict[str, list[Any]]:
    """The data that Great Expectations 1.24.1 was given, as Parquet, when it said what `verdicts_1_24.json` holds."""
    n = range(40)
    return {
        "id": [1000 + i for i in n],
        "order": [7 if i == 39 else i for i in n],
        "name": [None if i in {3, 17} else f"name-{i:02}" for i in n],
        "code": ["bad code" if i == 5 else f"AB{i:04d}" for i in n],
        "grade": ["Z" if i in {2, 11} else None if i == 20 else "ABC"[i % 3] for i in n],
        "amount": [None if i == 1 else -5.0 if i == 8 else 250.0 if i == 9 else i * 2.5 for i in n],
        "rate": [round(0.01 * i, 4) for i in n],
        "low": list(n),
        "high": [i - 1 if i == 30 else i if i == 31 else i + 2 for i in n],
        "flag": [i % 2 == 0 for i in n],
        "empty": [None for _ in n],
        "first": [f"p{i % 5}" for i in n],
        "second": [f"q{i // 5}" if i != 39 else "q0" for i in n],
        "third": [f"p{i % 5}" if i == 4 else f"r{i}" for i in n],
        "seen": [dt.datetime(2026, 1, 1) + dt.timedelta(days=i) for i in n],  # noqa: DTZ001 - without zone there, too
        "left": [None if i in {4, 5, 6} else f"k{i % 20}" for i in n],
        "right": [None if i in {5, 6, 26} else f"m{i % 20}" for i in n],
        "word": ["" if i == 2 else "naïve été" if i == 3 else "line\n" if i == 4 else f"w{i}" for i in n],
        "day": ["2026-13-01" if i == 6 else f"2026-02-{1 + i % 28:02}" for i in n],
        "step": [float(i // 2) if i != 12 else 1.0 for i in n],
        "gap": [None if i % 4 == 0 else float(i) for i in n],
    }


def write(path: Path, *expectations: dict[str, Any]) -> Path:
    path = path / "suite.json"
    path.write_text(json.dumps({"name": "mine", "expectations": list(expectations)}))
    return path


def read_one(path: Path, kind: str, severity: str | None = None, **arguments: Any) -> list[Any]:
    one = {"type": f"expect_{kind}", "kwargs": arguments, "severity": severity}
    return list(read_expectations(write(path, one)))


def refusal(path: Path, kind: str, **arguments: Any) -> str:
    (found,) = read_one(path, kind, **arguments)
    assert isinstance(found, Unsupported), found
    return found.reason


def test_reads_what_the_package_wrote():
    found = read_expectations(HERE / "suite_1_24.json")
    written = json.loads((HERE / "suite_1_24.json").read_text())["expectations"]
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    assert len(found) >= len(written)
    assert {one["type"] for one in written} - EXPECTATIONS.keys() == {"expect_column_kl_divergence_to_be_less_than"}
    assert len([one for one in written if one["type"] in EXPECTATIONS]) == 196
    assert sorted(one.reason for one in found if isinstance(one, Unsupported)) == [
        "not supported: how wide a number is stored, as 'int32' says, is not checked",
        "not supported: look-ahead is nothing that runs in linear time",
        "not supported: more than two columns in a row",
        "not supported: the argument column_index",
        "not supported: the argument column_index",
        "not supported: the argument row_condition",
        "not supported: the type 'object' is not known",
        "not supported: this expectation is not among those that modelway knows",
    ]


def test_says_what_the_package_says_of_the_same_data(tmp_path):
    path = tmp_path / "planted.parquet"
    pl.DataFrame(planted(), schema_overrides={"empty": pl.String}).write_parquet(path)
    suite = {"gx": read_expectations(HERE / "suite_1_24.json")}
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    result = check_data_set(
        CheckDataOptions(), DataOptions(uri=str(path)), [(path.name, path)], suite, None, now
    ).result
    ours = [one for one in result.checks if one.source == "gx"]
    groups = [list(group) for _, group in itertools.groupby(ours, lambda one: re.sub(r"\.\d+$", "", one.name))]
    theirs = json.loads((HERE / "verdicts_1_24.json").read_text())["verdicts"]
    otherwise = {}
    for place, (group, said) in enumerate(zip(groups, theirs, strict=True)):
        verdicts = {one.verdict for one in group}
        if verdicts == {Verdict.ERROR}:
            assert "not supported" in group[0].reason
        elif (verdicts == {Verdict.PASS}) != said["success"]:
            otherwise[place] = said["success"]
        elif len(group) == 1 and group[0].check in ROWS and "distinct" not in group[0].name:
            assert group[0].failing == said["unexpected"], group[0].name
    assert otherwise == dict.fromkeys(STRICTER, True)


def test_reads_suites_of_before_1_0():
    kinds = [type(one).__name__ for one in read_expectations(HERE / "suite_0_18.json")]
    assert kinds == ["UniqueCheck", "MissingCheck", "RangeCheck", "CountCheck", "AllowedCheck"]


def test_twenty_and_more_expectations_are_supported():
    assert len(EXPECTATIONS) >= 40


def test_mostly_leaves_its_complement_in_decimal_digits(tmp_path):
    (found,) = read_one(tmp_path, "column_values_to_not_be_null", column="a", mostly=0.9)
    assert isinstance(found, MissingCheck)
    assert (found.min, found.max) == (0.0, 0.1)
    (found,) = read_one(tmp_path, "column_values_to_be_null", column="a", mostly=0.9)
    assert (found.min, found.max) == (0.9, 1.0)


def test_range_takes_its_ends_over(tmp_path):
    (found,) = read_one(
        tmp_path, "column_values_to_be_between", column="a", min_value=1, max_value=None, strict_min=True, mostly=0.5
    )
    assert isinstance(found, RangeCheck)
    assert (found.min, found.max, found.strict_min, found.strict_max, found.mostly) == (1, None, True, False, 0.5)
    (dates,) = read_one(tmp_path, "column_values_to_be_between", column="a", min_value="2026-01-01T00:00:00")
    assert dates.min == "2026-01-01T00:00:00"


@pytest.mark.parametrize(
    ("kind", "given", "low", "high"),
    [
        ("column_mean_to_be_between", {"min_value": 2, "strict_min": True}, 2.0000000000000004, None),
        ("column_max_to_be_between", {"max_value": 2.0, "strict_max": True}, None, 1.9999999999999998),
        ("column_min_to_be_between", {"min_value": "1970-01-02", "max_value": "1970-01-03T00:00:00Z"}, 86400, 172800),
        ("column_unique_value_count_to_be_between", {"min_value": 2, "max_value": 5, "strict_min": True}, 3, 5),
        ("column_value_lengths_to_be_between", {"min_value": 2, "max_value": 5, "strict_max": True}, 2, 4),
        ("table_row_count_to_be_between", {"max_value": 9}, None, 9),
        ("table_row_count_to_equal", {"value": 9}, 9, 9),
        ("table_column_count_to_equal", {"value": 3}, 3, 3),
    ],
)
def test_bounds(tmp_path, kind, given, low, high):
    (found,) = read_one(tmp_path, kind, **({} if kind.startswith("table") else {"column": "a"}), **given)
    assert (found.min, found.max) == (low, high)


@pytest.mark.parametrize(
    ("said", "left_out"),
    [(None, "all"), ("both_values_are_missing", "all"), ("either_value_is_missing", "any"), ("neither", "none")],
)
def test_pairs_say_which_rows_are_left_out(tmp_path, said, left_out):
    (found,) = read_one(
        tmp_path, "column_pair_values_a_to_be_greater_than_b", column_A="a", column_B="b", ignore_row_if=said
    )
    assert isinstance(found, CompareCheck)
    assert (found.column, found.operator, found.other, found.missing) == ("a", ">", "b", left_out)


def test_keys_of_several_columns(tmp_path):
    (found,) = read_one(tmp_path, "compound_columns_to_be_unique", column_list=["a", "b"], ignore_row_if="never")
    assert isinstance(found, UniqueCheck)
    assert (found.columns, found.missing) == (("a", "b"), "none")
    assert found.name == "expect_compound_columns_to_be_unique.a.b"


@pytest.mark.parametrize(
    ("names", "types"),
    [
        (["int64"], {ColumnType.INTEGER}),
        (["INTEGER", "BIGINT"], {ColumnType.INTEGER}),
        (["int64", "int32", "int8"], {ColumnType.INTEGER}),
        (["float64", "LongType"], {ColumnType.NUMBER, ColumnType.INTEGER}),
        (["str"], {ColumnType.TEXT, ColumnType.CATEGORY}),
        (["VARCHAR(20)"], {ColumnType.TEXT, ColumnType.CATEGORY}),
        (["datetime64[ns]"], {ColumnType.DATE}),
        (["bool_"], {ColumnType.BOOLEAN}),
    ],
)
def test_types(tmp_path, names, types):
    (found,) = read_one(tmp_path, "column_values_to_be_in_type_list", column="a", type_list=names)
    assert isinstance(found, TypeCheck)
    assert set(found.types) == types


@pytest.mark.parametrize(
    ("severity", "is_judged"),
    [(None, Severity.FAIL), ("critical", Severity.FAIL), ("warning", Severity.WARN), ("info", Severity.WARN)],
)
def test_severity(tmp_path, severity, is_judged):
    (found,) = read_one(tmp_path, "column_to_exist", severity, column="a")
    assert found.severity is is_judged


def test_an_expectation_of_several_checks_gives_each_a_name(tmp_path):
    suite = write(
        tmp_path,
        {"type": "expect_column_distinct_values_to_equal_set", "kwargs": {"column": "a", "value_set": [1, 2]}},
        {"type": "expect_column_distinct_values_to_equal_set", "kwargs": {"column": "a", "value_set": [1, 3]}},
    )
    name = "expect_column_distinct_values_to_equal_set.a"
    assert [one.name for one in read_expectations(suite)] == [f"{name}.1", f"{name}.2", f"{name}#2.1", f"{name}#2.2"]


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        ("column_values_to_be_valid_json", {"column": "a"}, "not among those"),
        ("column_values_to_be_unique", {"column": "a", "row_condition": "x>1"}, "the argument row_condition"),
        ("column_values_to_be_unique", {"column": "a", "surprise": 1}, "the argument surprise"),
        ("column_values_to_be_unique", {"column": "a", "surprise": False}, "the argument surprise"),
        ("column_values_to_be_unique", {}, "column is not given"),
        ("column_values_to_be_unique", {"column": 5}, "valid string"),
        ("column_values_to_be_unique", {"column": "a", "mostly": 0}, "mostly"),
        ("column_values_to_be_unique", {"column": "a", "mostly": "x"}, "mostly is text"),
        ("column_values_to_be_between", {"column": "a"}, "neither min nor max"),
        ("column_values_to_be_between", {"column": "a", "min_value": 3, "max_value": 1}, "min 3 is greater than max 1"),
        ("column_values_to_be_between", {"column": "a", "min_value": "m"}, "isoformat"),
        ("column_values_to_be_between", {"column": "a", "min_value": {"$PARAMETER": "low"}}, "parameter"),
        ("column_mean_to_be_between", {"column": "a"}, "neither min_value nor max_value"),
        ("column_mean_to_be_between", {"column": "a", "min_value": 10**400}, "too great"),
        ("column_mean_to_be_between", {"column": "a", "min_value": True}, "min_value is no number"),
        ("column_max_to_be_between", {"column": "a", "min_value": "abc"}, "no date"),
        ("column_values_to_be_in_set", {"column": "a", "value_set": []}, "an empty one"),
        ("column_values_to_be_in_set", {"column": "a", "value_set": [[1]]}, "values"),
        ("column_values_to_be_in_set", {"column": "a", "value_set": {"$PARAMETER": "set"}}, "parameter"),
        ("column_values_to_be_of_type", {"column": "a", "type_": "object"}, "the type 'object'"),
        ("column_values_to_be_of_type", {"column": "a", "type_": "int64", "mostly": 0.5}, "mostly of a type"),
        ("column_to_exist", {"column": "a", "column_index": 0}, "column_index"),
        ("column_values_to_match_regex", {"column": "a", "regex": "(?<=x)y"}, "look-behind"),
        ("column_values_to_match_regex", {"column": "a", "regex": r"(a)\1"}, "backreference"),
        ("column_values_to_match_regex", {"column": "a", "regex": "("}, "no regular expression"),
        ("column_values_to_match_regex", {"column": "a", "regex": 5}, "regex is no text"),
        ("column_values_to_match_regex_list", {"column": "a", "regex_list": ["a"], "match_on": "most"}, "match_on"),
        (
            "column_values_to_match_regex_list",
            {"column": "a", "regex_list": ["a", "b"], "match_on": "all", "mostly": 0.5},
            "mostly beside",
        ),
        ("column_quantile_values_to_be_between", {"column": "a", "quantile_ranges": [1]}, "quantile_ranges"),
        (
            "column_quantile_values_to_be_between",
            {"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1]]}},
            "no pair",
        ),
        (
            "column_quantile_values_to_be_between",
            {"column": "a", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[None, None]]}},
            "neither min nor max",
        ),
        (
            "column_quantile_values_to_be_between",
            {
                "column": "a",
                "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[1, 2]]},
                "allow_relative_error": "lower",
            },
            "allow_relative_error",
        ),
        ("compound_columns_to_be_unique", {"column_list": ["a"], "ignore_row_if": "sometimes"}, "ignore_row_if"),
        ("compound_columns_to_be_unique", {"column_list": ["a"], "ignore_row_if": ["never"]}, "ignore_row_if"),
    ],
)
def test_what_would_change_the_meaning_is_named_and_is_no_check(tmp_path, kind, arguments, reason):
    assert reason in refusal(tmp_path, kind, **arguments)


def test_unsupported_tells_what_was_asked(tmp_path):
    (found,) = read_one(tmp_path, "column_values_to_be_lucky", "warning", column="a", mostly=0.5, batch_id="x")
    assert found == Unsupported(
        name="expect_column_values_to_be_lucky.a",
        columns=("a",),
        severity=Severity.WARN,
        expected='expect_column_values_to_be_lucky(column="a", mostly=0.5)',
        reason="not supported: this expectation is not among those that modelway knows",
    )
    (odd,) = read_one(tmp_path, "column_to_exist", "fatal", column="a")
    assert (odd.severity, odd.reason) == (Severity.FAIL, "not supported: severity 'fatal' is not known")


def test_what_only_shows_the_result_is_left_out(tmp_path):
    shown = {"batch_id": "b", "result_format": "COMPLETE", "catch_exceptions": True, "condition_parser": "pandas"}
    (found,) = read_one(tmp_path, "column_to_exist", column="a", **shown)
    assert not isinstance(found, Unsupported)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is no JSON"),
        ('{"expectations": [', "is no JSON"),
        ('{"expectations": [{"type": "expect_x", "kwargs": {"a": NaN}}]}', "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("\x00\xff", "is no JSON"),
        ("[]", "this is no suite"),
        ('{"name": "x"}', "this is no suite"),
        ('{"expectations": {}}', "this is no suite"),
        ('{"expectations": []}', "the suite holds no expectation"),
        ('{"expectations": [5]}', "this is no expectation"),
        ('{"expectations": [{"type": 5, "kwargs": {}}]}', "this is no expectation"),
        ('{"expectations": [{"type": "x", "kwargs": []}]}', "this is no expectation"),
    ],
)
def test_malformed_suites_are_refused(tmp_path, text, what):
    path = tmp_path / "suite.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as refused:
        read_expectations(path)
    assert what in refused.value.what
    assert str(path) in str(refused.value)


def test_a_missing_suite_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_expectations(tmp_path / "gone.json")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
words = (
    "column",
    "mostly",
    "min_value",
    "max_value",
    "strict_min",
    "value_set",
    "regex",
    "regex_list",
    "type_",
    "value",
)
words += ("column_A", "column_B", "column_list", "ignore_row_if", "quantile_ranges", "exact_match", "column_set")


@given(kind=st.sampled_from(sorted(EXPECTATIONS)), arguments=st.dictionaries(st.sampled_from(words), values))
def test_no_argument_breaks_the_reading(tmp_path_factory, kind, arguments):
    path = write(tmp_path_factory.mktemp("suite"), {"type": kind, "kwargs": arguments})
    assert read_expectations(path)


@pytest.mark.parametrize("negate", [False, True])
@pytest.mark.parametrize(
    "pattern",
    [
        r"^AB\d{4}$",
        r"[]a]+x",
        r"[^]a]",
        r"[^^]]",
        r"[*+]x",
        r"a|b$",
        r"\$5$",
        r"[$]",
        r"(?i)ab",
        r"x\Z",
        r"^[\w.+-]+@[\w-]+\.[\w.-]+$",
        r"(?P<year>\d\d)",
        r"[a\]b]c",
        r"\bab\b",
        r"a.b",
        r"(?s)a.b",
        r"\\d",
        r"a{2,3}?b",
    ],
)
def test_regular_expressions_find_the_same(pattern, negate):
    texts = [
        "AB1234",
        "xAB1234",
        "AB12345",
        "]x",
        "a]x",
        "^",
        "a^]",
        "+x",
        "b",
        "ba",
        "$5",
        "$",
        "aB",
        "x",
        "x y",
        "\\d",
    ]
    texts += ["me@example.org", "20", "]c", "ab", "cab", "a\nb", "aab", "", "é", "日本"]
    ours = pl.Series(texts).str.contains(to_rust(pattern, negate=negate))
    assert ours.to_list() == [re.search(pattern, text) is not None for text in texts]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("a(?=b)", "look-ahead"),
        ("a(?!b)", "look-ahead"),
        ("(?<!b)a", "look-behind"),
        (r"(?P<x>a)(?P=x)", "backreference"),
        ("(a)?(?(1)b|c)", "conditional"),
        ("(?>ab)", "atomic"),
        ("a++b", "possessive"),
        ("a{2}+", "possessive"),
        ("[[:alpha:]]", "class of characters"),
        ("[a&&b]", "class of characters"),
        ("(?x) a b", "verbose"),
        ("a{", "does not compile"),
        ("(?a)x", "does not compile"),
        ("\\d{1000000}", "does not compile"),
    ],
)
def test_regular_expressions_that_rust_lacks(pattern, reason):
    with pytest.raises(ValueError, match=reason):
        to_rust(pattern)


def test_a_last_line_break_is_not_overlooked(tmp_path):
    """Python's $ also matches before it; Rust's does not."""
    (found,) = read_one(tmp_path, "column_values_to_not_match_regex", column="a", regex="bad$")
    assert isinstance(found, RegexCheck)
    assert found.negate
    assert pl.Series(["bad\n", "bad", "bad\nx"]).str.contains(found.pattern).to_list() == [True, True, False]
