from __future__ import annotations

import sys

import numpy as np
import pytest

from modelway.errors import InputError, ModelwayError, SettingsError
from modelway.features import apply_features, fit_features
from modelway.records.fit import CustomFeatures, FeatureOptions

_MODULE = """
import numpy as np

def ratio(table):
    x, z = table["x"].to_numpy(), table["z"].to_numpy()
    return np.column_stack([x / z, x * z])

def flat(table): return table["x"].to_numpy()
def short(table): return np.zeros((1, 2))
def words(table): return np.array([["a"]] * table.num_rows)
def broken(table): raise KeyError("oh")
def gap(table): return np.full((table.num_rows, 1), np.nan)
def centred(table):
    x = table["x"].to_numpy()
    return (x - x.mean())[:, None]
def grows(table): return np.ones((table.num_rows, 1 if table["x"][0].as_py() < 100 else 2))
"""


@pytest.fixture
def columns_and_table(make_columns, make_table, tmp_path, monkeypatch):
    (tmp_path / "my_features.py").write_text(_MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_features", raising=False)
    columns = make_columns(x="number", z="number", y="integer")
    return columns, make_table(columns, {"x": [1.0, 2.0, 6.0], "z": [2.0, 4.0, 3.0], "y": [0, 1, 0]})


def _options(function: str) -> FeatureOptions:
    return FeatureOptions(drop=("z",), custom=(CustomFeatures(function=f"my_features:{function}", columns=("x", "z")),))


def test_the_users_function_adds_features_from_dropped_columns_too(columns_and_table) -> None:
    columns, table = columns_and_table
    spec = fit_features(_options("ratio"), columns, "y", table)
    assert spec.names == ("x", "my_features:ratio[0]", "my_features:ratio[1]")
    np.testing.assert_array_equal(apply_features(spec, table)[:, 1:], [[0.5, 2], [0.5, 8], [2, 18]])


@pytest.mark.parametrize(
    ("function", "kind", "said"),
    [
        ("flat", SettingsError, r"shape \(3,\); \(3, features\) is wanted"),
        ("short", SettingsError, r"shape \(1, 2\)"),
        ("words", SettingsError, "numbers are wanted"),
        ("broken", InputError, "raised KeyError: 'oh'"),
        ("gap", InputError, "NaN or infinity"),
        ("centred", SettingsError, "alone than among other rows"),
    ],
)
def test_a_function_that_gives_no_features_is_refused(columns_and_table, function, kind, said) -> None:
    columns, table = columns_and_table
    with pytest.raises(ModelwayError, match=said) as refused:
        fit_features(_options(function), columns, "y", table)
    assert isinstance(refused.value, kind)
    assert refused.value.where == f"my_features:{function}"


def test_another_number_of_features_than_when_fitted_is_refused(columns_and_table, make_table) -> None:
    columns, table = columns_and_table
    spec = fit_features(_options("grows"), columns, "y", table)
    with pytest.raises(SettingsError, match=r"shape \(1, 2\); \(1, 1\) is wanted"):
        apply_features(spec, make_table(columns, {"x": [100.0], "z": [1.0]}))
