"""Records of benchmarks: written as they come, read as they were written, refused where they are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import InputError


def test_what_is_recorded_is_read_again(bench, tmp_path) -> None:
    records = bench.records
    aim = records.at_most(0.3)
    records.record("help", "seconds", 0.25, "s", round=1, aim=aim)
    records.record("help", "seconds", None, "s", way="a peer", case="10 rows", note="it did not start")
    first, second = records.read_records("help")
    assert (first.value, first.round, first.aim, first.way) == (0.25, 1, aim, "modelway")
    assert (second.value, second.way, second.case, second.note) == (None, "a peer", "10 rows", "it did not start")
    assert first.run == second.run
    assert first.command == "python bench/tried.py 5"
    assert "cores" in first.machine
    assert len((tmp_path / "records" / "help.jsonl").read_text().splitlines()) == 2


def test_rounds_are_numbered_from_one(bench) -> None:
    bench.records.record_rounds("help", "seconds", [3.0, 1.0], "s", way="a peer")
    assert [(one.round, one.value, one.way) for one in bench.records.read_records("help")] == [
        (1, 3.0, "a peer"),
        (2, 1.0, "a peer"),
    ]


def test_a_benchmark_that_never_ran_has_none(bench) -> None:
    assert bench.records.read_records("help") == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("{torn", "JSON"),
        ({"value": "fast"}, "value: "),
        ({"value": float("nan")}, "value: "),
        ({"aim": {"rule": "about", "bound": 1.0}}, "aim.rule: "),
        ({"surprise": 1}, "surprise: "),
        ({"run": "yesterday"}, "run: "),
        ({"round": 0}, "round: "),
        ({"benchmark": "serving"}, "it is of 'serving', not of 'help'"),
    ],
)
def test_what_is_no_record_is_refused_with_its_place(bench, tmp_path, change, says) -> None:
    bench.records.record("help", "seconds", 0.25, "s")
    path = tmp_path / "records" / "help.jsonl"
    good = path.read_text()
    path.write_text(good + (change if isinstance(change, str) else json.dumps(json.loads(good) | change)) + "\n")
    with pytest.raises(InputError) as refused:
        bench.records.read_records("help")
    assert says in str(refused.value)
    assert f"{path}, line 2" in str(refused.value)
    assert refused.value.exit_code == 3


def test_what_was_recorded_is_sound(bench, monkeypatch) -> None:
    monkeypatch.delenv("MODELWAY_BENCH_RECORDS")
    names = {one.name for one in bench.benchmarks.BENCHMARKS}
    assert {path.stem for path in bench.records.folder().glob("*.jsonl")} <= names
    for name in names:
        for one in bench.records.read_records(name):
            assert one.value is not None or one.note, one  # what has no value says why


def test_values_are_kept_to_six_digits(bench) -> None:
    bench.records.record("help", "seconds", 1 / 3, "s")
    assert bench.records.read_records("help")[0].value == 0.333333


def test_a_real_benchmark_leaves_its_runs(bench, monkeypatch: Any) -> None:
    monkeypatch.setattr(bench.help, "RUNS", 2)
    said = bench.help.measure()
    found = bench.records.read_records("help")
    assert "median of 2 runs" in said
    ways, kinds = ("modelway", "Python's own start"), ("seconds", "seconds of all cores")
    assert [(one.way, one.what, one.round) for one in found] == [
        (way, kind, number) for way in ways for kind in kinds for number in (1, 2)
    ]
    held = [one for one in found if one.aim]
    assert {(one.way, one.what, one.aim) for one in held} == {("modelway", "seconds", bench.records.at_most(0.3))}
    assert all(one.value > 0 for one in found)


def test_the_folder_is_the_repositorys_where_nothing_else_is_said(bench, monkeypatch) -> None:
    monkeypatch.delenv("MODELWAY_BENCH_RECORDS")
    assert bench.records.folder() == Path(__file__).resolve().parents[2] / "bench" / "records"
