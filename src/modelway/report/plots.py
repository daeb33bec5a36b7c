"""The charts of a training: from its records to SVG, for the report and as files for the registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.records.evaluate import Bias, Curve, Estimate, Evaluation
from modelway.report.charts import Axis, Dots, Line, Mark, Note, Rule, axis_over, draw
from modelway.report.formats import count, estimate, metric_name, number, percent, shorten, words
from modelway.report.page import style
from modelway.report.rows import Row, draw_confusion, draw_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.records.fit import Fit, Search
    from modelway.report.svg import Chart

_MOST_ROWS = 60
_MOST_COLUMNS = 20


def render_plots(evaluation: Evaluation, fit: Fit) -> dict[str, str]:
    """Standalone SVG files, by file name; a chart whose record is absent is left out."""
    charts = {
        **curve_charts(evaluation),
        "confusion": confusion_chart(evaluation),
        "slices": slices_chart(evaluation),
        "bias": bias_chart(evaluation),
        "learning": learning_chart(fit),
        "search": search_chart(fit.search) if fit.search else None,
        "importance": importance_chart(fit),
    }
    css = style("colours.css", "chart.css")
    return {f"{name}.svg": chart.standalone(css) for name, chart in charts.items() if chart}


def curve_charts(evaluation: Evaluation) -> dict[str, Chart]:
    """A chart of each curve that has points, by the curve's name."""
    makers = {
        "roc": _roc,
        "precision_recall": _precision_recall,
        "calibration": _calibration,
        "predicted_actual": _predicted_actual,
        "residuals": _residuals,
    }
    curves = {curve.name: curve for curve in evaluation.curves if curve.x}
    return {name: make(curves[name], evaluation) for name, make in makers.items() if name in curves}


def _fraction_axis(label: str, high: float = 1.0) -> Axis:
    return Axis(label, 0, high)


def _metric_words(evaluation: Evaluation, name: str) -> str:
    given = evaluation.metrics.get(name)
    return f"{metric_name(name)} {estimate(given)[0]}" if given and given.value is not None else ""


def _roc(curve: Curve, evaluation: Evaluation) -> Chart:
    area = _metric_words(evaluation, "roc_auc")
    marks: list[Mark] = [Line((0, 1), (0, 1), "reference"), Line(curve.x, curve.y), Note(area, 0.98, 0.05)]
    words = f"True positive rate against false positive rate. {area}"
    axes = (_fraction_axis("False positive rate"), _fraction_axis("True positive rate"))
    return draw("ROC curve", words.strip(), *axes, marks)


def _precision_recall(curve: Curve, evaluation: Evaluation) -> Chart:
    area = _metric_words(evaluation, "average_precision")
    marks: list[Mark] = [Line(curve.x, curve.y), Note(area, 0.02, 0.05, "start")]
    words = f"Precision against recall. {area}"
    return draw("Precision and recall", words.strip(), _fraction_axis("Recall"), _fraction_axis("Precision"), marks)


def _calibration(curve: Curve, evaluation: Evaluation) -> Chart:
    high = min(1.0, 1.05 * max(*curve.x, *curve.y, 1e-3))
    marks: list[Mark] = [
        Line((0, high), (0, high), "reference"),
        Line(curve.x, curve.y),
        Dots(curve.x, curve.y, curve.size),
    ]
    error = _metric_words(evaluation, "expected_calibration_error")
    words = f"Observed fraction of the positive class against the mean predicted probability. {error}"
    axes = (_fraction_axis("Mean predicted probability", high), _fraction_axis("Observed fraction", high))
    return draw("Calibration", words.strip(), *axes, marks)


def _predicted_actual(curve: Curve, evaluation: Evaluation) -> Chart:
    both = axis_over("Predicted", (*curve.x, *curve.y))
    ends = (both.low, both.high)
    marks: list[Mark] = [Dots(curve.x, curve.y, curve.size), Line(ends, ends, "reference")]
    words = f"Actual values against predicted ones, {count(len(curve.x))} points. {_metric_words(evaluation, 'r2')}"
    return draw("Predicted and actual", words.strip(), both, Axis("Actual", *ends), marks)


def _residuals(curve: Curve, evaluation: Evaluation) -> Chart:
    axes = (axis_over("Predicted", curve.x), axis_over("Residual (actual \N{MINUS SIGN} predicted)", (0, *curve.y)))
    marks: list[Mark] = [Dots(curve.x, curve.y, curve.size), Rule(y=0)]
    words = f"Residuals against predicted values, {count(len(curve.x))} points. {_metric_words(evaluation, 'rmse')}"
    return draw("Residuals", words.strip(), *axes, marks)


def confusion_chart(evaluation: Evaluation) -> Chart | None:
    """The confusion matrix as a heat map."""
    if not evaluation.confusion:
        return None
    words = f"{count(evaluation.rows)} test rows by true and predicted class."
    return draw_confusion("Confusion matrix", words, evaluation.classes, evaluation.confusion)


def estimates_axis(label: str, estimates: Sequence[Estimate]) -> Axis:
    """An axis that holds all values and intervals."""
    parts = [part for given in estimates for part in (given.value, given.low, given.high) if part is not None]
    return axis_over(label, parts or [0.0, 1.0])


def slices_axis(evaluation: Evaluation) -> Axis:
    """An axis that holds the primary metric of all rows and of every slice."""
    whole = evaluation.metrics.get(evaluation.primary)
    parts = [one.metrics[evaluation.primary] for one in evaluation.slices if evaluation.primary in one.metrics]
    return estimates_axis(metric_name(evaluation.primary), [*parts, *([whole] if whole else [])])


