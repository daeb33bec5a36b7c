"""The newest rollout on the monitoring page."""

from __future__ import annotations

from typing import Any

import pytest

from modelway.records.decision import Decision, Finding, Observation
from modelway.records.monitor import Action
from modelway.records.verdict import Verdict
from modelway.report.monitoring import render_monitoring

FINDING = Finding(verdict=Verdict.PASS, reason="all is well")


def page(rollout: Any) -> str:
    seen = Observation(drift=FINDING, performance=FINDING, moved=(), traffic=None, release_hours=None)
    decision = Decision(action=Action.NOTHING, reasons=("drift and performance pass",))
    return render_monitoring("loans", seen, decision, None, None, ("2026-11-26T00:00", "2026-11-27T00:00"), rollout)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("good", ("Complete", "all steps are done", "100%", "step 4", "step 5")),
        ("bad", ("Rolled back", "fails more often", "rolled back", "5%", "0%")),
        ("held", ("Running", "metrics are late", "25%")),
        ("empty", ("Running", "it begins", "began")),
    ],
)
def test_it_tells_what_became_of_the_newest_rollout(rollouts: Any, name: str, words: tuple[str, ...]) -> None:
    html = page(rollouts.CASES[name]().rollout)
    section = html.partition('<section id="rollout">')[2].partition("</section>")[0]
    for text in (*words, "Version 7 in place of 5", "2026-11-27 03:30:00"):
        assert text in section
    assert "<a " not in section


def test_an_environment_without_rollouts_says_nothing_of_them(rollouts: Any) -> None:
    assert "ollout" not in page(None)


def test_one_that_can_not_be_read_is_told_in_its_place() -> None:
    html = page("rollout.json: the state of the rollout <b>can't</b> be read")
    assert "Not read: " in html
    assert "<b>" not in html


def test_its_text_is_escaped(rollouts: Any) -> None:
    html = page(rollouts.empty().changed(reason="<script>x</script>").rollout)
    assert "<script>" not in html
    assert "&lt;script&gt;x" in html
