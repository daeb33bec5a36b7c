"""`model_card.md`: what people ask of a model before they use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.bundle.comparing import PROBABILITY, VALUE
from modelway.escaping import Markdown, code, markdown_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.records.bundle import BundleInfo, Comparison, Origin, Signature, SignatureColumn
    from modelway.records.evaluate import Estimate, Evaluation
    from modelway.records.fit import Fit

_MOST_VALUES = 12
_FORMATS = {"onnx": "ONNX: neither scikit-learn nor pickle is needed", "skops": "a skops file: no pickle"}
_UNKNOWN = (
    "It was measured on data of the kind that it was trained on. How it does on other data, or after the world has "
    "changed, the metrics above do not tell; compare with `baseline.json` what it gets to see."
)


def write_card(
    info: BundleInfo, origin: Origin, signature: Signature, evaluation: Evaluation, fit: Fit, comparison: Comparison
) -> str:
    """The card, in Markdown."""
    what = f"one of {', '.join(map(code, signature.classes))}" if signature.classes else "a number"
    parts = [
        f"# {code(info.name)}, version {info.version}",
        f"Predicts {code(signature.target)}: {what} ({signature.task.value}). It is kept as {_FORMATS[info.format]}.",
        "## Where it comes from",
        markdown_table(("what", "value"), _provenance(info, origin, fit)),
        "## What it was measured to do",
        f"On {evaluation.rows:,} held-out rows; intervals at {evaluation.confidence:.0%} confidence.",
        markdown_table(("metric", "value", "interval"), _metrics(evaluation.metrics)),
        "## What the gates said",
        markdown_table(
            ("gate", "verdict", "reason"),
            [(code(one.gate), Markdown(one.verdict.value), code(one.reason)) for one in evaluation.gates],
        ),
        *_groups(evaluation),
        "## What it takes",
        markdown_table(("column", "type", "may be missing", "values"), map(_column, signature.columns)),
        "## How it was exported",
        _export(comparison),
        "## What is not known",
        _UNKNOWN,
    ]
    return "\n\n".join(parts) + "\n"


def _export(comparison: Comparison) -> str:
    return (
        f"Compared with the fitted model on {comparison.held_out_rows:,} held-out rows and "
        f"{comparison.awkward_rows:,} awkward ones (missing, unseen and extreme values, empty texts): the same "
        f"decisions; probabilities differ by less than {PROBABILITY:g}, values by less than {VALUE:g} of themselves."
    )


def _provenance(info: BundleInfo, origin: Origin, fit: Fit) -> list[tuple[Markdown, Markdown]]:
    known = {
        "run": origin.run_id,
        "code": origin.commit,
        "time of the code": origin.created,
        "model digest": info.model_digest,
        "data digest": origin.data_digest,
        "settings digest": origin.settings_digest,
        "lock digest": origin.lock_digest,
        "estimator": fit.estimator.kind,
        "epochs": fit.epochs,
        "seed": fit.seed,
    }
    return [(Markdown(name), code(value)) for name, value in known.items() if value is not None]


def _metrics(metrics: dict[str, Estimate]) -> Iterator[tuple[Markdown, Markdown, Markdown]]:
    for name, estimate in metrics.items():
        value = "not defined" if estimate.value is None else f"{estimate.value:.4g}"
        interval = "" if estimate.low is None else f"{estimate.low:.4g} to {estimate.high:.4g}"
        yield code(name), Markdown(value), Markdown(interval)


def _groups(evaluation: Evaluation) -> list[str]:
    """The groups of the sensitive columns, where there are any."""
    rows = [
        (
            code(bias.column),
            code(group.value),
            Markdown(f"{group.rows:,}"),
            Markdown("" if group.primary is None else f"{group.primary:.4g}"),
        )
        for bias in evaluation.bias
        for group in bias.groups
    ]
    return ["## How groups fare", markdown_table(("column", "group", "rows", evaluation.primary), rows)] if rows else []


def _column(column: SignatureColumn) -> tuple[Markdown, ...]:
    values = ", ".join(map(code, (column.values or ())[:_MOST_VALUES]))
    if column.values and len(column.values) > _MOST_VALUES:
        values += f" and {len(column.values) - _MOST_VALUES} more"
    if column.values and not column.refuse_unseen:
        values += " (others count as unseen)"
    if column.min is not None or column.max is not None:
        ends = ("" if end is None else f"{end:g}" for end in (column.min, column.max))
        values = " to ".join(ends)
    if not values and column.format:
        values = code(column.format)
    missing = "yes" if column.nullable else "no"
    return code(column.name), Markdown(column.type.value), Markdown(missing), Markdown(values)