def slices_chart(evaluation: Evaluation) -> Chart | None:
    """The primary metric of each slice with its interval; of very many slices the first ones."""
    if not evaluation.slices:
        return None
    absent = Estimate(value=None)
    rows = []
    for one in evaluation.slices[:_MOST_ROWS]:
        given = one.metrics.get(evaluation.primary, absent)
        rows.append(Row(one.value, given.value, given.low, given.high, group=one.column))
    whole = evaluation.metrics.get(evaluation.primary, absent).value
    cut = f", the first {_MOST_ROWS} of {len(evaluation.slices)}" if len(evaluation.slices) > _MOST_ROWS else ""
    title = f"{metric_name(evaluation.primary)} by slice{cut}"
    words = f"{title}, with {percent(evaluation.confidence)} intervals; over all rows {number(whole)}."
    references = [("all rows", whole)] if whole is not None else []
    return draw_rows(title, words, slices_axis(evaluation), rows, references=references)


def bias_chart(evaluation: Evaluation) -> Chart | None:
    """What each sensitive group gets: its selection rate where there is one, else the primary metric."""
    groups = [(bias, group) for bias in evaluation.bias for group in bias.groups]
    if not groups:
        return None
    selection = any(group.selection_rate is not None for _, group in groups)
    label = "Selection rate" if selection else metric_name(evaluation.primary)
    rows = [
        Row(group.value, group.selection_rate if selection else group.primary, group=bias.column)
        for bias, group in groups[:_MOST_ROWS]
    ]
    known = [row.value for row in rows if row.value is not None]
    axis = Axis(label, 0, max([*known, 1e-3]) * 1.05) if selection else axis_over(label, known or [0.0, 1.0])
    return draw_rows(f"{label} by sensitive group", f"{label} of {_columns(evaluation.bias)}.", axis, rows)


def _columns(biases: Sequence[Bias]) -> str:
    return ", ".join(f"each group of {shorten(bias.column, 40)}" for bias in biases)


def learning_chart(fit: Fit) -> Chart | None:
    """The losses by epoch, with the epoch that was chosen."""
    marks: list[Mark] = []
    losses: list[float] = []
    for label, main in (("train", "quiet"), ("validation", "main")):
        points = [(epoch.epoch, getattr(epoch, f"{label}_loss")) for epoch in fit.history]
        known = [(x, y) for x, y in points if y is not None]
        if known:
            x, y = zip(*known, strict=True)
            marks.append(Line(x, y, main, label))
            losses.extend(y)
    if not losses:
        return None
    if fit.epochs is not None and fit.epochs <= fit.history[-1].epoch:
        marks.append(Rule(f"chosen: {count(fit.epochs)}", x=fit.epochs))
    epochs = Axis("Epoch", 0, fit.history[-1].epoch, whole=True)
    name = words(fit.loss or "loss")
    alternative = f"{name} over {count(len(fit.history))} epochs; the last validation loss is {_last(fit)}."
    return draw("Learning curve", alternative, epochs, axis_over(name, losses), marks)


def _last(fit: Fit) -> str:
    known = [epoch.validation_loss for epoch in fit.history if epoch.validation_loss is not None]
    return number(known[-1] if known else None)


def search_chart(search: Search) -> Chart | None:
    """The validation loss of each trial and the best so far; very bad trials are drawn at the upper edge."""
    done = sorted((trial.number, trial.value) for trial in search.trials if trial.value is not None)
    if not done:
        return None
    best: list[float] = []
    for _, value in done:
        best.append(min(value, best[-1]) if best else value)
    numbers, values = [trial for trial, _ in done], [value for _, value in done]
    edge = _upper_edge(values)
    inside = axis_over("Validation loss", [value for value in values if value <= edge])
    outside = [trial for trial, value in done if value > inside.high]
    last = max(trial.number for trial in search.trials)
    others = [trial.number for trial in search.trials if trial.value is None]
    marks: list[Mark] = [
        Dots(numbers, values, style="quiet"),
        Dots(outside, [inside.high] * len(outside), style="bad"),
        Dots(others, [inside.low] * len(others), style="bad"),
        Line([*numbers, last], [*best, best[-1]], label="best", steps=True),
    ]
    alternative = f"{count(len(done))} trials with a loss; the best is {number(best[-1])}, in trial {search.best}."
    trials = Axis("Trial", min(-0.5, -0.02 * last), max(last * 1.02, last + 0.5), whole=True)
    return draw("Hyperparameter search", alternative, trials, inside, marks)


def _upper_edge(values: Sequence[float]) -> float:
    """Trials that went wrong would leave no room for the others, so the axis ends a few spreads above the middle."""
    ordered = sorted(values)
    low, middle = ordered[0], ordered[len(ordered) // 2]
    return low + 4 * (middle - low) if middle > low else ordered[-1]


def importance_chart(fit: Fit) -> Chart | None:
    """The columns with the greatest shares in the model's decisions."""
    if not fit.importance:
        return None
    ordered = sorted(fit.importance.items(), key=lambda item: -item[1])[:_MOST_COLUMNS]
    axis = Axis("Share of importance", 0, max(ordered[0][1], 1e-3) * 1.02, show=percent)
    alternative = f"The greatest share is that of {shorten(ordered[0][0], 40)}, {percent(ordered[0][1])}."
    return draw_rows("Importance", alternative, axis, [Row(*item) for item in ordered], bars=True)
