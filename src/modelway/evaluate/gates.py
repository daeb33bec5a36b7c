"""The gates: evidence in, verdicts out. Missing evidence is never a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.records.evaluate import Estimate, GateVerdict
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.evaluate.compare import Contest
    from modelway.records.evaluate import Bias, BiasGate, ChampionGate, Leak, LeakageGate, TrivialGate

    Evidence = dict[str, float | int | str | bool | None]

LEAST_ROWS = 20
"""With fewer rows the bounds of a percentile bootstrap are too narrow to decide by."""


def overall(verdicts: Sequence[GateVerdict]) -> Verdict:
    """The worst verdict in the order error, fail, inconclusive (but for waived ones), pass.

    No gate at all is no evidence: inconclusive.
    """
    said = {gate.verdict for gate in verdicts if not gate.waived}
    for verdict in (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in said:
            return verdict
    return Verdict.PASS if verdicts else Verdict.INCONCLUSIVE


def judge_scores(name: str, flaw: str | None, rows: int) -> GateVerdict:
    """Whether there are scores to measure: `scores`, or `scores.NAME` of a benchmark."""
    if flaw is not None:
        return _say(name, Verdict.ERROR, f"the scores can't be used: {flaw}", {"rows": rows})
    if rows == 0:
        return _say(name, Verdict.INCONCLUSIVE, "there is no row to measure on", {"rows": rows})
    return _say(name, Verdict.PASS, f"there are usable scores of {rows} rows", {"rows": rows})


def judge_minimum(metric: str, estimate: Estimate | None, bound: float) -> GateVerdict:
    """Whether a metric is at least `bound`."""
    return _judge_bound(f"minimum.{metric}", metric, estimate, bound, minimum=True)


def judge_maximum(metric: str, estimate: Estimate | None, bound: float) -> GateVerdict:
    """Whether a metric is at most `bound`."""
    return _judge_bound(f"maximum.{metric}", metric, estimate, bound, minimum=False)


def _judge_bound(gate: str, metric: str, estimate: Estimate | None, bound: float, *, minimum: bool) -> GateVerdict:
    if estimate is None:
        return _say(gate, Verdict.ERROR, f"{metric} was not computed; it is not in evaluate.metrics", {"bound": bound})
    value = estimate.value
    if value is None:
        return _say(gate, Verdict.ERROR, f"{metric} is not defined on these rows", {"bound": bound})
    holds = value >= bound if minimum else value <= bound
    relation = f"is {'' if holds else 'not '}at {'least' if minimum else 'most'}"
    verdict = Verdict.PASS if holds else Verdict.FAIL
    return _say(gate, verdict, f"{metric} {value:.4g} {relation} {bound:.4g}", {"value": value, "bound": bound})


def judge_champion(options: ChampionGate, contest: Contest | None) -> GateVerdict:
    """Whether the candidate is not worse than the champion by more than the margin, on the same rows.

    A non-inferiority test: it passes when the lower bound of the difference lies above -margin, so a candidate that is
    surely worse, but by less than the margin, passes too; with margin 0 it has to be surely better. It fails when the
    upper bound lies below -margin. Two predictors that can't be told apart are no evidence.
    """
    gate = "champion"
    if contest is None:
        waived = options.first_model == "allow"
        what = "the settings let a first model through" if waived else "the settings refuse a first model"
        return _say(gate, Verdict.INCONCLUSIVE, f"there is no champion to compare with; {what}", waived=waived)
    if contest.same_model:
        reason = "candidate and champion are the same model, by digest"
        return _say(gate, Verdict.INCONCLUSIVE, reason, {"same_model": True})
    if contest.flaw is not None:
        return _say(gate, Verdict.ERROR, f"the champion's scores can't be used: {contest.flaw}")
    if contest.identical:
        reason = f"identical predictions on all {contest.rows} rows: nothing to tell candidate and champion apart"
        return _say(gate, Verdict.INCONCLUSIVE, reason, {"rows": contest.rows})
    return _judge_difference(gate, "the champion", contest, -options.margin, options.confidence)


def judge_trivial(options: TrivialGate, contest: Contest) -> GateVerdict:
    """Whether the candidate is surely better than always saying the target's distribution."""
    gate = "trivial"
    if contest.flaw is not None:
        return _say(gate, Verdict.INCONCLUSIVE, contest.flaw)
    if contest.constant and contest.rows >= LEAST_ROWS:
        return _say(gate, Verdict.FAIL, f"the model says the same of all {contest.rows} rows", {"rows": contest.rows})
    return _judge_difference(gate, "the trivial predictor", contest, 0.0, options.confidence)


