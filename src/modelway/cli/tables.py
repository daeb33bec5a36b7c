"""What the commands of an environment show to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.output import Column, show, show_table

if TYPE_CHECKING:
    from modelway.records.deploy import Plan
    from modelway.records.smoke import SmokeReport


def show_plan(plan: Plan) -> None:
    """The steps, in their order."""
    if not plan.steps:
        show(f"nothing to do: {plan.release} runs already")
        return
    show(f"{plan.environment} ({plan.target}): {plan.release}")
    columns = [Column(title, fold=True) for title in ("step", "by", "what")]
    show_table(columns, [(str(at), step.room, step.what) for at, step in enumerate(plan.steps, 1)], box=False)
    show(f"where it fails: {f'back to {plan.before}' if plan.before else 'there is no release to return to'}")


def show_smoke(report: SmokeReport) -> None:
    """The answers."""
    columns = [Column(title, fold=True) for title in ("verdict", "asked", "seen")]
    columns += [Column(title, fold=True, justify="right") for title in ("tries", "ms")]
    rows = []
    for check in report.checks:
        milliseconds = "" if check.milliseconds is None else f"{check.milliseconds:.1f}"
        rows.append((check.verdict.value, check.name, check.detail, str(check.attempts), milliseconds))
    show_table(columns, rows, box=False)
