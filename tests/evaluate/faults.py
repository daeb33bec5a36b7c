"""The faults that the gates have to refuse, and the good models that they have to let through.

Each case is a function of the room (or of a mutant of it) that gives what the gates said and what they should have
said.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from modelway.records.evaluate import (
    Bias,
    BiasGate,
    BiasGroup,
    ChampionGate,
    Estimate,
    GateVerdict,
    Leak,
    LeakageGate,
    Scores,
    TrivialGate,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Case = Callable[[Any], list[tuple[Any, Any]]]

w: Any = sys.modules["evaluate_world"]

PASS, FAIL, INCONCLUSIVE, ERROR = "pass", "fail", "inconclusive", "error"
GATE_CASES: dict[str, Case] = {}
"""By name, the cases that ask the gates alone."""
CASES: dict[str, Case] = {}
"""All cases by name; each gives pairs of what was said and what should have been."""


def gate_case(function: Case) -> None:
    GATE_CASES[function.__name__] = CASES[function.__name__] = function


def case(function: Case) -> None:
    CASES[function.__name__] = function


def said(verdict: GateVerdict) -> str:
    return f"{verdict.verdict}{' waived' if verdict.waived else ''}"


def contest(room: Any, value: float, draws: Any, rows: int = 100, **known: Any) -> Any:
    difference = room.measure.Difference(0.5 + value, 0.5, value, np.asarray(draws, float))
    return room.compare.Contest("roc_auc", rows, difference, **known)


@gate_case
def overall_order(room: Any) -> list[tuple[Any, Any]]:
    def overall(*verdicts: str, waived: bool = False) -> str:
        made = [GateVerdict(gate="g", verdict=Verdict(name), reason="") for name in verdicts]
        first = GateVerdict(gate="champion", verdict=Verdict.INCONCLUSIVE, reason="", waived=True)
        return str(room.gates.overall([first, *made] if waived else made))

    return [
        (overall(), INCONCLUSIVE),
        (overall(PASS, PASS), PASS),
        (overall(PASS, INCONCLUSIVE), INCONCLUSIVE),
        (overall(INCONCLUSIVE, FAIL, PASS), FAIL),
        (overall(FAIL, ERROR, INCONCLUSIVE), ERROR),
        (overall(PASS, waived=True), PASS),
        (overall(PASS, INCONCLUSIVE, waived=True), INCONCLUSIVE),
        (overall(FAIL, waived=True), FAIL),
    ]


@gate_case
def bounds_of_a_metric(room: Any) -> list[tuple[Any, Any]]:
    at_least, at_most = room.gates.judge_minimum, room.gates.judge_maximum
    half = Estimate(value=0.5)
    low, exact = at_least("f1", half, 0.6), at_least("f1", half, 0.5)
    return [
        (said(low), FAIL),
        (low.reason, "f1 0.5 is not at least 0.6"),
        (low.gate, "minimum.f1"),
        (said(exact), PASS),
        (exact.reason, "f1 0.5 is at least 0.5"),
        (said(at_least("f1", half, 0.4)), PASS),
        (said(at_most("f1", half, 0.4)), FAIL),
        (at_most("f1", half, 0.4).reason, "f1 0.5 is not at most 0.4"),
        (at_most("f1", half, 0.4).gate, "maximum.f1"),
        (said(at_most("f1", half, 0.5)), PASS),
        (said(at_most("f1", half, 0.6)), PASS),
        (said(at_least("f1", None, 0.0)), ERROR),
        (said(at_most("f1", None, 1.0)), ERROR),
        (said(at_least("f1", Estimate(value=None), 0.0)), ERROR),
        (said(at_most("f1", Estimate(value=None), 1.0)), ERROR),
    ]


@gate_case
def champion_margin(room: Any) -> list[tuple[Any, Any]]:
    def judge(value: float, spread: float = 0.0, rows: int = 100, margin: float = 0.005) -> str:
        draws = value + spread * np.linspace(-1, 1, 201)
        return said(room.gates.judge_champion(ChampionGate(margin=margin), contest(room, value, draws, rows)))

    return [
        (judge(0.01), PASS),
        (judge(-0.004), PASS),  # surely worse, but by less than the margin
        (judge(-0.005), INCONCLUSIVE),  # exactly at the margin is not above it
        (judge(-0.006), FAIL),
        (judge(0.002, 0.02), INCONCLUSIVE),
        (judge(-0.02, 0.02), INCONCLUSIVE),
        (judge(-0.05, 0.02), FAIL),
        (judge(-0.004, margin=0.0), FAIL),
        (judge(0.004, margin=0.0), PASS),
        (judge(0.01, rows=19), INCONCLUSIVE),
        (judge(-0.01, rows=19), INCONCLUSIVE),
        (judge(0.01, rows=20), PASS),
    ]


@gate_case
def champion_confidence(room: Any) -> list[tuple[Any, Any]]:
    draws = 0.01 + 0.02 * np.linspace(-1, 1, 201)  # 12.5% of it below -0.005
    judge = room.gates.judge_champion
    return [
        (said(judge(ChampionGate(confidence=0.8), contest(room, 0.01, draws))), PASS),
        (said(judge(ChampionGate(confidence=0.95), contest(room, 0.01, draws))), INCONCLUSIVE),
        (said(room.gates.judge_trivial(TrivialGate(confidence=0.7), contest(room, 0.01, draws))), PASS),
        (said(room.gates.judge_trivial(TrivialGate(confidence=0.95), contest(room, 0.01, draws))), INCONCLUSIVE),
    ]


@gate_case
def champion_without_evidence(room: Any) -> list[tuple[Any, Any]]:
    def judge(made: Any, **options: Any) -> str:
        return said(room.gates.judge_champion(ChampionGate(**options), made))

    better = np.full(100, 0.1)
    empty = room.compare.Contest("roc_auc", 100)
    undefined = np.where(np.arange(100) < 6, np.nan, 0.1)
    barely = np.where(np.arange(100) < 5, np.nan, 0.1)
    return [
        (judge(None), "inconclusive waived"),
        (judge(None, first_model="refuse"), INCONCLUSIVE),
        ("refuse" in room.gates.judge_champion(ChampionGate(first_model="refuse"), None).reason, True),
        (judge(contest(room, 0.1, better)), PASS),
        (judge(contest(room, 0.1, better, same_model=True)), INCONCLUSIVE),
        (judge(contest(room, 0.1, better, identical=True)), INCONCLUSIVE),
        (judge(contest(room, 0.1, better, flaw="they are too few")), ERROR),
        (judge(contest(room, 0.1, better, flaw="too few", same_model=True)), INCONCLUSIVE),
        (judge(empty), INCONCLUSIVE),
        (judge(contest(room, np.nan, better)), INCONCLUSIVE),
        (judge(contest(room, 0.1, np.empty(0))), INCONCLUSIVE),
        (judge(contest(room, 0.1, undefined)), INCONCLUSIVE),
        (judge(contest(room, 0.1, barely)), PASS),
        (judge(contest(room, 0.0, np.zeros(100))), INCONCLUSIVE),  # a tie
        (judge(contest(room, 0.0, np.linspace(-0.001, 0.001, 100))), PASS),  # no tie
    ]


@gate_case
def trivial_gate(room: Any) -> list[tuple[Any, Any]]:
    def judge(value: float, **known: Any) -> str:
        return said(room.gates.judge_trivial(TrivialGate(), contest(room, value, np.full(100, value), **known)))

    return [
        (judge(0.1), PASS),
        (judge(-0.1), FAIL),
        (judge(0.0), INCONCLUSIVE),
        (judge(0.1, constant=True), FAIL),
        (judge(0.1, constant=True, rows=20), FAIL),
        (judge(0.1, constant=True, rows=19), INCONCLUSIVE),
        (judge(0.1, flaw="not known"), INCONCLUSIVE),
    ]


@gate_case
def bias_gate(room: Any) -> list[tuple[Any, Any]]:
    def judge(groups: int, two_classes: bool = True, **found: float | None) -> list[str]:
        made = tuple(BiasGroup(value=str(number), rows=50, judged=number < groups) for number in range(4))
        given = {"demographic_parity": 0.0, "equalized_odds": 0.0, "worst_group": 0.0, **found}
        bias = Bias(column="sex", groups=made, **given)
        return [said(verdict) for verdict in room.gates.judge_bias(BiasGate(), "sex", bias, two_classes=two_classes)]

    absent = room.gates.judge_bias(BiasGate(), "sex", None, two_classes=True)
    names = ["bias.sex.demographic_parity", "bias.sex.equalized_odds", "bias.sex.worst_group"]
    failing = Bias(
        column="sex",
        groups=tuple(BiasGroup(value=str(number), rows=50, judged=True) for number in range(2)),
        demographic_parity=0.3,
    )
    reason = room.gates.judge_bias(BiasGate(), "sex", failing, two_classes=True)[0].reason
    return [
        ([verdict.gate for verdict in absent], names),
        ([said(verdict) for verdict in absent], [INCONCLUSIVE] * 3),
        (absent[0].reason, "the held-out rows have no such column"),
        (judge(2), [PASS] * 3),
        (judge(1), [INCONCLUSIVE] * 3),
        (judge(0), [INCONCLUSIVE] * 3),
        (judge(3, demographic_parity=0.2, equalized_odds=0.2, worst_group=0.1), [PASS] * 3),
        (judge(3, demographic_parity=0.21), [FAIL, PASS, PASS]),
        (judge(3, equalized_odds=0.21), [PASS, FAIL, PASS]),
        (judge(3, worst_group=0.11), [PASS, PASS, FAIL]),
        (judge(3, equalized_odds=None), [PASS, INCONCLUSIVE, PASS]),
        (judge(3, two_classes=False), [PASS]),
        (reason, "0.3 over 2 groups is not at most 0.2"),
    ]


@gate_case
def leakage_gate(room: Any) -> list[tuple[Any, Any]]:
    def judge(*scores: float, rows: int = 100) -> GateVerdict:
        leaks = [Leak(column=f"c{number}", score=score) for number, score in enumerate(scores)]
        return room.gates.judge_leakage(LeakageGate(), leaks, rows)

    return [
        (said(judge(0.5, 0.98)), PASS),
        (judge(0.5, 0.98).evidence["column"], "c1"),
        (said(judge(0.5, 0.99)), FAIL),  # from the threshold on it leaks
        ("c1 (0.99)" in judge(0.5, 0.99, 1.0).reason, True),
        ("c0" in judge(0.5, 0.99, 1.0).reason, False),
        (said(judge()), INCONCLUSIVE),
        (said(judge(0.5, rows=19)), INCONCLUSIVE),
        (said(judge(0.5, rows=20)), PASS),
        (said(room.gates.judge_leakage(LeakageGate(), None, 100)), INCONCLUSIVE),
        (room.gates.judge_leakage(LeakageGate(), None, 100).reason == judge().reason, False),
    ]


@gate_case
def scores_gate(room: Any) -> list[tuple[Any, Any]]:
    return [
        (said(room.gates.judge_scores("scores", None, 5)), PASS),
        (said(room.gates.judge_scores("scores", None, 0)), INCONCLUSIVE),
        (said(room.gates.judge_scores("scores", "NaN", 5)), ERROR),
        (said(room.gates.judge_scores("scores", "NaN", 0)), ERROR),
    ]


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
        ({said(verdict) for verdict in found.gates}, {PASS}),
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
