"""How an evaluation looks on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.cli.output import VERDICT_STYLES, Column, Styled, show_table

if TYPE_CHECKING:
    from modelway.records.evaluate import Estimate, Evaluation


def show_evaluation(evaluation: Evaluation) -> None:
    """Print the metrics with their intervals, and the gates with their verdicts."""
    metrics = [
        tuple(
            Styled(cell, "bold" if name == evaluation.primary else "")
            for cell in (name, _number(estimate.value), _interval(estimate))
        )
        for name, estimate in evaluation.metrics.items()
    ]
    columns = (Column("metric"), Column("value"), Column(f"{evaluation.confidence:.0%} interval"))
    show_table(columns, metrics, title=f"{evaluation.rows:,} held-out rows")
    gates = [
        (
            gate.gate,
            Styled(f"{gate.verdict} (let through)" if gate.waived else gate.verdict, VERDICT_STYLES[gate.verdict]),
            gate.reason,
        )
        for gate in evaluation.gates
    ]
    columns = (Column("gate", no_wrap=True), Column("verdict"), Column("reason", ratio=1))
    show_table(columns, gates, title=f"gates: {evaluation.verdict}")


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
