"""What the commands of an environment show to people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway.cli.output import Output
    from modelway.records.deploy import Plan
    from modelway.records.smoke import SmokeReport


def show_plan(plan: Plan, output: Output) -> None:
    """The steps, in their order."""
    from rich.table import Table

    if not plan.steps:
        print(f"nothing to do: {plan.release} runs already")
        return
    print(f"{plan.environment} ({plan.target}): {plan.release}")
    table = Table(box=None, pad_edge=False)
    for title in ("step", "by", "what"):
        table.add_column(title, overflow="fold")
    for number, step in enumerate(plan.steps, 1):
        table.add_row(str(number), step.room, step.what)
    output.console.print(table)
    print(f"where it fails: {f'back to {plan.before}' if plan.before else 'there is no release to return to'}")


def show_smoke(report: SmokeReport, output: Output) -> None:
    """The answers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("verdict", "asked", "seen", "tries", "ms"):
        table.add_column(title, overflow="fold", justify="right" if title in {"tries", "ms"} else "left")
    for check in report.checks:
        milliseconds = "" if check.milliseconds is None else f"{check.milliseconds:.1f}"
        table.add_row(check.verdict.value, check.name, check.detail, str(check.attempts), milliseconds)
    output.console.print(table)
