from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from modelway.bundle import Model, load_model
from modelway.errors import InputError
from modelway.records.evaluate import Scores


@pytest.fixture
def model(fit_one):
    def model(data: str, kind: str = "boosted_trees", **options) -> Model:
        fitted = fit_one(data, kind, **options)
        return Model(fitted.info, fitted.spec, fitted.estimator)

    return model


@pytest.mark.parametrize("kind", ["linear", "boosted_trees"])
@pytest.mark.parametrize(("data", "classes"), [("binary", 2), ("three", 3)])
def test_probabilities_have_a_column_a_class_and_sum_to_one(known, model, data, classes, kind) -> None:
    scores: Scores = model(data, kind).predict(known[data].table)
    assert scores.probability.shape == (1200, classes)
    np.testing.assert_allclose(scores.probability.sum(axis=1), 1, rtol=1e-6)
    assert scores.prediction.dtype == np.int64
    np.testing.assert_array_equal(scores.prediction, scores.probability.argmax(axis=1))
    assert np.mean(scores.prediction == known[data].y) > 0.6


def test_the_threshold_decides_between_two_classes(known, model) -> None:
    fitted, table = model("binary"), known["binary"].table
    positive = fitted.predict(table).probability[:, 1]
    limit = float(np.sort(positive)[100])
    np.testing.assert_array_equal(fitted.predict(table, threshold=limit).prediction, positive >= limit)


def test_regression_gives_the_targets_units_back(known, model) -> None:
    scores = model("regression").predict(known["regression"].table)
    assert scores.probability is None
    assert scores.prediction.shape == (1200,)
    assert np.corrcoef(scores.prediction, known["regression"].y)[0, 1] > 0.9


@pytest.mark.parametrize("kind", ["linear", "boosted_trees"])
def test_a_logarithm_of_the_target_is_turned_back(known, kind) -> None:
    from modelway.records.fit import BoostedTreesOptions, FitOptions, LinearOptions
    from modelway.train import fit_model

    dataset, train, validation, y_train, y_validation = known["regression"].parts()
    options = FitOptions(
        target_transform="log1p",
        estimator=BoostedTreesOptions(epochs=40)
        if kind == "boosted_trees"
        else LinearOptions(kind="linear", epochs=20, learning_rate=0.02),
    )
    fitted = fit_model(options, dataset, train, validation, np.expm1(y_train + 20), np.expm1(y_validation + 20))
    scores = Model(fitted.info, fitted.spec, fitted.estimator).predict(validation)
    assert np.square(np.log1p(scores.prediction) - (y_validation + 20)).mean() < 0.3


@pytest.mark.parametrize("kind", ["linear", "neural_network", "boosted_trees"])
def test_one_row_scores_as_among_many(known, model, kind) -> None:
    fitted, table = model("binary", kind), known["binary"].table
    many = fitted.predict(table).probability
    for row in (0, 7, 1199):
        np.testing.assert_allclose(fitted.predict(table.slice(row, 1)).probability[0], many[row], rtol=1e-6)


def test_rows_are_scored_in_parts_that_leave_no_trace(known, model, monkeypatch) -> None:
    fitted, table = model("three"), known["three"].table
    whole = fitted.predict(table)
    monkeypatch.setattr("modelway.bundle.model.CHUNK_BYTES", 1)
    assert fitted.predict(table).probability.tobytes() == whole.probability.tobytes()


def test_no_rows_give_no_scores(known, model) -> None:
    assert model("binary").predict(known["binary"].table.slice(0, 0)).probability.shape == (0, 2)
    assert model("regression").predict(known["regression"].table.slice(0, 0)).prediction.shape == (0,)


def test_other_columns_and_missing_values_are_no_matter(known, model) -> None:
    table = known["binary"].table
    gaps = pa.table({name: pa.nulls(2, table.schema.field(name).type) for name in table.column_names} | {"new": [1, 2]})
    assert model("binary").predict(gaps).probability.shape == (2, 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop_columns(["x0"]), "'x0' is missing"),
        (lambda table: table.append_column("x0", table["x0"]), "'x0' is there 2 times"),
        (lambda table: table.set_column(0, "x0", table["x0"].cast("float32")), "'x0' is of type float"),
        (lambda table: table.set_column(0, "x0", pa.array([1e300] * table.num_rows)), "'x0' is infinite in row 0"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(known, model, change, said) -> None:
    with pytest.raises(InputError, match=said):
        model("binary").predict(change(known["binary"].table))


def test_a_class_that_training_lacks_has_probability_zero(known, model) -> None:
    from sklearn.linear_model import LogisticRegression

    fitted = model("three")
    matrix = np.random.default_rng(0).normal(size=(20, len(fitted.spec.names)))
    lacking = LogisticRegression().fit(matrix, [0, 2] * 10)
    probability = Model(fitted.info, fitted.spec, lacking).predict(known["three"].table).probability
    assert not probability[:, 1].any()
    np.testing.assert_allclose(probability.sum(axis=1), 1)


def test_a_saved_model_keeps_its_transform(known, fit_one, save) -> None:
    from modelway.records.fit import ModelInfo

    fitted = fit_one("regression", "linear")
    directory = save(fitted)
    plain = load_model(directory).predict(known["regression"].table).prediction
    info = fitted.info.model_copy(update={"target_transform": "log1p"})
    (directory / "model.json").write_text(ModelInfo.to_json(info))
    np.testing.assert_array_equal(load_model(directory).predict(known["regression"].table).prediction, np.expm1(plain))
