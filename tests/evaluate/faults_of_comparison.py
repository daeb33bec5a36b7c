"""Fault cases of the comparison with the champion and of the bounds, through the whole stage."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelway.records.evaluate import Scores

from . import fault_table as t
from . import world as w

case = t.case
PASS, FAIL, INCONCLUSIVE, ERROR = t.PASS, t.FAIL, t.INCONCLUSIVE, t.ERROR


@case
def good_model_passes(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    target = world[2]
    gates = {"minimum": {"roc_auc": 0.8}, "maximum": {"brier": 0.3}, "champion": {"margin": 0.05}}
    good, rival = w.binary_scores(target, 2.0), w.binary_scores(target, 1.9, seed=8)
    found = w.run(room, world, good, rival, gates=gates, sensitive=("sex",))
    names = ["scores", "minimum.roc_auc", "maximum.brier", "champion"]
    names += [f"bias.sex.{name}" for name in ("demographic_parity", "equalized_odds", "worst_group")]
    return [
        ([verdict.gate for verdict in found.gates], [*names, "trivial", "leakage"]),
        ({str(verdict.verdict) for verdict in found.gates}, {PASS}),
        (str(found.verdict), PASS),
    ]


@case
def worse_model_and_swapped_arms(room: Any) -> list[tuple[Any, Any]]:
    pairs = []
    for primary in ("roc_auc", "log_loss"):
        world = w.binary_world()
        good, bad = w.binary_scores(world[2], 2.0), w.binary_scores(world[2], 0.7)
        forth = w.run(room, world, good, bad, primary=primary)
        back = w.run(room, world, bad, good, primary=primary)
        pairs += [
            (w.verdict_of(forth, "champion"), PASS),
            (str(forth.verdict), PASS),
            (w.verdict_of(back, "champion"), FAIL),
            (str(back.verdict), FAIL),
            (forth.comparison.difference.value > 0 > back.comparison.difference.value, True),
            (forth.comparison.candidate == back.comparison.champion == forth.metrics[primary].value, True),
        ]
    world = w.number_world()
    good, bad = w.number_scores(world[2], 0.2), w.number_scores(world[2], 0.8)
    pairs.append((w.verdict_of(w.run(room, world, good, bad), "champion"), PASS))
    pairs.append((w.verdict_of(w.run(room, world, bad, good), "champion"), FAIL))
    return pairs


@case
def model_against_itself(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    scores = w.binary_scores(world[2], 2.0)
    found = w.run(room, world, scores, scores, champion_digest="candidate")
    missing = w.run(room, world, scores, None, champion_digest="candidate")
    return [
        (w.verdict_of(found, "champion"), INCONCLUSIVE),
        (found.comparison.same_model, True),
        (str(found.verdict), INCONCLUSIVE),
        (w.verdict_of(missing, "champion"), INCONCLUSIVE),
    ]


@case
def baseline_copied_from_candidate(room: Any) -> list[tuple[Any, Any]]:
    pairs = []
    world = w.binary_world()
    scores = w.binary_scores(world[2], 2.0)
    positive = scores.probability[:, 1]
    for copy in (positive, positive + 1e-13, positive**2):  # the last ranks the rows alike
        found = w.run(room, world, scores, w.probabilities(copy))
        pairs += [(w.verdict_of(found, "champion"), INCONCLUSIVE), (str(found.verdict), INCONCLUSIVE)]
    world = w.number_world()
    number = w.number_scores(world[2], 0.3)
    found = w.run(room, world, number, Scores(number.prediction * (1 + 1e-13)))
    pairs += [(w.verdict_of(found, "champion"), INCONCLUSIVE), ("identical" in found.gates[1].reason, True)]
    return pairs


@case
def first_model(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    scores = w.binary_scores(world[2], 2.0)
    allowed = w.run(room, world, scores)
    refused = w.run(room, world, scores, gates={"champion": {"first_model": "refuse"}})
    return [
        (w.verdict_of(allowed, "champion"), "inconclusive waived"),
        (str(allowed.verdict), PASS),
        (w.verdict_of(refused, "champion"), INCONCLUSIVE),
        (str(refused.verdict), INCONCLUSIVE),
        (allowed.comparison, None),
    ]


@case
def champion_scores_that_are_none(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    scores, other = w.binary_scores(world[2], 2.0), w.binary_scores(world[2], 0.7)
    torn = other.probability.copy()
    torn[7] = np.nan
    champions = {
        "NaN": (Scores(other.prediction, torn), "champion"),
        "short": (Scores(other.prediction[:-1], other.probability[:-1]), "champion"),
        "absent": (None, "champion"),
        "unnamed": (other, None),
    }
    found = [w.run(room, world, scores, theirs, champion_digest=digest) for theirs, digest in champions.values()]
    return [(w.verdict_of(evaluation, "champion"), ERROR) for evaluation in found] + [
        (str(evaluation.verdict), ERROR) for evaluation in found
    ]


@case
def metric_missing(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    scores = w.binary_scores(world[2], 2.0)
    gates = {"minimum": {"f1": 0.0}, "maximum": {"brier": 1.0}}
    found = w.run(room, world, scores, metrics=("accuracy",), gates=gates)
    return [
        (list(found.metrics), ["accuracy", "roc_auc"]),
        (w.verdict_of(found, "minimum.f1"), ERROR),
        (w.verdict_of(found, "maximum.brier"), ERROR),
        (str(found.verdict), ERROR),
    ]


@case
def one_class_only(room: Any) -> list[tuple[Any, Any]]:
    dataset, table, target = w.binary_world()
    scores = w.binary_scores(target, 2.0)
    found = w.run(room, (dataset, table, np.zeros_like(target)), scores, gates={"minimum": {"roc_auc": 0.0}})
    return [
        (w.verdict_of(found, "minimum.roc_auc"), ERROR),
        (w.verdict_of(found, "trivial"), INCONCLUSIVE),
        (w.verdict_of(found, "leakage"), INCONCLUSIVE),
        (found.metrics["roc_auc"].value, None),
    ]
