"""What a GitHub release says of a registered model, in Markdown. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.records.github import ReleasePlan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.records.evaluate import Estimate, Evaluation, GateVerdict
    from modelway.records.register import Version

DIRTY = "-dirty"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ABSENT = "\N{EN DASH}"


def plan_release(version: Version, evaluation: Evaluation) -> ReleasePlan:
    """The release of a registered version: the same record for the same version, so that it can be told apart.

    Args:
        version: the registered version.
        evaluation: what was measured of it.
    """
    # Two models in one repository, or a registry that was lost and began at 1 again, must not take over each other's.
    marker = f"<!-- modelway: {version.name} {version.model_digest} -->"
    commit = version.tags.get("commit", "").removesuffix(DIRTY)
    return ReleasePlan(
        tag=f"model-v{version.number}",
        title=f"{version.name} version {version.number}",
        notes="\n\n".join((marker, _metrics(evaluation), _gates(evaluation), _origin(version))) + "\n",
        marker=marker,
        commit=commit if _COMMIT.fullmatch(commit) else None,
    )


def _metrics(evaluation: Evaluation) -> str:
    rows = [
        (f"**{name}**" if name == evaluation.primary else name, _number(estimate.value), _interval(estimate))
        for name, estimate in evaluation.metrics.items()
    ]
    head = ("metric", "value", f"{evaluation.confidence:.0%} interval")
    return f"Measured on {evaluation.rows:,} held-out rows:\n\n{_table(head, rows)}"


def _gates(evaluation: Evaluation) -> str:
    rows = [(_code(gate.gate), _verdict(gate), _code(gate.reason)) for gate in evaluation.gates]
    return f"Gates: **{evaluation.verdict.value}**\n\n{_table(('gate', 'verdict', 'reason'), rows)}"


def _origin(version: Version) -> str:
    tags = ("data_digest", "settings_digest")
    rows = [("model digest", _code(version.model_digest))]
    rows += [(tag.replace("_", " "), _code(version.tags[tag])) for tag in tags if tag in version.tags]
    if commit := version.tags.get("commit"):
        note = " with changes that were not committed" if commit.endswith(DIRTY) else ""
        rows.append(("commit", _code(commit.removesuffix(DIRTY)) + note))
    rows.append(("MLflow run", _code(version.run_id)))
    return _table(("made from", ""), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _code(text: str) -> str:
    """Text as it is: names of columns and groups are data, and must neither mention people nor break the table."""
    shown = " ".join(text.replace("`", "'").split()).replace("|", "\\|")
    return f"`{shown}`" if shown else _ABSENT


def _verdict(gate: GateVerdict) -> str:
    return f"{gate.verdict.value} (let through)" if gate.waived else gate.verdict.value


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return _ABSENT
    return f"{_number(estimate.low)} to {_number(estimate.high)}"


def _number(value: float | None) -> str:
    if value is None:
        return _ABSENT
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}"
