"""How an evaluation looks on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelway.cli.output import Output
    from modelway.records.evaluate import Estimate, Evaluation

_STYLES = {"pass": "green", "fail": "red", "error": "red", "inconclusive": "yellow"}


def show_evaluation(output: Output, evaluation: Evaluation) -> None:
    """Print the metrics with their intervals, and the gates with their verdicts."""
    from rich.markup import escape
    from rich.table import Table

    percent = f"{evaluation.confidence:.0%}"
    metrics = Table(
        "metric", "value", f"{percent} interval", title=f"{evaluation.rows:,} held-out rows", title_justify="left"
    )
    for name, estimate in evaluation.metrics.items():
        style = "bold" if name == evaluation.primary else None
        metrics.add_row(name, _number(estimate.value), _interval(estimate), style=style)
    gates = Table(title=f"gates: {evaluation.verdict}", title_justify="left")
    gates.add_column("gate", no_wrap=True)
    gates.add_column("verdict")
    gates.add_column("reason", ratio=1)
    for gate in evaluation.gates:
        colour = _STYLES[gate.verdict]
        word = f"{gate.verdict} (let through)" if gate.waived else str(gate.verdict)
        gates.add_row(escape(gate.gate), f"[{colour}]{word}[/]", escape(gate.reason))
    output.console.print(metrics, gates, sep="\n")


def evaluation_record(evaluation: Evaluation) -> dict[str, Any]:
    """The part of a command's JSON record that tells the verdicts."""
    return {
        "verdict": evaluation.verdict.value,
        "metrics": {name: estimate.model_dump(mode="json") for name, estimate in evaluation.metrics.items()},
        "gates": [gate.model_dump(mode="json") for gate in evaluation.gates],
        "model_digest": evaluation.model_digest,
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"


def _interval(estimate: Estimate) -> str:
    return "-" if estimate.low is None else f"{_number(estimate.low)} to {_number(estimate.high)}"
