"""The sample data set tells the truth that its documentation promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelway.data import prepare_data
from modelway.data.sample import (
    COEFFICIENTS,
    CONCEPT_COEFFICIENTS,
    DRIFTED_MISSING_RATE,
    FLIPPED_SLICE,
    MISSING_RATES,
    Drift,
    make_loans,
    true_features,
    write_sample,
)
from modelway.errors import UsageError

ROWS = 60_000


def complete(loans: dict[str, Any]) -> dict[str, Any]:
    """The loans without a missing value, numbers as numbers."""
    whole = (loans["employment"] != "") & (loans["credit_history_years"] != "")
    kept = {name: values[whole] for name, values in loans.items()}
    return kept | {"credit_history_years": kept["credit_history_years"].astype(float)}


def recover(loans: dict[str, Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Maximum-likelihood coefficients (Newton's method) and their standard errors."""
    loans = complete(loans)
    features = true_features(loans) | {"group=b": loans["group"] == "b"}
    features = {name: values for name, values in features.items() if np.ptp(values.astype(float)) > 0}
    features = {"intercept": np.ones(len(loans["age"]))} | features
    matrix = np.column_stack(list(features.values())).astype(float)
    labels = loans["defaulted"] == "yes"
    weights = np.zeros(matrix.shape[1])
    for _ in range(12):
        chance = 1 / (1 + np.exp(-matrix @ weights))
        information = (matrix * (chance * (1 - chance))[:, None]).T @ matrix
        weights += np.linalg.solve(information, matrix.T @ (labels - chance))
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return dict(zip(features, weights, strict=True)), dict(zip(features, errors, strict=True))


def assert_truth(loans: dict[str, Any], truth: dict[str, float]) -> None:
    found, errors = recover(loans)
    for name, value in truth.items():
        assert abs(found[name] - value) < 4 * errors[name], name
        assert errors[name] < 0.1


def rate(loans: dict[str, Any], chosen: Any = slice(None)) -> float:
    return float((loans["defaulted"][chosen] == "yes").mean())


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return make_loans(ROWS, 1)


def test_a_logistic_regression_recovers_the_coefficients_and_no_effect_of_the_group(plain):
    assert_truth(plain, COEFFICIENTS | {"group=b": 0.0})


def test_bias_is_the_effect_of_the_group():
    loans = make_loans(ROWS, 1, bias=0.8)
    assert_truth(loans, COEFFICIENTS | {"group=b": 0.8})
    assert rate(loans, loans["group"] == "b") > rate(loans, loans["group"] == "a") + 0.08


def test_without_bias_the_groups_have_equal_rates(plain):
    assert rate(plain, plain["group"] == "b") == pytest.approx(rate(plain, plain["group"] == "a"), abs=0.015)


def test_covariate_drift_moves_inputs_and_not_the_truth(plain):
    drifted = make_loans(ROWS, 1, Drift.COVARIATE)
    assert_truth(drifted, COEFFICIENTS)
    assert drifted["income"].mean() < 0.8 * plain["income"].mean()
    assert drifted["age"].mean() < plain["age"].mean() - 5
    assert min(drifted["applied_on"]) > max(plain["applied_on"])


def test_concept_drift_moves_the_truth_and_no_input(plain):
    drifted = make_loans(ROWS, 1, Drift.CONCEPT)
    assert_truth(drifted, CONCEPT_COEFFICIENTS)
    assert all((drifted[name] == plain[name]).all() for name in plain if name != "defaulted")


def test_missing_drift_only_takes_values_away(plain):
    drifted = make_loans(ROWS, 1, Drift.MISSING)
    for name, values in plain.items():
        if name in MISSING_RATES:
            assert (values == "").mean() == pytest.approx(MISSING_RATES[name], abs=0.005)
            assert (drifted[name] == "").mean() == pytest.approx(DRIFTED_MISSING_RATE, abs=0.01)
            assert set(drifted[name][drifted[name] != values].tolist()) == {""}
        else:
            assert (drifted[name] == values).all()


def test_slice_drift_turns_the_effects_round_in_one_slice_alone(plain):
    drifted = make_loans(ROWS, 1, Drift.SLICE)
    column, value = FLIPPED_SLICE
    inside = drifted[column] == value
    assert (drifted["defaulted"] == plain["defaulted"])[~inside].all()
    found, errors = recover({name: values[inside] for name, values in drifted.items()})
    for name in ("log_income", "late_payments", "amount_to_income"):
        assert abs(found[name] + COEFFICIENTS[name]) < 4 * errors[name]
    assert all((drifted[name] == plain[name]).all() for name in plain if name != "defaulted")


def test_label_noise_turns_so_many_labels_round(plain):
    noisy = make_loans(ROWS, 1, label_noise=0.1)
    assert (noisy["defaulted"] != plain["defaulted"]).mean() == pytest.approx(0.1, abs=0.005)
    assert all((noisy[name] == plain[name]).all() for name in plain if name != "defaulted")


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    one, two, other = (write_sample(tmp_path / name, 50, seed) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    assert one.name == "loans.csv"
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_the_file_is_ready_to_prepare(tmp_path, make_options):
    path = write_sample(tmp_path)
    nothing_missing = {"nullable": False}
    columns: dict[str, Any] = {
        "applied_on": {"type": "date"},
        "note": {"type": "text"},
        "credit_history_years": {"type": "number", "nullable": True},
        "employment": {"type": "category", "nullable": True},
    }
    columns |= {name: {"type": "integer"} for name in ("age", "income", "amount", "term_months", "late_payments")}
    columns |= {name: {"type": "category"} | nothing_missing for name in ("purpose", "home", "group", "defaulted")}
    options = make_options(target="defaulted", columns=columns, data={"uri": path.name}, ignore=[])
    prepared = prepare_data(options, tmp_path, tmp_path)
    assert sum(prepared.dataset.rows.values()) == 5000
    assert prepared.dataset.classes == ("no", "yes")
    assert 0.2 < prepared.dataset.target_rates["yes"] < 0.35
    assert {item.name for item in prepared.dataset.profile if item.missing} == {
        name for name, rate in MISSING_RATES.items() if rate
    }


@pytest.mark.parametrize("changes", [{"rows": 0}, {"seed": -1}, {"label_noise": 1.5}, {"drift": "sideways"}])
def test_arguments_out_of_range_are_wrong_usage(tmp_path, changes):
    with pytest.raises(UsageError):
        write_sample(tmp_path, **changes)
    assert list(tmp_path.iterdir()) == []