def _judge_difference(gate: str, other: str, contest: Contest, floor: float, confidence: float) -> GateVerdict:
    """Pass when the difference surely lies above `floor`, fail when it surely does not."""
    found = contest.difference
    bounds = None if found is None else found.bounds(confidence)
    if found is None or bounds is None:
        return _say(gate, Verdict.INCONCLUSIVE, f"{contest.metric} is not defined on these {contest.rows} rows")
    lower, upper = bounds
    evidence: Evidence = {
        "rows": contest.rows,
        "difference": found.value,
        "lower": lower,
        "upper": upper,
        "floor": floor,
        "confidence": confidence,
    }
    if contest.rows < LEAST_ROWS:
        reason = f"{contest.rows} rows are too few to compare on; {LEAST_ROWS} are needed"
        return _say(gate, Verdict.INCONCLUSIVE, reason, evidence)
    word, spread = "better" if found.value >= 0 else "worse", f"difference {lower:.4g} to {upper:.4g}"
    numbers = f"{contest.metric} is {word} than {other}'s by {abs(found.value):.4g} ({spread})"
    if found.is_tie:
        reason = f"{contest.metric} is equal to {other}'s in every resample: nothing to tell them apart"
        return _say(gate, Verdict.INCONCLUSIVE, reason, evidence)
    if lower > floor:
        verdict, meaning = Verdict.PASS, f"above {floor:.4g} at {confidence:.0%} confidence"
    elif upper < floor:
        verdict, meaning = Verdict.FAIL, f"below {floor:.4g} at {confidence:.0%} confidence"
    else:
        verdict, meaning = Verdict.INCONCLUSIVE, f"which does not tell whether it is above {floor:.4g}"
    return _say(gate, verdict, f"{numbers}, {meaning}", evidence)


def judge_bias(options: BiasGate, column: str, bias: Bias | None, *, two_classes: bool) -> list[GateVerdict]:
    """Whether the groups of a sensitive column are treated alike; `bias` is None when the table lacks the column.

    The criteria on predicted classes are judged for two classes only, the worst group always.
    """
    bounds = {
        "demographic_parity": options.demographic_parity if two_classes else None,
        "equalized_odds": options.equalized_odds if two_classes else None,
        "worst_group": options.worst_group,
    }
    judged = [] if bias is None else [group.value for group in bias.groups if group.judged]
    verdicts = []
    for criterion, bound in bounds.items():
        if bound is None:
            continue
        value = None if bias is None else getattr(bias, criterion)
        verdicts.append(_judge_criterion(f"bias.{column}.{criterion}", value, bound, options, bias, len(judged)))
    return verdicts


def _judge_criterion(
    gate: str, value: float | None, bound: float, options: BiasGate, bias: Bias | None, judged: int
) -> GateVerdict:
    if bias is None:
        return _say(gate, Verdict.INCONCLUSIVE, "the held-out rows have no such column", {"bound": bound})
    if judged < 2:
        reason = f"{judged} groups have at least {options.min_rows} rows; two are needed"
        return _say(gate, Verdict.INCONCLUSIVE, reason, {"bound": bound, "groups": judged})
    if value is None:
        return _say(gate, Verdict.INCONCLUSIVE, "it is not defined in every group", {"bound": bound, "groups": judged})
    holds = value <= bound
    reason = f"{value:.4g} over {judged} groups is {'' if holds else 'not '}at most {bound:.4g}"
    return _say(
        gate, Verdict.PASS if holds else Verdict.FAIL, reason, {"value": value, "bound": bound, "groups": judged}
    )


def judge_leakage(options: LeakageGate, leaks: Sequence[Leak] | None, rows: int) -> GateVerdict:
    """Whether no single column predicts the target almost perfectly; `leaks` is None where that can't be told."""
    gate = "leakage"
    if leaks is None or rows < LEAST_ROWS:
        reason = f"the {rows} held-out rows are too few, or too much alike, to tell"
        return _say(gate, Verdict.INCONCLUSIVE, reason, {"rows": rows})
    if not leaks:
        return _say(gate, Verdict.INCONCLUSIVE, "there is no column to look at", {"rows": rows})
    best = max(leaks, key=lambda leak: leak.score)
    evidence: Evidence = {"column": best.column, "score": best.score, "threshold": options.threshold}
    if found := [leak for leak in leaks if leak.score >= options.threshold]:
        names = ", ".join(f"{leak.column} ({leak.score:.4g})" for leak in found)
        return _say(gate, Verdict.FAIL, f"predicting the target alone: {names}", evidence)
    reason = f"the best single column, {best.column}, reaches {best.score:.4g}, below {options.threshold:.4g}"
    return _say(gate, Verdict.PASS, reason, evidence)


def _say(
    gate: str, verdict: Verdict, reason: str, evidence: Evidence | None = None, *, waived: bool = False
) -> GateVerdict:
    return GateVerdict(gate=gate, verdict=verdict, reason=reason, evidence=evidence or {}, waived=waived)
