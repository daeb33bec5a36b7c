from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from modelway.errors import InputError
from modelway.features import apply_features, fit_features, source_columns
from modelway.features import text as text_module
from modelway.features.text import count_hashed
from modelway.records.features import FeatureSpec
from modelway.records.fit import ColumnFeatures, DatePart, FeatureOptions


def _options(**columns: ColumnFeatures) -> FeatureOptions:
    return FeatureOptions(columns=columns)


@pytest.mark.parametrize(
    "options",
    [
        FeatureOptions(),
        FeatureOptions(
            drop=("sex",),
            columns={
                "since": ColumnFeatures(parts=tuple(DatePart), cyclic=True),
                "note": ColumnFeatures(hash_size=16, ngrams=2),
                "age": ColumnFeatures(scale="minmax", impute="mean"),
                "capital_gain": ColumnFeatures(impute="keep"),
                "education": ColumnFeatures(encode="ordinal", indicator=True),
            },
        ),
    ],
    ids=["defaults", "every-option"],
)
def test_rows_one_by_one_give_the_bits_of_the_whole_table_after_saving(income, options) -> None:
    columns, table = income
    spec = fit_features(options, columns, "income", table)
    loaded = FeatureSpec.from_json(spec.to_json())
    assert loaded == spec
    whole = apply_features(spec, table)
    assert whole.dtype == np.float32
    assert whole.flags.c_contiguous
    assert whole.shape == (table.num_rows, len(spec.names)) == (2000, len(source_columns(spec)))
    assert len(set(spec.names)) == len(spec.names)
    one_by_one = np.vstack([apply_features(loaded, table.slice(row, 1)) for row in range(0, 2000, 7)])
    assert one_by_one.tobytes() == whole[::7].tobytes()
    halves = pa.concat_tables([table.slice(0, 999), table.slice(999)])
    assert apply_features(loaded, halves).tobytes() == whole.tobytes()


def test_chunks_of_the_table_do_not_change_what_is_learned(income) -> None:
    columns, table = income
    pieces = pa.concat_tables([table.slice(start, 130) for start in range(0, 2000, 130)])
    assert fit_features(FeatureOptions(), columns, "income", pieces) == fit_features(
        FeatureOptions(), columns, "income", table
    )


def test_numbers_are_imputed_with_the_median_and_scaled_by_what_was_seen(make_columns, make_table) -> None:
    columns = make_columns(x="number", y="integer")
    table = make_table(columns, {"x": [1.0, 3.0, None, 8.0, float("nan")], "y": [0] * 5})
    spec = fit_features(FeatureOptions(), columns, "y", table)
    seen = np.array([1.0, 3.0, 8.0])
    values = np.array([1, 3, 3, 8, 3])
    expected = np.column_stack([(values - seen.mean()) / seen.std(), [0, 0, 1, 0, 1]]).astype(np.float32)
    assert spec.names == ("x", "x is missing")
    np.testing.assert_array_equal(apply_features(spec, table), expected)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (ColumnFeatures(impute="zero", scale="none"), [1, 3, 0, 8]),
        (ColumnFeatures(impute="mean", scale="none"), [1, 3, 4, 8]),
        (ColumnFeatures(impute="keep", scale="none"), [1, 3, math.nan, 8]),
        (ColumnFeatures(impute="zero", scale="minmax"), [0, 2 / 7, -1 / 7, 1]),
    ],
)
def test_imputing_and_scaling_do_as_they_are_told(make_columns, make_table, options, expected) -> None:
    columns = make_columns(x="integer", y="integer")
    table = make_table(columns, {"x": [1, 3, None, 8], "y": [0] * 4})
    spec = fit_features(_options(x=options), columns, "y", table)
    np.testing.assert_array_equal(apply_features(spec, table)[:, 0], np.array(expected, np.float32))
    assert ("x is missing" in spec.names) == (options.impute != "keep")


