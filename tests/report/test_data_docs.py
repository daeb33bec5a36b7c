"""The data docs, as a page."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest

from modelway.records.checks import Severity
from modelway.records.data import ColumnType
from modelway.records.data_docs import (
    ColumnSummary,
    DataCheck,
    DataChecks,
    DataFile,
    DataHistogram,
    DataProfile,
    FailedRow,
)
from modelway.records.verdict import Verdict
from modelway.report.data_docs import render_data_docs

ATTACK = """<script>alert("1")</script>'&"""
VOID = {"meta", "br"}


class Page(HTMLParser):
    """The elements of a page and what it says; fails where tags don't balance."""

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


def check(name: str = "range.age", verdict: str = "pass", *columns: str, **more: object) -> DataCheck:
    fields = {"source": "checks", "severity": Severity.FAIL, "expected": "between 18 and 100", "reason": f"why {name}"}
    kind = name.partition(".")[0]
    return DataCheck(name=name, check=kind, columns=columns, verdict=Verdict(verdict), **{**fields, **more})


def rows(count: int, **values: str | None) -> tuple[FailedRow, ...]:
    return tuple(FailedRow(file="part.parquet", row=10 + place, values=values) for place in range(count))


def number_column(name: str = "age", **more: object) -> ColumnSummary:
    fields = {
        "type": ColumnType.INTEGER,
        "declared": True,
        "stored": "int64",
        "missing": 0,
        "distinct": 73,
        "min": 18.0,
        "max": 150.0,
        "mean": 44.25,
        "std": 11.5,
        "quantiles": {"0.05": 19.0, "0.25": 31.0, "0.5": 43.0, "0.75": 57.0, "0.95": 88.0},
        "histogram": DataHistogram(edges=(18.0, 62.0, 106.0, 150.0), counts=(700, 250, 50)),
    }
    return ColumnSummary(name=name, **{**fields, **more})


def category_column(name: str = "grade", **more: object) -> ColumnSummary:
    fields = {
        "type": ColumnType.CATEGORY,
        "declared": True,
        "stored": "string",
        "missing": 30,
        "distinct": 3,
        "min": 0.0,
        "max": 7.0,
        "top": (("A", 500), ("", 300), ("other", 170)),
    }
    return ColumnSummary(name=name, **{**fields, **more})


def document(*checks: DataCheck, columns: tuple[ColumnSummary, ...] | None = None, **more: object) -> DataChecks:
    fields = {
        "uri": "data/loans.csv",
        "checked_at": "2026-11-24T14:00:00+00:00",
        "verdict": Verdict.FAIL,
        "files": (DataFile(name="loans.csv", rows=1000, size=52_000, sha256="5f" * 32),),
        "profile": DataProfile(rows=1000, columns=(number_column(), category_column()) if columns is None else columns),
    }
    return DataChecks(checks=checks, **{**fields, **more})


def full(text: str = "plain") -> DataChecks:
    """One of everything, with `text` wherever data or a person's own words can stand."""
    odd = category_column(text, top=((text, 900), ("b", 70)), stored=text)
    dates = number_column("seen", type=ColumnType.DATE, min=1.6e9, max=1.7e9, mean=None, std=None, unreadable=3)
    broken = check(
        f"range.{text}",
        "fail",
        text,
        "age",
        expected=text,
        reason=text,
        observed={text: text, "share": 0.05},
        rows=1000,
        failing=50,
        examples=rows(3, **{text: text, "age": None}),
    )
    return document(
        broken,
        check("missing.grade", "fail", text, severity=Severity.WARN, rows=1000, failing=1),
        check("expectation.kl", "error"),
        check("freshness.seen", "inconclusive", "seen"),
        check("unique.id", "pass", rows=1000, failing=0),
        columns=(
            number_column(distinct_exact=False, quantile_error=0.004),
            odd,
            dates,
            number_column(
                "none", missing=1000, distinct=0, min=None, max=None, mean=None, histogram=None, quantiles={}
            ),
            number_column("constant", histogram=DataHistogram(edges=(1.0, 1.0), counts=(1000,))),
            ColumnSummary(name="tags", type=None, declared=False, stored="list[string]", missing=0),
        ),
        uri=f"s3://bucket/{text}",
        files=(DataFile(name=text, rows=1, size=2, sha256="aa"),),
        baseline=f"base/{text}",
        failed_rows=40,
        failed_rows_found=51,
    )


