"""All benchmarks' records on one page with plots: `make scorecard`. It measures nothing; `make bench` does.

python bench/scorecard.py [--output reports/scorecard.html]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import BENCHMARKS, Benchmark
from records import read_records
from scorecard_charts import MARKS, SIGNS, draw_series
from series import Judged, Series, gather, judge

from modelway.errors import ModelwayError
from modelway.report.page import render

if TYPE_CHECKING:
    from records import Measurement

    from modelway.report.svg import Chart

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "reports" / "scorecard.html"
STYLES = {"kept": "pass", "missed": "fail", "no value": "error"}


@dataclass(frozen=True)
class Run:
    """One run of a benchmark: when, of which commit, by which command, on what, and how many values it left."""

    began: str
    commit: str
    command: str
    machine: str
    load: float | None
    values: int


@dataclass(frozen=True)
class Section:
    """What the page says of one benchmark.

    Attributes:
        benchmark: which.
        series: what was measured, by case, kind and way.
        judged: its aims.
        runs: the newest first.
        numbers: what is one value of one way alone, with its aim; it has no plot.
        charts: a plot, or several, for each other thing that was measured.
    """

    benchmark: Benchmark
    series: list[Series]
    judged: list[Judged]
    runs: list[Run]
    numbers: list[tuple[Series, Judged | None]]
    charts: list[Chart]

    def count(self, verdict: str) -> int:
        """How many of its aims came out so."""
        return sum(one.verdict == verdict for one in self.judged)


def section(benchmark: Benchmark, records: list[Measurement]) -> Section:
    """Put the records of one benchmark together."""
    series = gather(records)
    kinds: dict[tuple[str, str], list[Series]] = {}
    for one in series:
        kinds.setdefault((one.what, one.unit), []).append(one)
    single = [rows[0] for rows in kinds.values() if len(rows) == 1 and len(rows[0].newest) == len(rows[0].runs) == 1]
    plotted = {kind: rows for kind, rows in kinds.items() if rows[0] not in single}
    charts = [chart for (what, _), rows in plotted.items() for chart in draw_series(what, rows)]
    judged = [found for one in series if (found := judge(one))]
    return Section(benchmark, series, judged, _runs(records), [(one, judge(one)) for one in single], charts)


def _runs(records: list[Measurement]) -> list[Run]:
    counts = Counter((one.run, one.commit or "not kept", one.command, one.machine) for one in records)
    loads: dict[str, float] = {}
    for one in records:
        if one.load is not None:
            loads.setdefault(one.run, one.load)
    found = [Run(*key, loads.get(key[0]), values) for key, values in counts.items()]
    return sorted(found, key=lambda one: one.began, reverse=True)


def page(sections: list[Section]) -> str:
    """The page."""
    judged = [(one.benchmark, found) for one in sections for found in one.judged]
    by_verdict = {verdict: [pair for pair in judged if pair[1].verdict == verdict] for verdict in STYLES}
    return render(
        "scorecard.html", folder=HERE / "templates", sections=sections, by_verdict=by_verdict, styles=STYLES,
        marks=MARKS, signs=SIGNS, without=[one.benchmark for one in sections if not one.series],
    )  # fmt: skip


def main(arguments: list[str]) -> int:
    """Read all records and write the page; 3 where a record is none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    output: Path = parser.parse_args(arguments).output
    try:
        sections = [section(one, read_records(one.name)) for one in BENCHMARKS]
    except ModelwayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page(sections), encoding="utf-8")
    counts = {verdict: sum(one.count(verdict) for one in sections) for verdict in STYLES}
    without = [one.benchmark.name for one in sections if not one.series]
    print(f"Aims kept: {counts['kept']}, missed: {counts['missed']}, without a value: {counts['no value']}.")
    print(f"Without records: {', '.join(without) or 'none'}.")
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
