"""The scorecard: aims are judged from what was measured, and the page has all of it and loads nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

SVG_NAMESPACE = "http://www.w3.org/2000/svg"


class Page(HTMLParser):
    """The text of each section, by its id, and all attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sections: dict[str, str] = {}
        self.attributes: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self._now = "top"
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._style = tag == "style"
        if tag == "section":
            self._now = dict(attrs)["id"] or ""

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.sections[self._now] = self.sections.get(self._now, "") + data


def one(bench, value, aim=None, **more):
    """A record."""
    given = {"benchmark": "help", "run": "2026-11-27", "commit": None, "machine": "2 cores", "command": "python x"}
    return bench.records.Measurement(
        **given | {"way": "modelway", "what": "seconds", "value": value, "aim": aim} | more
    )


def judged(bench, records):
    (series,) = bench.series.gather(records)
    return bench.series.judge(series)


@pytest.mark.parametrize(
    ("rule", "value", "verdict"),
    [
        ("at most", 2.9, "kept"), ("at most", 3.0, "kept"), ("at most", 3.1, "missed"),
        ("at least", 3.1, "kept"), ("at least", 3.0, "kept"), ("at least", 2.9, "missed"),
        ("below", 2.9, "kept"), ("below", 3.0, "missed"), ("below", 3.1, "missed"),
    ],
)  # fmt: skip
def test_an_aim_is_kept_or_missed_by_its_value(bench, rule, value, verdict) -> None:
    aim = bench.records.Aim(rule=rule, bound=3.0)
    assert judged(bench, [one(bench, value, aim)]).verdict == verdict


@pytest.mark.parametrize(("of", "verdict", "value"), [("median", "kept", 2.0), ("each", "missed", 9.0)])
def test_rounds_are_judged_by_their_median_or_one_by_one(bench, of, verdict, value) -> None:
    aim = bench.records.at_most(3.0, of=of)
    found = judged(bench, [one(bench, given, aim, round=at) for at, given in enumerate([1.0, 9.0, 2.0], start=1)])
    assert (found.verdict, found.value, found.values) == (verdict, value, 3)


def test_the_worst_of_what_should_be_large_is_the_least(bench) -> None:
    aim = bench.records.at_least(1.0, of="each")
    found = judged(bench, [one(bench, given, aim, round=at) for at, given in enumerate([1.0, 0.0, 1.0], start=1)])
    assert (found.verdict, found.value) == ("missed", 0.0)


def test_a_missing_value_is_never_kept(bench) -> None:
    for of in ("median", "each"):
        aim = bench.records.at_most(3.0, of=of)
        found = judged(bench, [one(bench, None, aim, round=1, note="why"), one(bench, 1.0, aim, round=2)])
        assert (found.verdict, found.value) == ("no value", None)


def test_the_newest_run_with_an_aim_decides(bench) -> None:
    aim = bench.records.at_most(3.0)
    records = [
        one(bench, 1.0, aim, run="2026-11-27T10:00:00Z"),
        one(bench, 9.0, aim, run="2026-11-27T11:00:00Z"),
        one(bench, 2.0, run="2026-11-28T09:00:00Z"),  # a smaller run, of which nothing was asked
        one(bench, 1.0, aim, run="2026-11-26"),
    ]
    found = judged(bench, records)
    assert (found.verdict, found.run) == ("missed", "2026-11-27T11:00:00Z")
    assert judged(bench, [one(bench, 1.0)]) is None


def test_cases_ways_and_kinds_are_told_apart(bench) -> None:
    records = [
        one(bench, 1.0),
        one(bench, 2.0, way="peer"),
        one(bench, 3.0, case="big"),
        one(bench, 4.0, what="memory"),
    ]
    found = bench.series.gather([*records, one(bench, 5.0, run="2026-11-28")])
    assert len(found) == 4
    assert [series.value for series in found] == [5.0, 2.0, 3.0, 4.0]


def write(bench) -> None:
    """Three benchmarks' records: kept, missed, and without an aim."""
    record = bench.records.record_rounds
    record("help", "seconds", [0.1, 0.2], "s", aim=bench.records.at_most(0.3))
    record(
        "training", "ratio of seconds, modelway to peer", [1.5, 1.4], way="bare script", aim=bench.records.at_most(1.15)
    )
    for way, rate in (("modelway serve", 4000.0), ("a <b>peer</b> & more", 90.0)):
        record("serving", "requests/s", [rate, rate * 1.1], "/s", way=way, case="32 connections")


def made(bench, tmp_path, capsys) -> tuple[str, Page]:
    output = tmp_path / "deep" / "scorecard.html"
    assert bench.scorecard.main(["--output", str(output)]) == 0
    assert str(output) in capsys.readouterr().out
    html = output.read_text()
    return html, Page(html)


