from __future__ import annotations

import pytest

from modelway.errors import InputError, SettingsError
from modelway.features import check_inputs, fit_features
from modelway.records.data import ColumnType
from modelway.records.fit import ColumnFeatures, CustomFeatures, FeatureOptions


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (FeatureOptions(drop=("nope",)), "no column 'nope'"),
        (FeatureOptions(drop=("y",)), "'y' is the target"),
        (FeatureOptions(columns={"nope": ColumnFeatures()}), "no column 'nope'"),
        (FeatureOptions(columns={"y": ColumnFeatures()}), "'y' is the target"),
        (FeatureOptions(columns={"c": ColumnFeatures(scale="none")}), "category has no option 'scale'"),
        (FeatureOptions(columns={"x": ColumnFeatures(encode="onehot")}), "number has no option 'encode'"),
        (FeatureOptions(columns={"x": ColumnFeatures(cyclic=False)}), "number has no option 'cyclic'"),
        (FeatureOptions(columns={"x": ColumnFeatures()}, drop=("x",)), "is dropped"),
        (FeatureOptions(drop=("x", "c")), "no column is left"),
        (FeatureOptions(custom=(CustomFeatures(function="a:b", columns=("nope",)),)), "no column 'nope'"),
        (FeatureOptions(custom=(CustomFeatures(function="a:b", columns=("y",)),)), "'y' is the target"),
        (FeatureOptions(custom=(CustomFeatures(function="a:b", columns=()),)), "sees no column"),
        (FeatureOptions(custom=(CustomFeatures(function="no_such_module:b", columns=("x",)),)), "can't be imported"),
        (FeatureOptions(custom=(CustomFeatures(function="json:nope", columns=("x",)),)), "no function 'nope'"),
    ],
)
def test_settings_that_do_not_fit_the_columns_are_refused(make_columns, make_table, options, said) -> None:
    columns = make_columns(x="number", c="category", y="integer")
    table = make_table(columns, {"x": [1.0, 2.0], "c": ["a", "b"], "y": [0, 1]})
    with pytest.raises(SettingsError, match=said):
        fit_features(options, columns, "y", table)


@pytest.mark.parametrize("values", [[None, None], [float("nan"), None]])
def test_a_column_without_any_value_is_refused(make_columns, make_table, values) -> None:
    columns = make_columns(x="number", y="integer")
    with pytest.raises(InputError, match="'x' has no value"):
        fit_features(FeatureOptions(), columns, "y", make_table(columns, {"x": values, "y": [0, 1]}))


@pytest.mark.parametrize("value", [1e308, float("inf")])
def test_numbers_too_large_to_scale_are_refused(make_columns, make_table, value) -> None:
    columns = make_columns(x="number", y="integer")
    with pytest.raises(InputError, match="too large"):
        fit_features(FeatureOptions(), columns, "y", make_table(columns, {"x": [value, -value], "y": [0, 1]}))


def test_too_many_categories_are_refused_with_their_number_and_a_way_out(make_columns, make_table) -> None:
    columns = make_columns(c="category", y="integer")
    table = make_table(columns, {"c": [f"id{number}" for number in range(100_000)], "y": [0] * 100_000})
    with pytest.raises(InputError, match=r"'c' has 100000 categories; 1000 are allowed.*\n.*ordinal") as refused:
        fit_features(FeatureOptions(), columns, "y", table)
    assert refused.value.exit_code == 3
    more = FeatureOptions(columns={"c": ColumnFeatures(max_categories=100_000, encode="ordinal")})
    assert fit_features(more, columns, "y", table).names == ("c",)


def test_a_table_with_missing_or_mistyped_columns_is_refused(make_columns, make_table) -> None:
    columns = make_columns(x="number", c="category")
    table = make_table(columns, {"x": [1.0], "c": ["a"]})
    check_inputs(table, {"x": ColumnType.NUMBER})
    with pytest.raises(InputError, match="'z' is missing"):
        check_inputs(table, {"z": ColumnType.NUMBER})
    with pytest.raises(InputError, match="'x' is of type double; a column of type integer has to be int64"):
        check_inputs(table, {"x": ColumnType.INTEGER})