def test_a_constant_column_becomes_zero(make_columns, make_table) -> None:
    columns = make_columns(x="number", y="integer")
    table = make_table(columns, {"x": [0.1] * 3, "y": [0, 1, 0]})
    spec = fit_features(FeatureOptions(), columns, "y", table)
    assert apply_features(spec, table).tolist() == [[0]] * 3


def test_a_value_missing_only_when_serving_takes_the_median(make_columns, make_table) -> None:
    columns = make_columns(n="number", i="integer", b="boolean", c="category", d="date", t="text", y="integer")
    day = [datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 6, 1, tzinfo=UTC), datetime(2020, 5, 2, tzinfo=UTC)]
    full = {"n": [1.0, 2.0, 9.0], "i": [1, 5, 6], "b": [True, False, True], "c": ["u", "v", "u"], "d": day}
    table = make_table(columns, full | {"t": ["a b", "c", "a"], "y": [0, 1, 0]})
    spec = fit_features(FeatureOptions(), columns, "y", table)
    assert not any("missing" in name for name in spec.names)
    gap = make_table(columns, {name: [None] for name in "nibcdt"})
    row = dict(zip(spec.names, apply_features(spec, gap)[0].tolist(), strict=True))
    assert row["n"] == np.float32((2 - 4) / np.std([1, 2, 9]))
    assert row["i"] == np.float32((5 - 4) / np.std([1, 5, 6]))
    others = {name: value for name, value in row.items() if name not in "ni"}
    assert others == dict.fromkeys(others, 0.0)


def test_an_unseen_category_is_a_row_of_zeros_or_minus_one(make_columns, make_table) -> None:
    columns = make_columns(c="category", o="category", y="integer")
    table = make_table(columns, {"c": ["b", "a", None], "o": ["q", "p", "q"], "y": [0, 1, 0]})
    spec = fit_features(_options(o=ColumnFeatures(encode="ordinal")), columns, "y", table)
    assert spec.names == ("c=a", "c=b", "c is missing", "o")
    new = make_table(columns, {"c": ["zzz", "a", None], "o": ["zzz", "q", None]})
    assert apply_features(spec, new).tolist() == [[0, 0, 0, -1], [1, 0, 0, 1], [0, 0, 1, -1]]


def test_rare_categories_count_as_unseen(make_columns, make_table) -> None:
    columns = make_columns(c="category", y="integer")
    table = make_table(columns, {"c": ["b", "a", "b"], "y": [0, 1, 0]})
    spec = fit_features(_options(c=ColumnFeatures(min_count=2)), columns, "y", table)
    assert spec.names == ("c=b",)


FAR_APART = [
    datetime(1969, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2000, 2, 29, 5, tzinfo=UTC),
    datetime(2024, 12, 31, tzinfo=UTC),
    datetime(1899, 3, 1, 12, tzinfo=UTC),
]
CLOSE_TOGETHER = [datetime(2023, 12, 30, tzinfo=UTC) + timedelta(hours=7 * (step * 29 % 37)) for step in range(37)]


@pytest.mark.parametrize("days", [FAR_APART, CLOSE_TOGETHER], ids=["far apart", "close together"])
def test_parts_of_a_date_are_those_of_the_calendar(make_columns, make_table, days) -> None:
    columns = make_columns(d="date", y="integer")
    table = make_table(columns, {"d": days, "y": [0] * len(days)})
    spec = fit_features(_options(d=ColumnFeatures(parts=tuple(DatePart))), columns, "y", table)
    (feature,) = spec.features
    numbers = apply_features(spec, table) * np.array(feature.divisor) + np.array(feature.center)
    expected = [
        [d.year, d.month, d.day, d.weekday(), d.timetuple().tm_yday, d.hour, (d - min(days)).total_seconds() / 86400]
        for d in days
    ]
    np.testing.assert_allclose(numbers, expected, rtol=1e-6, atol=1e-2)


