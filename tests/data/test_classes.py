"""Classes as text, the positive one last, and the target as numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelway.data import encode_target
from modelway.data.classes import find_classes
from modelway.errors import InputError, UsageError
from modelway.records.data import Dataset, Duplicates, HashSplit

CASES = {
    "two": ("category", ["b", "a", "b"], None, ("a", "b"), [1, 0, 1]),
    "two with positive": ("category", ["b", "a", "b"], "a", ("b", "a"), [0, 1, 0]),
    "more": ("category", ["c", "a", "b"], None, ("a", "b", "c"), [2, 0, 1]),
    "boolean": ("boolean", [True, False, True], None, ("false", "true"), [1, 0, 1]),
    "boolean with positive": ("boolean", [True, False, True], "false", ("true", "false"), [0, 1, 0]),
    "integer": ("integer", [10, 9, -1], None, ("-1", "9", "10"), [2, 1, 0]),
    "integer with positive": ("integer", [1, 2, 1], "1", ("2", "1"), [1, 0, 1]),
}


def dataset_of(options, classes) -> Dataset:
    return Dataset(
        task=options.task,
        target="y",
        classes=classes,
        columns=options.columns,
        split=HashSplit(),
        rows={},
        duplicates=Duplicates(rows=0),
        profile=(),
        source={},
    )


@pytest.mark.parametrize("name", CASES)
def test_classes_and_codes(make_options, name):
    kind, values, positive, classes, codes = CASES[name]
    options = make_options(columns={"y": {"type": kind}}, positive=positive)
    table = pa.table({"y": values})
    assert find_classes(options, table["y"]) == classes
    encoded = encode_target(dataset_of(options, classes), table)
    assert encoded.dtype == np.int64
    assert encoded.tolist() == codes


def test_regression_has_no_classes_and_keeps_its_numbers(make_options):
    options = make_options(task="regression", columns={"y": {"type": "integer"}})
    table = pa.table({"y": [3, 1]})
    assert find_classes(options, table["y"]) == ()
    encoded = encode_target(dataset_of(options, ()), table)
    assert (encoded.dtype, encoded.tolist()) == (np.float64, [3.0, 1.0])


def test_one_class_is_refused(make_options):
    with pytest.raises(InputError, match="every row is of class 'a'") as error:
        find_classes(make_options(), pa.chunked_array([["a", "a"]]))
    assert "column 'y'" in error.value.where


@pytest.mark.parametrize(("values", "positive"), [(["a", "b"], "c"), (["a", "b", "c"], "a")])
def test_a_positive_class_that_is_none_of_two_is_wrong_usage(make_options, values, positive):
    with pytest.raises(UsageError, match="the classes are 'a', 'b'") as error:
        find_classes(make_options(positive=positive), pa.chunked_array([values]))
    assert error.value.where == "prepare.positive"


@pytest.mark.parametrize(("value", "what"), [("z", "'z' is unknown"), (None, "missing")])
def test_a_class_unknown_to_training_is_refused(make_options, value, what):
    dataset = dataset_of(make_options(), ("a", "b"))
    with pytest.raises(InputError, match=what) as error:
        encode_target(dataset, pa.table({"y": pa.array(["a", value])}))
    assert error.value.where == "row 2, column 'y'"


def test_a_missing_number_is_refused(make_options):
    options = make_options(task="regression", columns={"y": {"type": "number"}})
    with pytest.raises(InputError, match="missing"):
        encode_target(dataset_of(options, ()), pa.table({"y": [1.0, None]}))
