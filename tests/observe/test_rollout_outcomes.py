"""Outcomes that come in late, joined to the log: one value a key, by arm."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelway.errors import InputError
from modelway.observe.answered_hours import AnsweredHours
from modelway.observe.rollout_outcomes import read_outcomes
from modelway.records.data import Task
from modelway.records.observe import Baseline
from modelway.records.progress import silent
from modelway.records.rollout import OutcomeGuard

from .rollout_fleet import NOON, S3, Fleet, Request

BASELINE = Baseline(
    rows=1, columns={}, predictions=None, metrics={}, task=Task.CLASSIFICATION, target="bad", classes=("no", "yes")
)


@pytest.fixture
def fleet(tmp_path) -> Fleet:
    return Fleet(tmp_path)


def outcomes(fleet: Fleet, epochs=frozenset({"e1"}), baseline=BASELINE, until=NOON + 200, **guard):
    told = OutcomeGuard(uri=str(fleet.root / "labels"), alpha=0.1, **guard)
    cache = fleet.root / "cache"
    return read_outcomes(fleet.log, told.uri, told, epochs, baseline, NOON, until, S3, cache, silent)


def label(fleet: Fleet, text: str, name: str = "labels.csv") -> None:
    path = fleet.root / "labels" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_truth_is_joined_by_id_and_a_key_counts_once(fleet) -> None:
    requests = [
        Request(NOON + 1, key=1, score=0.9),
        Request(NOON + 2, key=1, score=0.9),
        Request(NOON + 3, key=1, score=0.9),
        Request(NOON + 4, key=2, score=0.1, arm="challenger"),
        Request(NOON + 5, key=3, score=0.1, arm="challenger"),
        Request(NOON + 6, key=4, status=500),
        Request(NOON + 7, key=5, epoch="e0"),
    ]
    fleet.serve(requests)
    rows = "r0-0,yes r1-0,yes r2-0,no r3-0,no r4-0,maybe r5-0,no r6-0,yes unknown,yes".replace(" ", "\n")
    label(fleet, f"id,bad\n{rows}\n")
    found = outcomes(fleet)
    assert (found.champion.keys, found.champion.total) == (1, pytest.approx(2 / 3))
    assert found.champion.squares == pytest.approx(4 / 9)
    assert (found.challenger.keys, found.challenger.total, found.challenger.squares) == (1, 1, 1)
    assert outcomes(fleet, epochs={"e0", "e1"}).champion.keys == 2


def test_requests_without_a_key_are_keys_of_their_own_with_all_their_rows(fleet) -> None:
    fleet.serve([Request(NOON + 1, rows=4, score=0.9), Request(NOON + 2, score=0.9), Request(NOON + 3, score=0.9)])
    label(fleet, "id,bad\nr0-0,yes\nr0-1,yes\nr0-3,no\nr1-0,no\nr2-0,yes\n")
    found = outcomes(fleet).champion
    assert (found.keys, found.total) == (3, pytest.approx(2 / 3 + 0 + 1))


def test_a_number_is_joined_by_key_whatever_was_answered(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1), Request(NOON + 2, key=1), Request(NOON + 3, key=2, status=500)])
    label(fleet, f"key,revenue\n{1:016x},12.5\n{2:016x},-3\n{9:016x},4\n")
    found = outcomes(fleet, column="revenue", kind="number").champion
    assert (found.keys, found.total, found.squares) == (2, 9.5, 12.5**2 + 9)
    label(fleet, f"key,revenue\n{1:016x},many\n")
    with pytest.raises(InputError, match="no numbers"):
        outcomes(fleet, column="revenue", kind="number")


def test_numbers_whose_squares_are_none_give_finite_sums(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1), Request(NOON + 2, key=2)])
    label(fleet, f"key,revenue\n{1:016x},1.7e308\n{2:016x},1.7e308\n")
    found = outcomes(fleet, column="revenue", kind="number").champion
    assert (found.keys, found.total, found.squares) == (2, 2e145, pytest.approx(2e290))


def test_a_value_that_was_predicted_is_the_better_the_nearer_it_is(fleet) -> None:
    record = {**Request(NOON + 1, key=1).records(1)[0], "prediction": 10.0, "probabilities": None}
    fleet.write("predictions", [record, {**record, "id": "r2-0", "prediction": 14.0}], NOON, NOON + 5)
    label(fleet, "id,price\nr1-0,11\nr2-0,11\n")
    baseline = BASELINE.model_copy(update={"task": Task.REGRESSION, "classes": (), "target": "price"})
    found = outcomes(fleet, baseline=baseline).champion
    assert (found.keys, found.total) == (1, -2)


def test_an_hour_that_is_over_is_read_once_unless_another_file_comes(fleet) -> None:
    paths = fleet.serve([Request(NOON + 1, key=1, score=0.9)])
    label(fleet, "id,bad\nr0-0,yes\nlate-0,yes\n")
    assert outcomes(fleet).champion.keys == 1
    (path,) = [path for path in paths if "predictions" in path.parts]
    told, content = path.stat(), path.read_bytes()
    for written in (b"x" * len(content), content):
        path.write_bytes(written)
        os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
        assert outcomes(fleet).champion.keys == 1
    late = {**Request(NOON + 2, key=2, score=0.9).records(0)[0], "id": "late-0"}
    fleet.write("predictions", [late], NOON, NOON + 300)
    assert outcomes(fleet).champion.keys == 2
    assert len(list(fleet.root.rglob("answered-*.arrow"))) == 1


def test_what_was_kept_and_is_torn_is_made_again(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1, score=0.9)])
    label(fleet, "id,bad\nr0-0,yes\n")
    assert outcomes(fleet).champion.keys == 1
    (kept,) = fleet.root.rglob("answered-*.arrow")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:100])
    assert outcomes(fleet).champion.keys == 1
    assert kept.read_bytes() == whole


def test_no_outcome_yet_is_none_and_outcomes_of_nobody_are_nobodys(fleet) -> None:
    fleet.serve([Request(NOON + 1, key=1)])
    assert outcomes(fleet) is None
    label(fleet, "id,bad\n")
    assert outcomes(fleet) is None
    label(fleet, "id,bad\nx,yes\n")
    assert outcomes(fleet).champion.keys == 0
    label(fleet, "id,fruit\nx,yes\n")
    with pytest.raises(InputError, match="no column holds the label"):
        outcomes(fleet)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.integers(1, 6))
def test_how_the_log_is_cut_into_files_does_not_matter(tmp_path_factory, seed, files) -> None:
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 40))
    fleet = Fleet(tmp_path_factory.mktemp("cut"))
    arms, keys = random.choice(["champion", "challenger"], 8), random.integers(0, 8, count)
    lines = [
        Request(NOON + at, key=int(key), arm=str(arms[key]), score=float(random.random())).records(at)[0]
        for at, key in enumerate(keys)
    ]
    truth = random.choice(["no", "yes"], count)
    known = random.random(count) < 0.8
    table = {"id": [f"r{at}-0" for at in range(count) if known[at]], "label": truth[known].tolist()}
    (fleet.root / "labels").mkdir()
    pq.write_table(pa.table({**table, "id": pa.array(table["id"], pa.string())}), fleet.root / "labels" / "l.parquet")
    for part in np.array_split(random.permutation(count), files):
        if len(part):
            fleet.write("predictions", [lines[at] for at in part], NOON, NOON + 100)
    found = outcomes(fleet)
    if not known.any():
        assert found is None
        return
    for arm, got in (("champion", found.champion), ("challenger", found.challenger)):
        means = [
            np.mean([lines[at]["prediction"] == truth[at] for at in range(count) if keys[at] == key and known[at]])
            for key in sorted({int(key) for key in keys[known]})
            if arms[key] == arm
        ]
        assert got.keys == len(means)
        assert got.total == pytest.approx(sum(means))
        assert got.squares == pytest.approx(sum(mean**2 for mean in means))


def listed(name: str, size: int = 1, tag: str = "t", modified: float = 1.0) -> SimpleNamespace:
    return SimpleNamespace(name=name, size=size, tag=tag, modified=modified)


FIRST, COMPACT = listed("segment-1"), listed("hour-1.parquet")
OTHER_FILES = {
    "a segment came": ([FIRST, listed("segment-2")], [COMPACT]),
    "a segment went": ([], [COMPACT]),
    "a segment is of another size": ([listed("segment-1", size=2)], [COMPACT]),
    "a segment has another tag": ([listed("segment-1", tag="u")], [COMPACT]),
    "a segment without a tag is of another time": ([listed("segment-1", tag="", modified=2.0)], [COMPACT]),
    "it was compacted": ([FIRST], [COMPACT, listed("hour-2.parquet")]),
    "it was compacted for the first time": ([FIRST], []),
    "it was compacted again": ([FIRST], [listed("hour-1.parquet", size=2)]),
    "it was compacted again to the same size": ([FIRST], [listed("hour-1.parquet", tag="u")]),
}


@pytest.mark.parametrize("change", OTHER_FILES)
def test_what_is_kept_of_an_hour_is_of_exactly_its_files(tmp_path, change: str) -> None:
    def kept(segments: list, compacted: list, kind: pa.DataType | None = None, hour: int = 12) -> str:
        listing = SimpleNamespace(segments=segments, compacted=compacted)
        place: Any = SimpleNamespace(own=tmp_path, listed=lambda *_: listing)
        return AnsweredHours(place, kind)._kept(datetime(2026, 1, 1, hour, tzinfo=UTC)).name

    before = kept([FIRST], [COMPACT])
    assert before == kept([FIRST], [COMPACT])
    assert before != kept(*OTHER_FILES[change])
    assert before != kept([FIRST], [COMPACT], pa.string())
    assert before != kept([FIRST], [COMPACT], hour=13)
