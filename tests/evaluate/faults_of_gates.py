"""Fault cases that ask the gates alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelway.records.evaluate import (
    Bias,
    BiasGate,
    BiasGroup,
    ChampionGate,
    Estimate,
    GateVerdict,
    Leak,
    LeakageGate,
    TrivialGate,
)
from modelway.records.verdict import Verdict

from . import fault_table as t

gate_case, said = t.gate_case, t.said
PASS, FAIL, INCONCLUSIVE, ERROR = t.PASS, t.FAIL, t.INCONCLUSIVE, t.ERROR


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
def words_of_a_difference(room: Any) -> list[tuple[Any, Any]]:
    def words(value: float) -> str:
        draws = value + 0.02 * np.linspace(-1, 1, 201)
        reason = room.gates.judge_champion(ChampionGate(confidence=0.95), contest(room, value, draws)).reason
        return str(reason.partition(")")[0])

    return [
        (words(0.05), "roc_auc is better than the champion's by 0.05 (difference 0.032 to 0.068"),
        (words(0.0), "roc_auc is better than the champion's by 0 (difference -0.018 to 0.018"),
        (words(-0.05), "roc_auc is worse than the champion's by 0.05 (difference -0.068 to -0.032"),
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
