"""The page of a rollout: what has to stand there, whatever became of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from modelway.records.rollout import OutcomeGuard
from modelway.records.rollout_forecast import Forecast, StepForecast
from modelway.records.rollout_seen import RolloutAction, RolloutDecision
from modelway.records.rollout_state import RolloutStatus
from modelway.report.rollout import render_rollout

VOID = {"meta", "br"}
MINUS = "\N{MINUS SIGN}"
NAMES = ("empty", "good", "bad", "shifted", "held")


class Page(HTMLParser):
    """The elements of a page and its text; fails where tags don't balance."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)

    @property
    def said(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))

    @property
    def charts(self) -> list[str]:
        """What is said of each of them to those who can't see it."""
        return [one["aria-label"] or "" for tag, one in self.elements if tag == "svg" and "aria-label" in one]


@pytest.fixture(scope="module")
def made(rollouts: Any) -> dict[str, Any]:
    return {name: rollouts.CASES[name]() for name in NAMES}


def page_of(case: Any, forecast: Forecast | None = None) -> Page:
    return Page(render_rollout(*case.arguments(), forecast))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_one_page_that_loads_nothing(made: Any, name: str) -> None:
    html = render_rollout(*made[name].arguments())
    page = Page(html)
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    assert {one["href"] for tag, one in page.elements if tag == "a"} <= {f"#{one}" for one in ids}
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object"}
    assert not [name for _, one in page.elements for name in one if name.startswith("on") or name == "style"]
    assert "url(" not in html
    assert html == render_rollout(*made[name].arguments())


@pytest.mark.parametrize("name", NAMES)
def test_it_says_who_and_why(made: Any, name: str) -> None:
    case, page = made[name], page_of(made[name])
    for text in ("loans", "version 7", "version 5", "7a" * 32, "5c" * 32, case.rollout.reason, case.rollout.plan):
        assert text in page.said


def test_one_that_went_well(made: Any) -> None:
    page = page_of(made["good"])
    assert "Complete: version 7 answers everything." in page.said
    assert page.said.count("✓ done") == len(made["good"].options.steps)
    assert "✓ reached" in page.said
    assert "advance" in page.said
    assert "The share is now 100%." in page.charts


def test_one_that_went_badly(made: Any) -> None:
    case, page = made["bad"], page_of(made["bad"])
    assert "Rolled back: version 5 answers everything again." in page.said
    assert "ended here" in page.said
    assert "✓ reached" not in page.said
    assert "The share is now 0%." in page.charts
    evidence = case.ticks[-1].decision.numbers["errors_log_evidence"]
    assert any(f"The log evidence is {evidence:.2f}".rstrip("0") in one for one in page.charts)
    assert any("dots bad" in (one.get("class") or "") for _, one in page.elements)


def test_one_that_is_held_says_that_the_evidence_is_not_complete(made: Any) -> None:
    page = page_of(made["held"])
    assert "Held, because the evidence is not complete: step" in page.said
    assert "metrics are late" in page.said
    assert "▸ here" in page.said


def test_a_step_that_has_only_just_begun_is_not_held(made: Any) -> None:
    case = made["held"]
    fresh = case.changed(step_began=case.ticks[-1].time - 100)
    assert "Under way: step 3 of 4" in page_of(fresh).said
    assert "Held," not in page_of(fresh).said


def test_one_of_which_nothing_was_seen(made: Any) -> None:
    page = page_of(made["empty"])
    for text in ("Under way: step 1 of 4, shadow 100%.", "nothing seen yet", "Nothing has been decided yet."):
        assert text in page.said
    assert page.charts == []


def test_a_slice_that_differs_is_there_with_its_numbers(made: Any) -> None:
    case, page = made["shifted"], page_of(made["shifted"])
    south = [one.pairs["region = south"] for tick in case.ticks for one in tick.intervals]
    pairs, flips = sum(one.pairs for one in south), sum(one.flips for one in south)
    shift = sum(one.total for one in south) / pairs
    row = re.search(r"region = south (\S+) (\S+)% (\S+)", page.said.partition("Pairs of answers by slice")[2])
    assert row is not None
    assert row[1] == f"{pairs:,}"
    assert float(row[2]) == pytest.approx(100 * flips / pairs, abs=0.05)
    assert float(row[3]) == pytest.approx(shift, abs=0.0005)


def test_margins_are_those_of_the_step(made: Any) -> None:
    said = page_of(made["good"]).said.partition("Effects")[2]
    canary = said.partition("Step 2, canary 5%")[2].partition("Step 1,")[0]
    assert "below +2 points" in canary
    assert "2 times the champion" in canary
    assert "below 0.8" in canary
    assert "below +0.5 points" in said.partition("Step 3,")[0]


@pytest.mark.parametrize(("needed", "words"), [(True, f"above {MINUS}0.02"), (False, "not waited for")])
def test_outcomes_let_a_step_end_only_where_they_are_needed(made: Any, needed: bool, words: str) -> None:
    case = with_numbers(made["good"], NUMBERS)
    guard = OutcomeGuard(alpha=0.0 if not needed else 0.01, uri="labels", needed=needed)
    guards = case.options.guards.model_copy(update={"outcome": guard})
    options = case.options.model_copy(update={"guards": guards})
    assert words in page_of(type(case)(case.rollout, case.ticks, options)).said


