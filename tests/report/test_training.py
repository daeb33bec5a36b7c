"""The training report, as a page."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from modelway.records.evaluate import Comparison, Estimate
from modelway.records.verdict import Verdict
from modelway.report.training import render_training

if TYPE_CHECKING:
    from collections.abc import Callable

VOID = {"meta", "br", "link", "img", "input", "hr"}
LOADING = {"src", "srcset", "data", "poster", "action", "background", "xlink:href"}


class Page(HTMLParser):
    """The elements of a page; fails where tags don't balance."""

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

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def said(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


def render(case: object) -> str:
    return render_training(*case.arguments())


def test_tags_balance_and_ids_are_unique(case):
    page = Page(render(case))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for attributes in page.all("a")}
    assert targets <= {f"#{one}" for one in ids}


def test_loads_and_runs_nothing(case):
    html = render(case)
    page = Page(html)
    assert not {tag for tag, _ in page.elements} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "image",
        "use",
    }
    for _, attributes in page.elements:
        assert not LOADING & attributes.keys()
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    style = re.search("<style>(.*?)</style>", html, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    assert not re.search(r"""(href|src)=["'](?!#)""", html)


def test_policy_allows_its_own_style_alone(case):
    html = render(case)
    policy = next(one["content"] for one in Page(html).all("meta") if "http-equiv" in one)
    style = re.search("<style>(.*?)</style>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"


@pytest.mark.parametrize(("kind", "most"), [("binary", 400_000), ("crowded", 1_500_000)])
def test_stays_small(cases, kind, most):
    assert len(render(cases[kind]()).encode()) < most


def test_same_records_give_same_bytes(cases):
    for make in cases.values():
        assert render(make()) == render(make())


def test_text_of_data_is_escaped(cases: dict[str, Callable]):
    attack = """<script>alert("1")</script>'&"""
    html = render(cases["crowded"](attack))
    assert "<script" not in html
    assert 'alert("1")' not in html
    assert "&lt;script&gt;alert(&#34;1&#34;)" in html
    assert attack in Page(html).said()


def test_characters_that_no_document_may_hold_are_replaced(cases):
    html = render(cases["crowded"]("\x00\x08\ud800"))
    html.encode()
    assert not re.search("[\x00-\x08]", html)


def test_long_text_is_cut_with_the_whole_as_tooltip(cases):
    page = Page(render(cases["crowded"]()))
    long = "<script>alert(1)</script> category " + "long " * 60 + "99"
    assert long in {one.get("title") for one in page.all("bdi")}
    assert long not in page.said()


@pytest.mark.parametrize(
    ("verdict", "word"),
    [("pass", "✓ Pass"), ("fail", "✕ Fail"), ("inconclusive", "? Inconclusive"), ("error", "! Error")],
)
def test_verdicts_are_words(cases, verdict, word):
    gate = cases["minimal"]().evaluation.gates[0].model_copy(update={"verdict": Verdict(verdict)})
    case = cases["minimal"]().with_evaluation(gates=(gate,), verdict=Verdict(verdict))
    assert Page(render(case)).said().count(word) == 2


def test_what_did_not_pass_comes_first(cases):
    said = Page(render(cases["binary"]())).said()
    assert "Of 10 gates: 1 failed, 1 inconclusive, 8 passed." in said
    gates = said[said.index("What must hold") :]
    assert gates.index("bias.race.demographic_parity") < gates.index("champion") < gates.index("minimum.roc_auc")


def test_waived_verdict_is_told_apart(cases):
    said = Page(render(cases["regression"]())).said()
    assert "2 passed, 1 inconclusive and waived by the settings" in said
    assert "? Inconclusive waived" in said


def test_primary_metric_comes_first(cases):
    said = Page(render(cases["binary"]())).said()
    metrics = said[said.index("bootstrap intervals") :]
    assert "0.914 0.908 to 0.919" in metrics
    assert metrics.index("ROC AUC") < metrics.index("Average precision")


def test_absent_records_are_left_out_or_said_to_be_absent(cases):
    page = Page(render(cases["minimal"]()))
    sections = {one["id"] for one in page.all("section")}
    assert sections == {"gates", "metrics", "data", "model", "provenance"}
    said = page.said()
    assert "There is no champion to compare with." in said
    assert "No hyperparameters were searched." in said
    assert "not defined" in said


def test_present_records_have_their_sections(cases):
    page = Page(render(cases["binary"]()))
    sections = {one["id"] for one in page.all("section")}
    expected = {"gates", "metrics", "predictions", "slices", "bias", "data", "model", "cost", "provenance"}
    assert sections == expected
    said = page.said()
    for part in (
        "14 test rows also stand among",
        "40 trials: 32 complete, 7 pruned, 1 failed",
        "california",
        "Haswell",
    ):
        assert part in said


def test_no_gate_is_said(cases):
    case = cases["minimal"]().with_evaluation(gates=(), verdict=Verdict.INCONCLUSIVE)
    assert "No gate was judged." in Page(render(case)).said()


def test_same_model_is_no_comparison(cases):
    same = Comparison(metric="roc_auc", candidate=0.9, champion=0.9, same_model=True)
    said = Page(render(cases["binary"]().with_evaluation(comparison=same))).said()
    assert "The candidate is the champion" in said


@pytest.mark.parametrize("difference", [None, Estimate(value=None), Estimate(value=0.0), Estimate(value=0.1)])
def test_comparison_may_lack_numbers(cases, difference):
    comparison = Comparison(metric="roc_auc", candidate=None, champion=None, difference=difference)
    assert (
        "candidate \N{EN DASH}, champion \N{EN DASH}"
        in Page(render(cases["binary"]().with_evaluation(comparison=comparison))).said()
    )


def test_bias_criteria_show_bound_and_verdict(cases):
    said = Page(render(cases["binary"]())).said()
    assert "Demographic parity 0.216 0.2 ✕ Fail" in said
    assert "Worst group 0.003 \N{EN DASH} not judged" in said
    assert "too few rows to judge" in said


def test_a_leak_is_named(cases):
    case = cases["regression"]()
    leak = case.evaluation.leaks[0].model_copy(update={"score": 0.995})
    assert "hr leaks" in Page(render(case.with_evaluation(leaks=(leak,)))).said()
    assert "hr leaks" not in Page(render(case)).said()


def test_tables_and_figures_are_described(case):
    html = render(case)
    page = Page(html)
    assert all(one.get("aria-label") for one in page.all("svg") if one.get("role") == "img")
    assert all(one.get("role") == "img" or one.get("aria-hidden") == "true" for one in page.all("svg"))
    assert all(one.get("scope") for one in page.all("th"))
    assert html.count("<figure") == html.count("<figcaption")
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@pytest.mark.parametrize("classes", [2, 41, 120])
def test_very_many_classes_columns_and_slices_are_cut_with_a_word(cases, classes):
    case = cases["multiclass"](classes)
    profile = case.dataset.profile * 130
    slices = cases["binary"]().evaluation.slices * 40
    case = case.with_evaluation(slices=slices)
    html = render_training(
        "wide", case.dataset.model_copy(update={"profile": profile}), case.fit, case.evaluation, None, {}
    )
    said = Page(html).said()
    assert (f"The first 40 of {classes} classes." in said) == (classes > 40)
    assert f"The first 500 of {len(profile)} columns." in said
    assert "100 more slices are in metrics.json." in said
    assert len(html.encode()) < 2_000_000
