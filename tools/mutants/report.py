"""Reports which faults the tests saw, by capability."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.mutants.session import Result


def table(results: Sequence[Result]) -> str:
    """Return a Markdown table with a row for each capability, and the unseen faults below it."""
    lines = ["", "| capability | faults | seen | not seen |", "|---|---|---|---|"]
    for capability in [*sorted({one.capability for one in results}), "**all**"]:
        rows = [one for one in results if capability in (one.capability, "**all**")]
        seen = sum(one.verdict == "seen" for one in rows)
        share = f" ({seen / len(rows):.0%})" if rows else ""
        lines.append(f"| {capability} | {len(rows)} | {seen}{share} | {len(rows) - seen} |")
    for one in sorted(results, key=lambda one: (one.capability, one.id)):
        if one.verdict != "seen":
            problem = f", {one.verdict}: {one.by}" if one.verdict == "error" else ""
            lines += [
                "",
                f"{one.capability}: {one.id}{problem} ({one.tests} tests that {one.reason}, {one.cut} cut)",
                one.diff,
            ]
    return "\n".join(lines)
