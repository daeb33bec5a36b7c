"""The report of one run of batch inference."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from modelway.report.charts import Axis, Line, Mark, axis_over, draw
from modelway.report.formats import number, percent
from modelway.report.page import render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.batch import BatchSummary, BatchTimings, SliceCount, Tally
    from modelway.records.observe import Distribution
    from modelway.report.svg import Chart

_MINOR, _MAJOR = 0.1, 0.25
"""Where a population stability index is taken for a small and for a large shift (Siddiqi, "Credit Risk Scorecards")."""


@dataclass(frozen=True)
class Share:
    """One class or bin: its share of this run, of the baseline and of the run before."""

    name: str
    rows: int
    share: float | None
    baseline: float | None
    previous: float | None


def render_predictions(
    summary: BatchSummary, timings: BatchTimings | None, place: str, failure: str | None = None
) -> str:
    """The report of a run as one HTML page that loads nothing.

    Args:
        summary: what the run came to.
        timings: how long it took; None where it was there already.
        place: the run's folder.
        failure: why it failed, if it did.
    """
    return render(
        "predictions.html",
        summary=summary,
        plan=summary.plan,
        timings=timings,
        place=place,
        failure=failure,
        curve=_curve(summary),
        shares=_shares(summary),
        shifts=[
            (name, value, shift_word(value))
            for name, value in (("the baseline", summary.shift), ("the run before", summary.previous_shift))
            if value is not None
        ],
        slices=_by_column(summary.slices),
        facts=_facts(summary, place),
        steps=_steps(timings),
    )


def shift_word(value: float) -> str:
    """What a population stability index means."""
    return "stable" if value < _MINOR else "a small shift" if value < _MAJOR else "a large shift"


def _curve(summary: BatchSummary) -> Chart | None:
    """The share of predictions up to each value: this run, the baseline and the run before."""
    baseline, tally = summary.baseline, summary.predictions
    if baseline is None or len(baseline.edges) < 2 or not tally.counts:
        return None
    edges = baseline.edges
    marks: list[Mark] = []
    if summary.previous and len(summary.previous.counts) == len(tally.counts):
        marks.append(Line(edges, _cumulative(summary.previous.counts), "quiet", "before"))
    marks += [
        Line(edges, _cumulative(_counts(baseline)), "reference", "baseline"),
        Line(edges, _cumulative(tally.counts), "main", "this run"),
    ]
    label = "Probability of the positive class" if summary.classes else "Predicted value"
    words = "The share of predictions up to each value: this run, the baseline"
    words += ", the run before." if len(marks) > 2 else "."
    return draw("Predictions up to a value", words, axis_over(label, edges), Axis("Share", 0, 1, show=percent), marks)


def _counts(baseline: Distribution) -> tuple[int, ...]:
    """Below the first edge, in each bin, above the last edge."""
    return baseline.below, *baseline.counts, baseline.above


def _cumulative(counts: Sequence[int]) -> list[float]:
    """The share up to each edge."""
    total, sums = sum(counts) or 1, []
    so_far = 0
    for count in counts[:-1]:
        so_far += count
        sums.append(so_far / total)
    return sums


def _shares(summary: BatchSummary) -> list[Share]:
    """By class where there are classes, else by bin."""
    baseline, tally = summary.baseline, summary.predictions
    if tally.categories:
        labels = summary.baseline_labels or baseline
        known = labels.categories if labels else {}
        names = list(dict.fromkeys([*summary.classes, *tally.categories]))
        return [
            Share(
                name,
                tally.categories.get(name, 0),
                _of(tally.categories.get(name, 0), tally.rows),
                _of(known.get(name, 0), sum(known.values())) if known else None,
                _of(summary.previous.categories.get(name, 0), summary.previous.rows) if summary.previous else None,
            )
            for name in names
        ]
    if baseline is None or not tally.counts:
        return []
    return [
        Share(name, rows, _of(rows, tally.rows), _of(before, sum(baseline.counts)), _of_bin(summary.previous, at))
        for at, (name, rows, before) in enumerate(
            zip(_bin_names(baseline.edges), tally.counts, _counts(baseline), strict=True)
        )
    ]


def _bin_names(edges: Sequence[float]) -> list[str]:
    if len(edges) == 1:
        return [f"below {number(edges[0])}", number(edges[0]), f"above {number(edges[0])}"]
    inner = [f"{number(low)} to {number(high)}" for low, high in pairwise(edges)]
    return [f"below {number(edges[0])}", *inner, f"above {number(edges[-1])}"]


def _of_bin(previous: Tally | None, at: int) -> float | None:
    return _of(previous.counts[at], previous.rows) if previous and at < len(previous.counts) else None


def _of(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _by_column(slices: Sequence[SliceCount]) -> dict[str, list[SliceCount]]:
    found: dict[str, list[SliceCount]] = {}
    for one in slices:
        found.setdefault(one.column, []).append(one)
    return found


def _steps(timings: BatchTimings | None) -> list[tuple[str, float]]:
    """The steps' times over the parts that are listed."""
    if timings is None or not timings.parts:
        return []
    parts = [part.seconds for part in timings.parts]
    return [(step, sum(getattr(one, step) for one in parts)) for step in ("reading", "scoring", "writing")]


def _facts(summary: BatchSummary, place: str) -> list[tuple[str, str]]:
    plan = summary.plan
    return [
        ("run", plan.run),
        ("started", plan.started),
        ("input", plan.input),
        ("files", str(len(plan.files))),
        ("output", place),
        ("model", f"{plan.model.name} version {plan.model.version} ({plan.model.format})"),
        ("model digest", plan.model.model_digest),
        ("bundle digest", plan.bundle_digest),
        ("keys", ", ".join(plan.keys) or "file and row"),
        ("ignored columns", ", ".join(summary.ignored) or "none"),
        ("batch size", str(plan.batch_size)),
    ]