def test_each_decision_names_the_flags_in_force(made: Any) -> None:
    case, page = made["good"], page_of(made["good"])
    table = page.said.partition("those that say the same stand together")[2].partition("Provenance")[0]
    assert {tick.flags[:12] for tick in case.ticks} == set(re.findall(r"(?<!\w)(?:0\d){6}(?!\w)", table))


def test_counts_are_those_of_the_ticks(made: Any) -> None:
    case, page = made["bad"], page_of(made["bad"])
    intervals = [one for tick in case.ticks for one in tick.intervals]
    assert f"Requests seen {sum(one.requests for one in intervals):,}" in page.said
    for arm in ("champion", "challenger"):
        failed, keys = (sum(getattr(getattr(one, arm), name) for one in intervals) for name in ("failed", "keys"))
        assert f"{failed:,} of {keys:,}" in page.said


NUMBERS = {
    "errors_log_evidence": 1.23,
    "errors_log_bound": 3.45,
    "errors_upper": 0.01357,
    "champion_latency_low_ms": 21.5,
    "champion_latency_high_ms": 26.5,
    "challenger_latency_low_ms": 22.5,
    "challenger_latency_high_ms": 28.5,
    "predictions_low": 0.0321,
    "predictions_high": 0.0654,
    "outcome_difference": -0.0111,
    "outcome_low": -0.0333,
    "outcome_high": 0.0222,
    "pairs": 6034.0,
    "flips": 0.0171,
    "flips_upper": 0.0246,
    "score_shift": 0.0135,
    "score_shift_radius": 0.00246,
}
SHOWN = ("1.23", "3.45", "+1.36", "21.5", "26.5", "22.5", "28.5", "0.0321", "0.0654", f"{MINUS}0.0111",
         f"{MINUS}0.0333", "+0.0222", "2.5%", "1.7% of 6,034 pairs", "+0.0135", "0.00246")  # fmt: skip


def with_numbers(case: Any, numbers: dict[str, float | None]) -> Any:
    """Its last tick has these."""
    decision = case.ticks[-1].decision.model_copy(update={"numbers": numbers})
    ticks = (*case.ticks[:-1], case.ticks[-1].model_copy(update={"decision": decision}))
    return type(case)(case.rollout, ticks, case.options)


NEEDED = {
    "errors_log_evidence": ("1.23",),
    "errors_log_bound": ("3.45",),
    "errors_upper": ("+1.36",),
    "champion_latency_low_ms": ("21.5",),
    "champion_latency_high_ms": ("26.5",),
    "challenger_latency_low_ms": ("22.5",),
    "challenger_latency_high_ms": ("28.5",),
    "predictions_low": ("0.0321",),
    "predictions_high": ("0.0321", "0.0654"),
    "outcome_difference": (f"{MINUS}0.0111", f"{MINUS}0.0333", "+0.0222"),
    "outcome_low": (f"{MINUS}0.0333", "+0.0222"),
    "outcome_high": (f"{MINUS}0.0333", "+0.0222"),
    "pairs": ("1.7% of 6,034 pairs",),
    "flips": ("2.5%", "1.7% of 6,034 pairs"),
    "flips_upper": ("2.5%",),
    "score_shift": ("+0.0135", "0.00246"),
    "score_shift_radius": ("0.00246",),
}
"""What is shown of each number: alone, or as an end of an interval that takes both."""


def shown(case: Any, numbers: dict[str, float | None]) -> set[str]:
    """Which of `SHOWN` the page has for a last tick with these numbers."""
    page = page_of(with_numbers(case, numbers))
    whole = page.said + " ".join(page.charts)
    assert not re.search(r"\b(None|nan|inf)\b", whole)
    return {one for one in SHOWN if one in whole}


def test_a_decisions_numbers_are_shown(made: Any) -> None:
    assert shown(made["bad"], NUMBERS) == set(SHOWN)
    assert shown(made["bad"], dict.fromkeys(NUMBERS)) == set()


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_number_that_is_not_known_is_left_out_and_all_others_are_shown(made: Any, name: str) -> None:
    assert shown(made["bad"], {**NUMBERS, name: None}) == set(SHOWN) - set(NEEDED[name])
    assert shown(made["bad"], {name: NUMBERS[name]}) <= set(NEEDED[name])


def test_text_of_data_is_escaped(made: Any) -> None:
    attack = """<script>alert("1")</script>'&"""
    case = made["shifted"].changed(reason=attack, model=attack, id=attack)
    decision = RolloutDecision(action=RolloutAction.BACK, reasons=(attack,), numbers=NUMBERS)
    intervals = tuple(
        one.model_copy(update={"pairs": {**one.pairs, attack: one.pairs["all"]}}) for one in case.ticks[-1].intervals
    )
    last = case.ticks[-1].model_copy(update={"decision": decision, "intervals": intervals, "flags": attack})
    html = render_rollout(case.rollout, (*case.ticks[:-1], last), case.options)
    assert "<script" not in html
    assert 'alert("1")' not in html
    assert Page(html).said.count(attack) >= 4


