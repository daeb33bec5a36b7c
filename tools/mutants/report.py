"""Reports which faults the tests saw, by capability."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.mutants.session import Result


def table(results: Sequence[Result]) -> str:
    """Return a Markdown table with a row for each capability, and the unseen faults below it.

    The share is that of faults which the type checker accepts: it runs before the tests, which need not see the others.
    """
    lines = ["", "| capability | faults | rejected by types | seen | not seen |", "|---|---|---|---|---|"]
    for capability in [*sorted({one.capability for one in results}), "**all**"]:
        rows = [one for one in results if capability in (one.capability, "**all**")]
        seen, rejected = (sum(one.verdict == verdict for one in rows) for verdict in ("seen", "types"))
        share = f" ({seen / (len(rows) - rejected):.0%})" if len(rows) > rejected else ""
        lines.append(f"| {capability} | {len(rows)} | {rejected} | {seen}{share} | {len(rows) - seen - rejected} |")
    for one in sorted(results, key=lambda one: (one.capability, one.id)):
        if one.verdict in ("unseen", "error"):
            problem = f", error: {one.by}" if one.verdict == "error" else ""
            ran = f"{one.tests} tests that {one.reason}, {one.cut} cut"
            lines += ["", f"{one.capability}: {one.id}{problem} ({ran})", one.diff]
    return "\n".join(lines)
