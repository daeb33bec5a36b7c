"""`model_card.md`: what people ask of a model before they use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.bundle.comparing import PROBABILITY, VALUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    what = f"one of {', '.join(signature.classes)}" if signature.classes else "a number"
    parts = [
        f"# {info.name}, version {info.version}",
        f"Predicts `{signature.target}`: {what} ({signature.task.value}). It is kept as {_FORMATS[info.format]}.",
        "## Where it comes from",
        _table(("what", "value"), _provenance(info, origin, fit)),
        "## What it was measured to do",
        f"On {evaluation.rows:,} held-out rows; intervals at {evaluation.confidence:.0%} confidence.",
        _table(("metric", "value", "interval"), _metrics(evaluation.metrics)),
        "## What the gates said",
        _table(("gate", "verdict", "reason"), [(one.gate, one.verdict.value, one.reason) for one in evaluation.gates]),
        *_groups(evaluation),
        "## What it takes",
        _table(("column", "type", "may be missing", "values"), [_column(column) for column in signature.columns]),
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


def _provenance(info: BundleInfo, origin: Origin, fit: Fit) -> list[tuple[str, str]]:
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
    return [(name, f"`{value}`") for name, value in known.items() if value is not None]


def _metrics(metrics: dict[str, Estimate]) -> Iterator[tuple[str, str, str]]:
    for name, estimate in metrics.items():
        value = "not defined" if estimate.value is None else f"{estimate.value:.4g}"
        interval = "" if estimate.low is None else f"{estimate.low:.4g} to {estimate.high:.4g}"
        yield name, value, interval


def _groups(evaluation: Evaluation) -> list[str]:
    """The groups of the sensitive columns, where there are any."""
    rows = [
        (bias.column, group.value, f"{group.rows:,}", "" if group.primary is None else f"{group.primary:.4g}")
        for bias in evaluation.bias
        for group in bias.groups
    ]
    return ["## How groups fare", _table(("column", "group", "rows", evaluation.primary), rows)] if rows else []


def _column(column: SignatureColumn) -> tuple[str, str, str, str]:
    values = ", ".join((column.values or ())[:_MOST_VALUES])
    if column.values and len(column.values) > _MOST_VALUES:
        values += f" and {len(column.values) - _MOST_VALUES} more"
    if column.values and not column.refuse_unseen:
        values += " (others count as unseen)"
    if column.min is not None or column.max is not None:
        ends = ("" if end is None else f"{end:g}" for end in (column.min, column.max))
        values = " to ".join(ends)
    return column.name, column.type.value, "yes" if column.nullable else "no", values or (column.format or "")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