def test_the_page_has_every_benchmark_and_says_which_have_no_records(bench, tmp_path, capsys) -> None:
    write(bench)
    _, page = made(bench, tmp_path, capsys)
    for benchmark in bench.benchmarks.BENCHMARKS:
        said = page.sections[benchmark.name]
        assert benchmark.title in said
        assert ("No records yet" in said) == (benchmark.name not in {"help", "training", "serving"})
    assert "Batch, killed: no records." in page.sections["top"]


def test_kept_and_missed_stand_at_the_top(bench, tmp_path, capsys) -> None:
    write(bench)
    _, page = made(bench, tmp_path, capsys)
    assert "1 aims kept, 1 missed." in page.sections["top"]
    assert "bare script" in page.sections["missed"]
    assert "1.45" in page.sections["missed"]
    assert "Command line" in page.sections["kept"]
    assert "Command line" not in page.sections["missed"]


def test_every_run_is_a_dot_beside_its_peers(bench, tmp_path, capsys) -> None:
    write(bench)
    html, page = made(bench, tmp_path, capsys)
    chart = re.search(r'<svg class="chart"[^>]*aria-label="Requests?/s[^"]*".*?</svg>', html, re.S | re.I)
    assert chart
    # Two rounds of each way: two dots in each path, and a line through each round.
    assert [path.count("h0") for path in re.findall(r'class="dots [^"]*"[^>]* d="([^"]*)"', chart[0])] == [2, 2]
    assert len(re.findall(r'<path class="grid" d="M[^"]*L', chart[0])) == 2
    assert "a <b>peer</b> & more" in page.sections["serving"]
    assert "<b>peer" not in html


def test_earlier_runs_are_drawn_besides_and_the_newest_is_told(bench) -> None:
    records = [one(bench, 1.0, run="2026-11-26"), one(bench, 2.0, run="2026-11-27"), one(bench, 8.0, way="peer")]
    (chart,) = bench.scorecard_charts.draw_series("seconds", bench.series.gather(records))
    body = str(chart.body)
    assert body.count('class="dots quiet crowd"') == 1
    assert body.count('class="dots main"') == 1
    assert body.count('class="dots quiet"') == 1
    assert "modelway 2, peer 8" in chart.alternative


def test_what_no_single_runs_were_kept_of_is_a_stroke_and_no_dot(bench) -> None:
    records = [one(bench, 1.0, summary="median of 5"), one(bench, 2.0, way="peer", summary="median of 5")]
    (chart,) = bench.scorecard_charts.draw_series("seconds", bench.series.gather(records))
    assert "h0" not in str(chart.body)
    assert len(re.findall(r'class="dots (?:main|quiet)" stroke-width="3.5"', str(chart.body))) == 2


def test_long_plots_go_on_in_another_with_the_same_axis(bench) -> None:
    records = [one(bench, float(at), case=f"case {at}", way=way) for at in range(1, 26) for way in ("modelway", "peer")]
    first, second = bench.scorecard_charts.draw_series("seconds", bench.series.gather(records))
    ticks = [
        re.findall(r'class="tick" [^>]*text-anchor="middle">([^<]*)<', str(chart.body)) for chart in (first, second)
    ]
    assert ticks[0] == ticks[1] != []


@pytest.mark.parametrize("values", [[0.0, 0.0], [1e-9, 1e9], [-3.0, 5.0], [7.0], [None]])
def test_any_values_can_be_drawn(bench, values) -> None:
    records = [one(bench, value, way=f"way {at}") for at, value in enumerate(values)]
    (chart,) = bench.scorecard_charts.draw_series("seconds", bench.series.gather(records))
    assert "nan" not in str(chart.body)
    assert "inf" not in str(chart.body)


def test_the_page_loads_nothing(bench, tmp_path, capsys) -> None:
    write(bench)
    html, page = made(bench, tmp_path, capsys)
    assert not re.findall(r"https?://", html.replace(SVG_NAMESPACE, ""))
    assert not page.tags & {"script", "link", "img", "iframe", "object", "embed"}
    assert {value[:1] for name, value in page.attributes if name == "href"} == {"#"}
    assert not [name for name, _ in page.attributes if name in {"src", "srcset", "style", "action"}]
    assert any("default-src 'none'" in value for _, value in page.attributes)


def test_links_lead_to_places_of_the_page(bench, tmp_path, capsys) -> None:
    write(bench)
    _, page = made(bench, tmp_path, capsys)
    ids = {value for name, value in page.attributes if name == "id"}
    assert {value[1:] for name, value in page.attributes if name == "href"} <= ids


def test_a_broken_record_makes_no_page(bench, tmp_path, capsys) -> None:
    write(bench)
    (tmp_path / "records" / "help.jsonl").write_text("{}\n")
    output = tmp_path / "scorecard.html"
    assert bench.scorecard.main(["--output", str(output)]) == 3
    assert "help.jsonl, line 1" in capsys.readouterr().err
    assert not output.exists()
