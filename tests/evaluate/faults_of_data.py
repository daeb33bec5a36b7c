"""Fault cases of predictors, columns, groups and scores, through the whole stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from modelway.records.evaluate import Scores

from . import fault_table as t
from . import world as w

case = t.case
PASS, FAIL, INCONCLUSIVE, ERROR = t.PASS, t.FAIL, t.INCONCLUSIVE, t.ERROR


@case
def constant_and_useless_predictors(room: Any) -> list[tuple[Any, Any]]:
    world, numbers = w.binary_world(), w.number_world()
    rows = len(world[2])
    reversed_scores = w.probabilities(1 - w.binary_scores(world[2], 2.0).probability[:, 1])
    constant = w.run(room, world, w.probabilities(np.full(rows, 0.3)))
    noise = w.run(room, world, w.probabilities(np.random.default_rng(9).random(rows)))
    # Better than the training rows' mean, but still the same of every row.
    mean = w.run(room, numbers, Scores(np.full(rows, numbers[2].mean())))
    unknown = w.run(
        room, (world[0].model_copy(update={"target_rates": {}}), *world[1:]), w.binary_scores(world[2], 2.0)
    )
    return [
        (w.verdict_of(constant, "trivial"), FAIL),
        (str(constant.verdict), FAIL),
        (w.verdict_of(noise, "trivial"), INCONCLUSIVE),
        (w.verdict_of(w.run(room, world, reversed_scores), "trivial"), FAIL),
        (w.verdict_of(mean, "trivial"), FAIL),
        (w.verdict_of(unknown, "trivial"), INCONCLUSIVE),
    ]


@case
def leaking_columns(room: Any) -> list[tuple[Any, Any]]:
    target = w.binary_target()
    random = np.random.default_rng(10)
    number = random.normal(size=len(target))
    third = random.random(len(target)) < 0.33
    columns = {
        "copied": pa.array(target * 2.0 + 1),
        "reversed": pa.array(-100.0 * target + number),
        "gaps": pa.array(-100.0 * target + number, mask=third),
        "inside": pa.array(
            np.where(target == 1, 5.0, 10.0) * np.where(third, 1, -1)
        ),  # no order, but two values a class
        "word": pa.array(np.where(target == 1, "paid", "due")),
        "flag": pa.array(target == 1),
        "blank": pa.array(number, mask=target == 1),
        "empty": pa.array(np.full(len(target), "z"), mask=target == 1),
        "day": pa.array(10**15 * target + random.integers(0, 10**6, len(target))).cast(pa.timestamp("us", "UTC")),
    }
    pairs = []
    for name, values in columns.items():
        world = w.binary_world(**{name: values})
        found = w.run(room, world, w.binary_scores(target, 2.0))
        pairs += [
            (w.verdict_of(found, "leakage"), FAIL),
            (found.leaks[0].column, name),
            (str(found.verdict), FAIL),
            (w.verdict_of(w.run(room, world, w.binary_scores(target, 2.0), inputs=("x", "y")), "leakage"), PASS),
        ]
    numbers = w.number_world()
    for values in (numbers[2], 2 * numbers[2] + 1, -np.log(numbers[2])):
        world = w.number_world(other=pa.array(values))
        pairs.append((w.verdict_of(w.run(room, world, w.number_scores(world[2], 0.3)), "leakage"), FAIL))
    return pairs


@case
def harmless_columns(room: Any) -> list[tuple[Any, Any]]:
    target = w.binary_target()
    names = pa.array([f"id{number}" for number in range(len(target))])
    one = pa.array(["same"] * len(target))
    world = w.binary_world(name=names, one=one)
    numbers = w.number_world(name=names, one=one)
    noisy = w.binary_world(x=pa.array(target + np.random.default_rng(11).normal(size=len(target))))
    return [
        (w.verdict_of(w.run(room, world, w.binary_scores(target, 2.0)), "leakage"), PASS),
        (w.verdict_of(w.run(room, numbers, w.number_scores(numbers[2], 0.3)), "leakage"), PASS),
        (w.verdict_of(w.run(room, noisy, w.binary_scores(target, 2.0)), "leakage"), PASS),
        (w.verdict_of(w.run(room, world, w.binary_scores(target, 2.0), inputs=()), "leakage"), INCONCLUSIVE),
    ]


@case
def biased_model(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    target, women = world[2], world[1]["sex"].to_numpy(zero_copy_only=False) == "F"
    positive = w.binary_scores(target, 2.0).probability[:, 1]
    names = [f"bias.sex.{name}" for name in ("demographic_parity", "equalized_odds", "worst_group")]

    def judge(scores: np.ndarray, world: Any = world, **bias: Any) -> list[str]:
        found = w.run(room, world, w.probabilities(scores), sensitive=("sex",), gates={"bias": bias})
        return [w.verdict_of(found, name) for name in names]

    dataset, table, _ = world
    absent = (dataset, table.drop_columns(["sex"]), target)
    deaf = np.where(women, np.random.default_rng(12).permutation(positive), positive)
    few = np.where(np.cumsum(women) <= 49, table["sex"].to_numpy(zero_copy_only=False), "M")
    gone = np.where(women, 0, target)
    part = w.binary_world(sex=pa.array(np.where(np.arange(len(target)) < 80, "F", "M")))
    first = np.where(np.arange(len(target)) < 80, np.random.default_rng(13).permutation(positive), positive)
    perfect, muddled = 0.98 * target + 0.01, 0.5 * positive + 0.5 * np.random.default_rng(14).random(len(positive))
    last = np.where(np.arange(len(target)) < 80, perfect, muddled)
    unbiased = w.run(room, world, w.probabilities(positive), gates={"bias": {"enabled": False}}, sensitive=("sex",))
    return [
        (judge(positive), [PASS] * 3),
        (judge(np.where(women, positive * 0.3, positive)), [FAIL, FAIL, PASS]),
        (judge(deaf)[1:], [FAIL, FAIL]),
        (judge(first, part)[2], FAIL),
        (judge(last, part)[2], PASS),  # the small group is better than all by 0.11, the large one worse by 0.06
        (judge(positive, absent), [INCONCLUSIVE] * 3),
        (judge(positive, w.binary_world(sex=pa.array(few))), [INCONCLUSIVE] * 3),
        (judge(positive, w.binary_world(sex=pa.array(few)), min_rows=49), [PASS] * 3),
        (judge(positive, (dataset, table, gone))[1:], [INCONCLUSIVE] * 2),
        (w.verdict_of(unbiased, names[0]), "(none)"),
        (w.verdict_of(w.run(room, world, w.probabilities(positive)), names[0]), "(none)"),
    ]


@case
def scores_that_are_none(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    dataset, table, target = world
    good = w.binary_scores(target, 2.0)

    def changed(value: float, other: float | None = None) -> Scores:
        probability = good.probability.copy()
        probability[3] = [value, 1 - value if other is None else other]
        return Scores(good.prediction, probability)

    wrong_class = good.prediction.copy()
    wrong_class[0] = 2
    candidates = [
        changed(np.nan),
        changed(np.inf),
        changed(-0.1),
        changed(1.1),
        changed(0.5, 0.6),
        Scores(good.prediction, None),
        Scores(good.prediction[:-1], good.probability[:-1]),
        Scores(good.prediction, good.probability[:-1]),
        Scores(good.prediction, good.probability[:, :1]),
        Scores(wrong_class, good.probability),
        Scores(good.prediction - 1, good.probability),
        Scores(good.prediction + 0.5, good.probability),
    ]
    found = [w.run(room, world, scores, good) for scores in candidates]
    found.append(w.run(room, (dataset, table, target[:-1]), good))
    found.append(w.run(room, (dataset, table, target + 1), good))
    classes = w.class_world()
    three = w.class_scores(classes[2], 2.0)
    negative = three.probability.copy()
    negative[3] = [-0.1, 0.5, 0.6]
    found.append(w.run(room, classes, Scores(three.prediction, negative)))
    numbers = w.number_world()
    sound = w.number_scores(numbers[2], 0.3).prediction
    found += [w.run(room, numbers, Scores(np.where(sound > 1, bad, sound))) for bad in (np.nan, np.inf)]
    found.append(w.run(room, (*numbers[:2], np.where(sound > 1, np.nan, numbers[2])), Scores(sound)))
    return [(w.verdict_of(evaluation, "scores"), ERROR) for evaluation in found] + [
        (str(evaluation.verdict), ERROR) for evaluation in found
    ]


@case
def empty_test_set(room: Any) -> list[tuple[Any, Any]]:
    dataset, table, target = w.binary_world()
    nothing = Scores(np.empty(0, np.int64), np.empty((0, 2)))
    found = w.run(room, (dataset, table[:0], target[:0]), nothing, nothing, gates={"minimum": {"roc_auc": 0.0}})
    return [(w.verdict_of(found, "scores"), INCONCLUSIVE), (str(found.verdict), INCONCLUSIVE)]


@case
def slices_without_evidence(room: Any) -> list[tuple[Any, Any]]:
    dataset, table, target = w.binary_world()
    values = np.where(target == 1, "yes", np.where(np.arange(len(target)) % 2 == 0, "no", "other"))
    dataset, table, target = w.binary_world(shape=pa.array(values))
    scores = w.binary_scores(target, 2.0)
    found = w.run(room, (dataset, table, target), scores, slices=("shape",), inputs=("x",))
    absent = w.run(room, (dataset, table.drop_columns(["shape"]), target), scores, slices=("shape",))
    return [
        ({part.metrics["roc_auc"].value for part in found.slices}, {None}),
        (len(found.slices), 3),
        (str(found.verdict), PASS),
        ([(part.rows, part.metrics["roc_auc"].value) for part in absent.slices], [(0, None)]),
    ]


@case
def disabled_gates(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    off = {name: {"enabled": False} for name in ("champion", "bias", "trivial", "leakage")}
    found = w.run(room, world, w.binary_scores(world[2], 2.0), sensitive=("sex",), gates=off)
    return [([verdict.gate for verdict in found.gates], ["scores"])]


@case
def broken_benchmark(room: Any) -> list[tuple[Any, Any]]:
    world = w.binary_world()
    scores = w.binary_scores(world[2], 2.0)
    torn = Scores(scores.prediction, np.full_like(scores.probability, np.nan))
    empty = Scores(np.empty(0, np.int64), np.empty((0, 2)))
    parts = {"good": (world[2], scores), "torn": (world[2], torn), "empty": (world[2][:0], empty)}
    found = w.run(room, world, scores, benchmarks=parts)
    return [
        (w.verdict_of(found, "scores.good"), "(none)"),
        (w.verdict_of(found, "scores.torn"), ERROR),
        (w.verdict_of(found, "scores.empty"), INCONCLUSIVE),
        (found.benchmarks[0].metrics["roc_auc"].value, found.metrics["roc_auc"].value),
        (found.benchmarks[1].metrics["roc_auc"].value, None),
        (str(found.verdict), ERROR),
    ]
