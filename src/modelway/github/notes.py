"""What a GitHub release says of a registered model, in Markdown. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.escaping import Markdown, code, comment, markdown_table, printable
from modelway.records.github import ReleasePlan

if TYPE_CHECKING:
    from modelway.records.evaluate import Estimate, Evaluation, GateVerdict
    from modelway.records.register import Version

DIRTY = "-dirty"
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_ABSENT = Markdown("\N{EN DASH}")


def plan_release(version: Version, evaluation: Evaluation) -> ReleasePlan:
    """The release of a registered version: the same record for the same version, so that it can be told apart.

    Args:
        version: the registered version.
        evaluation: what was measured of it.
    """
    # Two models in one repository, or a registry that was lost and began at 1 again, must not take over each other's.
    marker = comment(f"modelway: {version.name} {version.model_digest}")
    commit = version.tags.get("commit", "").removesuffix(DIRTY)
    return ReleasePlan(
        tag=version.tag,
        title=printable(f"{version.name} version {version.number}"),
        notes="\n\n".join((marker, _metrics(evaluation), _gates(evaluation), _origin(version))) + "\n",
        marker=marker,
        commit=commit if _COMMIT.fullmatch(commit) else None,
    )


def _metrics(evaluation: Evaluation) -> str:
    rows = [
        (
            Markdown(f"**{code(name)}**") if name == evaluation.primary else code(name),
            _number(estimate.value),
            _interval(estimate),
        )
        for name, estimate in evaluation.metrics.items()
    ]
    head = ("metric", "value", f"{evaluation.confidence:.0%} interval")
    return f"Measured on {evaluation.rows:,} held-out rows:\n\n{markdown_table(head, rows)}"


def _gates(evaluation: Evaluation) -> str:
    rows = [(code(gate.gate), _verdict(gate), code(gate.reason)) for gate in evaluation.gates]
    return f"Gates: **{evaluation.verdict.value}**\n\n{markdown_table(('gate', 'verdict', 'reason'), rows)}"


def _origin(version: Version) -> str:
    tags = ("data_digest", "settings_digest")
    rows = [(Markdown("model digest"), code(version.model_digest))]
    rows += [(Markdown(tag.replace("_", " ")), code(version.tags[tag])) for tag in tags if tag in version.tags]
    if commit := version.tags.get("commit"):
        note = " with changes that were not committed" if commit.endswith(DIRTY) else ""
        rows.append((Markdown("commit"), Markdown(code(commit.removesuffix(DIRTY)) + note)))
    rows.append((Markdown("MLflow run"), code(version.run_id)))
    return markdown_table(("made from", ""), rows)


def _verdict(gate: GateVerdict) -> Markdown:
    return Markdown(f"{gate.verdict.value} (let through)" if gate.waived else gate.verdict.value)


def _interval(estimate: Estimate) -> Markdown:
    if estimate.low is None or estimate.high is None:
        return _ABSENT
    return Markdown(f"{_number(estimate.low)} to {_number(estimate.high)}")


def _number(value: float | None) -> Markdown:
    if value is None:
        return _ABSENT
    return Markdown(f"{value:.4f}" if abs(value) < 1000 else f"{value:,.1f}")
