"""What a gate or a check can say."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """What a gate or a check says. Missing evidence is never a pass."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