def test_cyclic_parts_lie_on_a_circle(make_columns, make_table) -> None:
    columns = make_columns(d="date", y="integer")
    days = [datetime(2024, month, 1, tzinfo=UTC) for month in (1, 4, 7, 10)]
    table = make_table(columns, {"d": days, "y": [0] * 4})
    spec = fit_features(_options(d=ColumnFeatures(parts=(DatePart.MONTH,), cyclic=True)), columns, "y", table)
    assert spec.names == ("d.month.sin", "d.month.cos")
    (feature,) = spec.features
    numbers = apply_features(spec, table) * np.array(feature.divisor) + np.array(feature.center)
    np.testing.assert_allclose(numbers, [[0, 1], [1, 0], [0, -1], [-1, 0]], atol=1e-6)


def test_texts_are_counts_of_hashed_words_of_length_one(make_columns, make_table) -> None:
    import zlib

    columns = make_columns(t="text", y="integer")
    table = make_table(columns, {"t": ["Red red, fish", "", "?"], "y": [0] * 3})
    spec = fit_features(_options(t=ColumnFeatures(hash_size=97, ngrams=2)), columns, "y", table)
    expected = np.zeros(97)
    for run, count in {"red": 2, "fish": 1, "red red": 1, "red fish": 1}.items():
        expected[zlib.crc32(run.encode()) % 97] += count
    matrix = apply_features(spec, table)
    np.testing.assert_allclose(matrix[0], expected / np.linalg.norm(expected), rtol=1e-6)
    assert not matrix[1:].any()


def test_a_number_beyond_float32_is_refused_with_row_and_feature(make_columns, make_table) -> None:
    columns = make_columns(x="number", y="integer")
    spec = fit_features(FeatureOptions(), columns, "y", make_table(columns, {"x": [1.0, 2.0], "y": [0, 1]}))
    with pytest.raises(InputError, match=r"'x' is infinite in row 2"):
        apply_features(spec, make_table(columns, {"x": [0.0, 1.0, 1e300]}))


def test_no_rows_give_an_empty_matrix(income) -> None:
    columns, table = income
    spec = fit_features(FeatureOptions(), columns, "income", table)
    assert apply_features(spec, table.slice(0, 0)).shape == (0, len(spec.names))


@pytest.mark.parametrize("ngrams", [1, 2, 3, 5])
@pytest.mark.parametrize("piece", [1, 2, 7, 64])
def test_count_hashed_is_the_same_however_a_text_is_cut(monkeypatch, ngrams: int, piece: int) -> None:
    words = ["a", "İstanbul", "naïve_word", "x" * 100, "7", "b"] * 5
    text = " -- ".join(words) + "\n"
    lowered = re.findall(r"\w+", text.lower())
    runs = [" ".join(lowered[i : i + n]) for n in range(1, ngrams + 1) for i in range(len(lowered) - n + 1)]
    monkeypatch.setattr(text_module, "_PIECE", piece)
    assert count_hashed(text, 1 << 20, ngrams) == Counter(zlib.crc32(run.encode()) % (1 << 20) for run in runs)
    assert count_hashed("", 8, ngrams) == count_hashed(" \n-", 8, ngrams) == Counter()


@pytest.mark.parametrize("column", ["city", "note"])
def test_a_dictionary_of_text_gives_the_same_features(column):
    from modelway.features import check_inputs
    from modelway.records.data import ColumnType
    from modelway.records.features import CategoryFeature, TextFeature

    texts = pa.array(["a b", None, "b", "a b", "never seen", "c c a", None, ""] * 40)
    table = pa.table({"city": texts, "note": texts})
    spec = FeatureSpec(
        features=(
            CategoryFeature(kind="category", column="city", encode="onehot", categories=("a b", "b"), indicator=True),
            TextFeature(kind="text", column="note", hash_size=8, ngrams=2, indicator=True),
        ),
        names=tuple(f"f{number}" for number in range(12)),
    )
    at = table.schema.get_field_index(column)
    coded = table.set_column(at, column, table.column(column).dictionary_encode())
    check_inputs(coded, {"city": ColumnType.CATEGORY, "note": ColumnType.TEXT})
    assert (apply_features(spec, coded) == apply_features(spec, table)).all()