@pytest.fixture(params=["full", "passed", "empty"])
def result(request: pytest.FixtureRequest) -> DataChecks:
    """Results of several kinds."""
    if request.param == "full":
        return full()
    if request.param == "passed":
        return document(check("range.age", "pass", "age", rows=1000, failing=0), verdict=Verdict.PASS)
    return document(columns=(), files=(), verdict=Verdict.ERROR, profile=DataProfile(rows=0, columns=()))


def test_tags_balance_and_links_lead_somewhere(result):
    page = Page(render_data_docs(result))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"] for attributes in page.all("a")} <= {f"#{one}" for one in ids}


def test_loads_and_runs_nothing(result):
    html = render_data_docs(result)
    page = Page(html)
    assert "http:" not in html
    assert "https:" not in html
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "embed", "use"}
    for _, attributes in page.elements:
        assert not {"src", "srcset", "action", "style", "background"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
    style = re.search("<style>(.*?)</style>", html, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(one["content"] for one in page.all("meta") if "http-equiv" in one)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"


def test_text_of_data_is_escaped():
    html = render_data_docs(full(ATTACK))
    assert "<script" not in html
    assert 'alert("1")' not in html
    said = Page(html).said()
    for part in (f"range.{ATTACK}", f"s3://bucket/{ATTACK}", f"base/{ATTACK}"):
        assert part in said


def test_characters_that_no_document_may_hold_are_replaced():
    html = render_data_docs(full("a\x00\x08b"))
    html.encode()
    assert not re.search("[\x00-\x08]", html)


def test_every_check_is_shown_with_all_that_it_found():
    result = full()
    page = Page(render_data_docs(result))
    said = page.said()
    for one in result.checks:
        assert said.count(one.name) >= 1
        assert one.expected in said
        assert one.reason in said
    assert len([one for one in page.all("li") if (one.get("id") or "").startswith("check-")]) == len(result.checks)
    assert "plain plain" in said
    assert "Share" not in said[: said.index("Columns")]
    assert "50 of 1,000 rows 5%" in said
    assert "Rows looked at 1,000" in said
    assert said.count("warns only") == 1


def test_rows_that_broke_a_check_are_shown_with_their_place():
    said = Page(render_data_docs(full())).said()
    assert "The first 3 of them File Row plain age part.parquet 10 plain missing part.parquet 11 plain missing" in said
    whole = document(check("unique.id", "fail", "id", rows=1000, failing=2, examples=rows(2, id="7")))
    assert "The 2 rows File Row id part.parquet 10 7 part.parquet 11 7" in Page(render_data_docs(whole)).said()


def test_a_check_of_another_suite_names_it():
    said = Page(render_data_docs(document(check("a"), check("b", source="suites/gx.json")))).said()
    assert said.count("from suites/gx.json") == 1
    assert "from checks" not in said


def test_headline_counts_by_verdict_and_names_what_decides():
    said = Page(render_data_docs(full())).said()
    assert "Of 5 checks: 1 failed, 1 could not be judged, 1 inconclusive, 1 passed, 1 warns." in said
    assert said.index("range.plain : plain") < said.index("expectation.kl : why") < said.index("missing.grade : why")
    assert "51 the first 40 in failed_rows.parquet" in said


@pytest.mark.parametrize(
    ("checks", "sentence"),
    [
        ((), "Nothing was checked."),
        ((check(),), "The only check passed."),
        ((check("a"), check("b")), "All 2 checks passed."),
        ((check("a", "fail"),), "Of 1 check: 1 failed."),
    ],
)
def test_headline_of_few_checks(checks, sentence):
    assert sentence in Page(render_data_docs(document(*checks))).said()


@pytest.mark.parametrize(
    ("verdict", "word"),
    [("pass", "✓ Pass"), ("fail", "✕ Fail"), ("inconclusive", "? Inconclusive"), ("error", "! Error")],
)
def test_verdicts_are_words(verdict, word):
    html = render_data_docs(document(check("range.age", verdict, "age"), verdict=Verdict(verdict)))
    assert Page(html).said().count(word) == 3


def test_what_decides_stands_before_what_warns_and_what_passed():
    said = Page(render_data_docs(full())).said()
    titles = ("Failed 1", "Could not be judged 1", "Inconclusive 1", "Warnings 1", "Passed 1")
    places = [said.index(title) for title in titles]
    assert places == sorted(places)


def test_columns_are_described():
    said = Page(render_data_docs(full())).said()
    for part in (
        "age integer 1 of 1 0 ≈ 73 18 to 150",
        "Standard deviation 11.5",
        "least 18 5% 19 25% 31 median 43 75% 57 95% 88 greatest 150",
        "each rank within 0.4% of the rows",
        "2020-09-13 to 2023-11-14",
        "Not of the type 3 0.3%",
        "estimated, within about 3%",
        "list[string] not declared",
        "Length 0 to 7 characters",
    ):
        assert part in said
    labels = [one["aria-label"] for one in Page(render_data_docs(full())).all("svg") if one.get("role") == "img"]
    assert "From 18 to 150; the fullest bin holds 700 rows." in labels


def test_most_frequent_values_are_listed_with_rows_and_share():
    said = Page(render_data_docs(document(columns=(category_column(),)))).said()
    assert "Values Value Rows Share A 500 50% (empty) 300 30% other 170 17%" in said
    scaled = category_column(top_exact=False, distinct=900)
    said = Page(render_data_docs(document(columns=(scaled,)))).said()
    assert "Most frequent values scaled up from a sample" in said


def test_values_that_say_nothing_are_not_listed():
    many = number_column(top=(("36", 15), ("55", 14)))
    few = number_column("few", distinct=2, top=(("1", 600), ("2", 400)))
    rare = category_column("rare", top_exact=False, distinct=900, top=(("common", 5), ("chance", 4)))
    said = Page(render_data_docs(document(columns=(many, few, rare)))).said()
    assert "36" not in said
    assert "Values Value Rows Share 1 600 60% 2 400 40%" in said
    assert "common 5" in said
    assert "chance" not in said


def test_shares_read_as_percentages():
    one = check("distinct_share.id", observed={"distinct": 7, "share": 0.99999}, rows=None)
    assert "Distinct 7 Share >99.9%" in Page(render_data_docs(document(one))).said()


def test_a_column_links_its_checks_and_a_check_its_columns():
    html = render_data_docs(document(check("range.age", "fail", "age", "gone")))
    assert re.search(r'href="#check-0"><bdi>range\.age', html)
    assert re.search(r'href="#column-0"><bdi>age', html)
    assert not re.search(r'href="#column-\d+"><bdi>gone', html)


def test_a_column_is_red_only_for_what_decides():
    def badge(one: DataCheck) -> str:
        return re.search(r'class="verdict (\w+)">1 of 1<', render_data_docs(document(one))).group(1)

    assert badge(check("range.age", "fail", "age")) == "fail"
    assert badge(check("range.age", "error", "age")) == "error"
    assert badge(check("range.age", "fail", "age", severity=Severity.WARN)) == "inconclusive"


def test_thousands_of_checks_and_hundreds_of_columns_stay_usable():
    columns = tuple(number_column(f"column {place}") for place in range(600))
    failing = [
        check(f"range.{place}", "fail", "age", rows=1000, failing=20, examples=rows(20, age="7"))
        for place in range(900)
    ]
    passing = [check(f"type.{place}", "pass", "age") for place in range(3000)]
    html = render_data_docs(document(*failing, *passing, columns=columns))
    page = Page(html)
    assert len(html.encode()) < 8_000_000
    assert len([one for one in page.all("li") if (one.get("id") or "").startswith("check-")]) == 3900
    assert "The first 500 of 600 columns" in page.said()
    assert "All 3,000" in page.said()
    assert "The other 850" in page.said()
    assert html.count('<td class="mono"><bdi>7</bdi>') == 2000
    assert page.said().count("Rows that broke it are in data_checks.json and failed_rows.parquet.") == 800


def test_many_files_are_cut_with_a_word():
    files = tuple(DataFile(name=f"part-{place}", rows=1, size=10, sha256="00" * 32) for place in range(600))
    said = Page(render_data_docs(document(files=files))).said()
    assert "The first 500 of 600 files" in said
    assert "6 kB" in said


def test_same_result_gives_same_bytes():
    assert render_data_docs(full()) == render_data_docs(full())


def test_headings_follow_each_other_and_tables_are_described(result):
    page = Page(render_data_docs(result))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert all(one.get("scope") for one in page.all("th"))
    assert all(one.get("role") == "img" or one.get("aria-hidden") == "true" for one in page.all("svg"))
