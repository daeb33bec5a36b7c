"""What a smoke test found."""

from __future__ import annotations

from modelway.records.base import Record
from modelway.records.verdict import Verdict

_MOST_NAMED = 3
_WORST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE)


class SmokeCheck(Record):
    """One thing that an endpoint was asked."""

    name: str
    verdict: Verdict
    detail: str
    """What was seen."""
    attempts: int = 1
    """How often it was asked."""
    milliseconds: float | None = None
    """How long the last answer took."""


class SmokeReport(Record):
    """All that an endpoint was asked."""

    endpoint: str
    versions: tuple[str, ...]
    """The versions that it had to serve; what it said itself where no bundle was given."""
    checks: tuple[SmokeCheck, ...]
    answered: bool = True
    """Whether any answer came."""

    @property
    def verdict(self) -> Verdict:
        """The worst of the checks'; inconclusive where nothing was asked."""
        found = {check.verdict for check in self.checks}
        return next((one for one in _WORST if one in found), Verdict.PASS if found else Verdict.INCONCLUSIVE)

    @property
    def reason(self) -> str:
        """What was wrong, in one line, each thing once; empty where nothing was."""
        names: dict[str, list[str]] = {}
        for check in self.checks:
            if check.verdict is not Verdict.PASS:
                names.setdefault(check.detail, []).append(check.name)
        return "; ".join(f"{_listed(asked)}: {detail}" for detail, asked in names.items())


def _listed(names: list[str]) -> str:
    few = names if len(names) <= _MOST_NAMED else names[: _MOST_NAMED - 1]
    more = len(names) - len(few)
    return ", ".join(few) + (f" and {more} more" if more else "")
