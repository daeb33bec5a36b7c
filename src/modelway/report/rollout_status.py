"""The colour of a rollout's status."""

from __future__ import annotations

from modelway.records.rollout_state import RolloutStatus
from modelway.records.verdict import Verdict

STATUS_STYLES = {
    RolloutStatus.RUNNING: Verdict.INCONCLUSIVE,
    RolloutStatus.PAUSED: Verdict.INCONCLUSIVE,
    RolloutStatus.WATCHING: Verdict.INCONCLUSIVE,
    RolloutStatus.COMPLETE: Verdict.PASS,
    RolloutStatus.ROLLED_BACK: Verdict.FAIL,
    RolloutStatus.ABORTED: Verdict.ERROR,
}
"""By status."""