def test_decisions_that_say_the_same_stand_together_newest_first(made: Any) -> None:
    case, page = made["held"], page_of(made["held"])
    late = [tick for tick in case.ticks if "metrics are late" in tick.decision.reasons[0]]
    table = page.said.partition("those that say the same stand together")[2]
    assert table.count("metrics are late") == 1
    assert re.search(rf"since \S+ \S+ {len(late)} ", table)
    times = re.findall(r"2026-11-27 \d\d:\d\d:\d\d(?= (?:since|\d))", table.partition("Provenance")[0])
    assert times == sorted(times, reverse=True)


def test_it_is_loaded_again_until_it_is_over(made: Any) -> None:
    for name, again in (("held", True), ("empty", True), ("good", False), ("bad", False)):
        found = [one for _, one in page_of(made[name]).elements if one.get("http-equiv") == "refresh"]
        assert [one["content"] for one in found] == (["15"] if again else []), name


def test_a_page_of_a_thousand_ticks_stays_small(made: Any) -> None:
    case = made["good"]
    numbered = [tick.model_copy(update={"share": 0.5 + at / 4000}) for at, tick in enumerate(case.ticks * 20)]
    html = render_rollout(case.rollout, numbered, case.options)
    assert len(html.encode()) < 600_000
    assert f"And {len(numbered) - 200:,} older ones" in Page(html).said


def test_what_was_foreseen_stands_beside_the_steps(made: Any) -> None:
    steps = (
        StepForecast(share=0.0, minutes=125.0, requests=12345.0),
        StepForecast(share=0.05, minutes=None, requests=None),
    )
    page = page_of(made["empty"], Forecast(per_second=3.5, errors=0.002, steps=steps))
    assert "2 h 05 min, 12,345 requests" in page.said
    assert "24 h, then hold more than a day" in page.said
    assert "3.5 requests a second of which 0.2% fail" in page.said


@pytest.mark.parametrize("status", list(RolloutStatus))
def test_every_status_has_its_sentence(made: Any, status: RolloutStatus) -> None:
    case = made["good"].changed(status=status, step=2 if status is not RolloutStatus.WATCHING else 4)
    assert status.value.capitalize() in page_of(case).said


def test_a_plan_with_fewer_steps_than_the_rollout_had_shows_those_and_all_that_was_seen(made: Any) -> None:
    case = made["good"]
    shorter = case.options.model_copy(update={"steps": case.options.steps[:1]})
    page = page_of(type(case)(case.rollout, case.ticks, shorter))
    assert "Complete: version 7 answers everything." in page.said
    plan = page.said.partition("Deadline Began, UTC")[2].partition("Evidence")[0]
    assert re.findall(r"(\d\. .*?) ✓ done", plan) == ["1. shadow 100%", "2. all of the traffic"]
    requests = sum(one.requests for tick in case.ticks for one in tick.intervals)
    assert f"Requests seen {requests:,}" in page.said
    assert {tick.flags[:12] for tick in case.ticks} <= set(re.findall(r"(?<!\w)(?:0\d){6}(?!\w)", page.said))


def test_a_rollout_of_seconds_has_its_marks(made: Any) -> None:
    case = made["bad"]
    html = render_rollout(
        case.rollout.model_copy(update={"ended": case.rollout.began + 20}), case.ticks[-1:], case.options
    )
    drawn = html.partition("the e-process and its bound</figcaption>")[2].partition("</figure>")[0]
    assert 'class="dots' in drawn
    short = case.rollout.model_copy(update={"observed_until": case.rollout.began, "epochs": (), "ended": None})
    tick = case.ticks[-1].model_copy(update={"time": case.rollout.began + 20})
    assert "Seconds since it began" in render_rollout(short, (tick,), case.options)


def test_bounds_that_say_nothing_are_not_drawn(made: Any) -> None:
    nothing = {"errors_upper": 1.0, "predictions_low": 0.0, "predictions_high": 1.0}
    latency = {f"{arm}_latency_{side}_ms": bound for arm in ("champion", "challenger")
               for side, bound in (("low", 0.0), ("high", None))}  # fmt: skip
    case = made["bad"]
    ticks = tuple(
        tick.model_copy(update={"decision": tick.decision.model_copy(update={"numbers": nothing | latency})})
        for tick in case.ticks
    )
    said = " ".join(page_of(type(case)(case.rollout, ticks, case.options)).charts)
    assert "may fail up to" not in said
    assert "percentile" not in said
    assert "distance" not in said


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(400, False), (1200, True)])
def test_a_browser_shows_it_without_complaint(made: Any, tmp_path: Path, width: int, dark: bool) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")
    page = tmp_path / "rollout.html"
    page.write_text(render_rollout(*made["held"].arguments()), encoding="utf-8")
    argv = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000", "--enable-logging=stderr",
            *(["--blink-settings=preferredColorScheme=0"] if dark else []), "--dump-dom", page.as_uri()]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "the e-process and its bound" in done.stdout
    assert "Content Security Policy" not in done.stderr
