"""What parts come to, called directly: sums and comparisons by hand, the latest run, how many rows may be refused."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.batch import local_engine
from modelway.batch.counting import Counts
from modelway.batch.finishing import Latest, read_latest, settle, summarize, time_parts, withdraw
from modelway.batch.local_engine import worker_count
from modelway.batch.place import Place
from modelway.batch.run import _Run
from modelway.errors import InputError, UsageError
from modelway.records.batch import BatchPlan, BatchSummary, Example, PartRecord, PartSeconds, Position, Tally, Unit
from modelway.records.bundle import BundleInfo, Signature
from modelway.records.data import DataOptions, S3Options, Task

INFO = BundleInfo(name="loans", version=3, model_digest="m", run_id="r", format="onnx")


def _plan(digest: str = "one", **changes: Any) -> BatchPlan:
    made = BatchPlan(
        run="now", started="2026-11-26T02:00:00+00:00", model=INFO, bundle_digest=digest, input="in",
        source=DataOptions(uri="in"), files=(), keys={}, batch_size=10,
    )  # fmt: skip
    return made.model_copy(update=changes)


def _signature(*classes: str) -> Signature:
    task = Task.CLASSIFICATION if classes else Task.REGRESSION
    return Signature(task=task, target="y", columns=(), outputs=(), classes=classes)


def _record(number: int = 0, rows: int = 10, rejects: int = 0, **more: Any) -> PartRecord:
    unit = Unit(number=number, begin=Position(file=number), end=Position(file=number + 1))
    return PartRecord(unit=unit, rows=rows, rejects=rejects, files=(), **more)


def _summary(plan: BatchPlan, classes: tuple[str, ...], tally: Tally) -> BatchSummary:
    return BatchSummary(plan=plan, rows=1, predicted=1, rejects=0, parts=1, classes=classes, predictions=tally)


def _index(before: list[int], after: list[int]) -> float:
    """The population stability index, by its definition."""
    shares = [(old / sum(before), new / sum(after)) for old, new in zip(before, after, strict=True)]
    return sum((new - old) * math.log(new / old) for old, new in shares)


class TestRunBefore:
    """It is compared with where its predictions were counted alike: in the same bins, or by the same classes."""

    @pytest.mark.parametrize(
        ("classes", "others", "same"),
        [
            *product([(), ("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")], [None], [True, False]),
            *product([("a", "b"), ("a", "b", "c")], [("b", "a"), ("a", "b", "x"), (), ("a", "b", "c", "d")], [True]),
        ],
    )
    def test_run_before_is_compared_with_only_where_it_was_counted_alike(
        self, classes: tuple[str, ...], others: tuple[str, ...] | None, same: bool
    ) -> None:
        binned = len(classes) <= 2
        counts = ((0, 50, 30, 20, 0), (0, 20, 30, 50, 0)) if binned else ((), ())
        of_class = [dict(zip(classes, rows, strict=False)) for rows in ((50, 30, 20), (20, 30, 50))]
        before = _summary(
            _plan("one" if same else "another"), classes if others is None else others,
            Tally(rows=100, counts=counts[0], categories=of_class[0]),
        )  # fmt: skip
        now = Tally(rows=100, counts=counts[1], categories=of_class[1])
        found = summarize(_plan(), _signature(*classes), [_record(predictions=now)], None, before)
        alike = others is None and (same or not binned)
        assert found.previous == (before.predictions if alike else None)
        expected = _index([50, 30, 20], [20, 30, 50]) if alike else None
        assert found.previous_shift == (None if expected is None else pytest.approx(expected))

    def test_run_without_one_before_has_none(self) -> None:
        found = summarize(_plan(), _signature(), [_record()], None, None)
        assert (found.previous, found.previous_shift, found.shift, found.baseline) == (None, None, None, None)


@pytest.mark.parametrize(("classes", "has_mean"), [((), True), (("a", "b"), True), (("a", "b", "c"), False)])
def test_summary_adds_up_its_parts_in_their_order(classes: tuple[str, ...], has_mean: bool) -> None:
    examples = [Example(file="f", row=row, reason="x") for row in range(30)]
    parts = [
        _record(0, 10, 3, reasons={"b": 2, "a": 1}, examples=tuple(examples[:15]), ignored=("z", "m"),
                slices={"home": {"own": Tally(rows=2, total=1.0), "rent": Tally(rows=5, total=2.0)}}),
        _record(1, 7, 0),
        _record(2, 20, 9, reasons={"c": 4, "a": 5}, examples=tuple(examples[15:]), ignored=("m", "c"),
                slices={"home": {"own": Tally(rows=6, total=3.0)}}),
    ]  # fmt: skip
    found = summarize(_plan(slices=("home",)), _signature(*classes), parts, None, None)
    assert (found.rows, found.rejects, found.predicted, found.parts) == (37, 12, 25, 3)
    assert list(found.reasons.items()) == [("a", 6), ("c", 4), ("b", 2)]
    assert found.examples == tuple(examples[:20])
    assert found.ignored == ("c", "m", "z")
    means = {"own": 4.0 / 8, "rent": 2.0 / 5} if has_mean else {"own": None, "rent": None}
    assert [(one.column, one.value, one.rows, one.mean) for one in found.slices] == [
        ("home", "own", 8, means["own"]), ("home", "rent", 5, means["rent"]),
    ]  # fmt: skip


def test_timings_have_the_slowest_parts_and_the_rows_of_this_start() -> None:
    records = [_record(number, rows=number, seconds=PartSeconds(whole=(number * 7) % 25)) for number in range(25)]
    found = time_parts(9.0, 2, records)
    assert (found.seconds, found.workers, found.scored_rows) == (9.0, 2, sum(range(25)))
    assert [one.seconds.whole for one in found.parts] == list(range(24, 4, -1))
    assert all((one.part * 7) % 25 == one.seconds.whole and one.rows == one.part for one in found.parts)


@pytest.mark.parametrize(
    ("known", "latest"),
    [
        (None, "now"),
        (("old", "2026-11-25T02:00:00+00:00"), "now"),
        (("new", "2026-11-27T02:00:00+00:00"), "new"),
        (("aaa", "2026-11-26T02:00:00+00:00"), "now"),
        (("zzz", "2026-11-26T02:00:00+00:00"), "zzz"),
        (("now", "2026-11-26T02:00:00+00:00"), "now"),
        ("{torn", "now"),
    ],
)
def test_run_that_is_published_is_the_latest_unless_a_later_one_is(tmp_path: Path, known: Any, latest: str) -> None:
    runs, place = Place(str(tmp_path), S3Options()), Place(str(tmp_path / "now"), S3Options())
    if known is not None:
        text = known if isinstance(known, str) else Latest(run=known[0], started=known[1]).to_json()
        (tmp_path / "_latest.json").write_text(text)
    for name in ("_run/plan.json", "_run/part-00000.json", "_run/part-00001.json", "predictions/part-00000.parquet"):
        place.write(name, b"x")
    settle(place, runs, _plan())
    found = read_latest(runs)
    assert found is not None
    assert (found.run, json.loads((tmp_path / "_latest.json").read_text())["run"]) == (latest, latest)
    assert set(place.sizes()) == {"_run/plan.json", "predictions/part-00000.parquet"}


def test_run_that_is_withdrawn_keeps_its_refused_rows_and_its_plan(tmp_path: Path) -> None:
    place = Place(str(tmp_path), S3Options())
    gone = {"predictions/part-00000.parquet", "predictions/part-00001.parquet", "_run/part-00000.json"}
    kept = {"rejects/part-00000.jsonl", "_run/plan.json"}
    for name in gone | kept:
        place.write(name, b"x")
    withdraw(place)
    assert set(place.sizes()) == kept


@pytest.mark.parametrize(
    ("most", "rejects", "rows", "during", "final"),
    [
        (0, 0, 10, False, False),
        (0, 1, 10, True, True),
        (3, 3, 10, False, False),
        (3, 4, 10, True, True),
        (1, 1, 10, False, False),  # a row, not a share
        (1, 2, 10, True, True),
        (0.29, 29, 100, False, False),
        (0.29, 30, 100, False, True),
        (0.01, 1, 100, False, False),
        (0.01, 2, 100, False, True),
        (0.999, 10, 10, False, True),
        (5, 0, 0, False, True),  # no row at all
    ],
)
def test_rows_may_be_refused_up_to_the_number_or_the_share_of_the_settings(
    most: float, rejects: int, rows: int, during: bool, final: bool
) -> None:
    run: Any = _Run.__new__(_Run)
    run._request = SimpleNamespace(options=SimpleNamespace(max_rejects=most))
    run._plan, run._place = _plan(), SimpleNamespace(uri="out")
    split = rows // 2, rejects // 2
    run._records = {0: _record(0, *split), 1: _record(1, rows - split[0], rejects - split[1])}
    for ends, raises in ((False, during), (True, final)):
        if raises:
            with pytest.raises(InputError):
                run._judge(final=ends)
        else:
            run._judge(final=ends)


@pytest.mark.parametrize(
    ("wanted", "memory", "cores", "workers"),
    [
        (None, "480MB", 8, 1),
        (None, "809MB", 8, 1),
        (None, "810MB", 8, 2),
        (None, "1GB", 8, 2),
        (None, "1.14GB", 8, 3),
        (None, "16GB", 8, 8),
        (3, "16GB", 8, 3),
        (3, "810MB", 8, 2),
        (9, "16GB", 8, 9),
        (1, "480.5MB", 8, 1),
        (None, "479MB", 8, None),
        (1, "0.479GB", 8, None),
    ],
)
def test_workers_are_as_many_as_wanted_and_as_memory_has_room_for(
    monkeypatch: pytest.MonkeyPatch, wanted: int | None, memory: str, cores: int, workers: int | None
) -> None:
    monkeypatch.setattr(local_engine, "cores", lambda: cores)
    if workers is None:
        with pytest.raises(UsageError, match="480MB"):
            worker_count(wanted, memory)
    else:
        assert worker_count(wanted, memory) == workers


def test_reasons_beyond_a_hundred_kinds_count_together_and_the_first_examples_stay() -> None:
    counts = Counts(_signature(), (), ())
    for turn in range(2):
        for kind in range(150):
            counts.refuse(f"kind {kind:03}", kind + 1)
            counts.example("f", turn * 150 + kind, "x")
    counts.read(10, 4, ("b",))
    counts.read(20, 5, ("a", "b"))
    found = counts.record(Unit(number=0, begin=Position(file=0), end=Position(file=1)), (), 1.5)
    assert found.reasons == {
        **{f"kind {kind:03}": 2 * (kind + 1) for kind in range(100)}, "others": 2 * sum(range(101, 151)),
    }  # fmt: skip
    assert [one.row for one in found.examples] == list(range(20))
    assert (found.rows, found.rejects, found.ignored, found.seconds.whole) == (30, 9, ("a", "b"), 1.5)
