"""The intervals and the champion gate keep their promises over many samples with a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelway.evaluate import gates
from modelway.evaluate.compare import contest_of
from modelway.evaluate.measure import Measurement
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.resample import Drawer
from modelway.evaluate.rows import BinaryRows, NumberRows, Problem
from modelway.records.evaluate import ChampionGate

pytestmark = pytest.mark.slow

AUC = METRICS[Problem.BINARY]["roc_auc"]
RMSE = METRICS[Problem.REGRESSION]["rmse"]


def binary(
    random: np.random.Generator, rows: int, strength: float, shared: np.ndarray, target: np.ndarray
) -> BinaryRows:
    """Scores whose true AUC is Φ(strength / √2); half of the noise is shared with another model."""
    noise = (shared + random.normal(size=rows)) / np.sqrt(2)
    score = 1 / (1 + np.exp(-(strength * target + noise)))
    return BinaryRows(target, np.column_stack([1 - score, score]), 0.5)


def true_auc(strength: float) -> float:
    from scipy.stats import norm

    return float(norm.cdf(strength / np.sqrt(2)))


def strength_for(auc: float) -> float:
    from scipy.stats import norm

    return float(np.sqrt(2) * norm.ppf(auc))


@pytest.mark.parametrize("rows", [500, 6000])
def test_interval_of_auc_covers_the_truth(rows: int) -> None:
    random = np.random.default_rng(1)
    hits, runs = 0, 400 if rows == 500 else 200
    for number in range(runs):
        target = random.random(rows) < 0.3
        made = binary(random, rows, 1.5, random.normal(size=rows), target)
        found = Measurement(made, Drawer(300, number).draw(rows, cells=512)).estimate(AUC, 0.95)
        hits += found.low <= true_auc(1.5) <= found.high

    assert 0.91 <= hits / runs <= 0.985


@pytest.mark.parametrize("rows", [500, 6000])
def test_interval_of_rmse_covers_the_truth(rows: int) -> None:
    random = np.random.default_rng(2)
    hits, runs = 0, 400
    for number in range(runs):
        made = NumberRows(random.normal(size=rows), np.zeros(rows))
        found = Measurement(made, Drawer(300, number).draw(rows)).estimate(RMSE, 0.95)
        hits += found.low <= 1 <= found.high

    assert 0.91 <= hits / runs <= 0.985


def passes(difference: float, rows: int, runs: int, seed: int) -> dict[str, float]:
    """How often the champion gate says what, when the true difference in AUC is so great."""
    random = np.random.default_rng(seed)
    champion_strength = 1.5
    strength = strength_for(true_auc(champion_strength) + difference)
    said: dict[str, Any] = {"pass": 0, "inconclusive": 0, "fail": 0}
    for number in range(runs):
        target = random.random(rows) < 0.4
        shared = random.normal(size=rows)
        resamples = Drawer(300, number).draw(rows, cells=512)
        ours = Measurement(binary(random, rows, strength, shared, target), resamples)
        theirs = Measurement(binary(random, rows, champion_strength, shared, target), resamples)
        verdict = gates.judge_champion(ChampionGate(margin=0.02), contest_of(AUC, ours, theirs))
        said[str(verdict.verdict)] += 1
    return {name: count / runs for name, count in said.items()}


@pytest.mark.parametrize("rows", [500, 4000])
def test_champion_gate_errs_as_seldom_as_it_says_at_the_margin(rows: int) -> None:
    said = passes(-0.02, rows, 300, seed=3)

    # 5% each way; three standard errors of 300 runs are 3.8%.
    assert said["pass"] <= 0.09
    assert said["fail"] <= 0.09


def test_champion_gate_decides_where_it_can() -> None:
    assert passes(0.03, 2000, 60, seed=4)["pass"] > 0.95
    assert passes(-0.07, 2000, 60, seed=5)["fail"] > 0.95
