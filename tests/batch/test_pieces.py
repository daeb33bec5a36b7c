"""Parts' files, cuts and refusals, called directly with small limits; what follows is counted by hand."""

from __future__ import annotations

import json
from itertools import islice, pairwise, product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.batch import cutting, parts
from modelway.batch.blocks import Block, Unreadable, Wanted
from modelway.batch.cutting import cut, pieces_of
from modelway.batch.judging import judge
from modelway.batch.parts import PredictionWriter, RejectWriter
from modelway.cli.batch import _request, _source
from modelway.records.batch import BatchOptions, BatchPlan, InputFile, Position, Unit
from modelway.records.bundle import BundleInfo, Signature, SignatureColumn
from modelway.records.data import (
    Column,
    ColumnType,
    DataOptions,
    HashSplit,
    S3Options,
    StratifiedSplit,
    Task,
    TimeSplit,
)
from modelway.records.evaluate import Scores

INFO = BundleInfo(name="loans", version=3, model_digest="m", run_id="r", format="onnx")


def _plan(**changes: Any) -> BatchPlan:
    made = BatchPlan(
        run="now", started="2026-11-26T02:00:00+00:00", model=INFO, bundle_digest="d", input="in",
        source=DataOptions(uri="in"), files=(), keys={}, batch_size=10,
    )  # fmt: skip
    return made.model_copy(update=changes)


class TestPredictionWriter:
    GROUP = 10
    BLOCKS = ([], [0], [9], [10], [11], [9, 1, 1], [3, 3, 3, 3, 3], [25, 1], [10, 10, 10], [1, 0, 9, 0, 12, 4])

    @pytest.mark.parametrize("classes", [(), ("no", "yes"), ("a", "b", "c")])
    @pytest.mark.parametrize("sizes", BLOCKS, ids=str)
    def test_part_of_any_number_of_blocks_has_each_row_once_and_in_order(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classes: tuple[str, ...], sizes: list[int]
    ) -> None:
        monkeypatch.setattr(parts, "_GROUP", self.GROUP)
        task = Task.CLASSIFICATION if classes else Task.REGRESSION
        signature = Signature(task=task, target="y", columns=(), outputs=(), classes=classes)
        for keys in ({}, {"customer": ColumnType.INTEGER}):
            path = tmp_path / f"{len(keys)}.parquet"
            writer = PredictionWriter(path, _plan(keys=keys), signature)
            begin, expected = 0, []
            for number, rows in enumerate(sizes):
                places = np.arange(begin, begin + rows)
                chosen = places % max(1, len(classes))
                probability = (
                    np.stack([places / 1000 + (at + places) % 3 / 10 for at in range(len(classes))], 1)
                    if classes
                    else None
                )
                scores = Scores(chosen.astype(np.int64) if classes else places * 1.5, probability)
                table = pa.table({"customer": pa.array(places + 7, pa.int64())})
                block = Block(f"f{number}", 1, table)
                writer.add(block, table, pa.array(places + 1, pa.int64()), scores)
                for at, place in enumerate(places.tolist()):
                    row: dict[str, Any] = {"customer": place + 7} if keys else {"file": f"f{number}", "row": place + 1}
                    row["prediction"] = classes[chosen[at]] if classes else place * 1.5
                    if probability is not None:
                        row["probability"] = probability[at, 1 if len(classes) == 2 else chosen[at]]
                    if len(classes) > 2:
                        row |= {f"probability_{name}": probability[at, of] for of, name in enumerate(classes)}
                    expected.append(row)
                begin += rows
            writer.close()
            found = pq.read_table(path)
            assert found.drop_columns(["model_version", "run", "run_started"]).to_pylist() == expected
            assert set(found["model_version"].to_pylist()) <= {3}
            assert set(found["run"].to_pylist()) <= {"now"}
            assert {str(one) for one in found["run_started"].to_pylist()} <= {"2026-11-26 02:00:00+00:00"}
            assert pq.read_metadata(path).num_row_groups == self._groups(sizes)

    def _groups(self, sizes: list[int]) -> int:
        groups = waiting = 0
        for rows in sizes:
            waiting += rows
            if waiting >= self.GROUP:
                groups, waiting = groups + 1, 0
        return groups + (waiting > 0)


def test_rejects_are_a_line_each_in_a_file_that_the_first_one_makes(tmp_path: Path) -> None:
    writer = RejectWriter(tmp_path / "r.jsonl")
    writer.close()
    assert not (tmp_path / "r.jsonl").exists()
    writer.add("f", 1, "x", {"city": "Köln", "n": None})
    writer.add("g", 9, "y", "torn\nline")
    writer.close()
    text = (tmp_path / "r.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == [
        {"file": "f", "row": 1, "reason": "x", "values": {"city": "Köln", "n": None}},
        {"file": "g", "row": 9, "reason": "y", "values": "torn\nline"},
    ]
    assert (writer.rows, "Köln" in text) == (2, True)


NAN, INF = float("nan"), float("inf")


class TestJudge:
    @pytest.mark.parametrize("nullable", [True, False])
    @pytest.mark.parametrize(("least", "greatest"), [(None, None), (0.0, None), (None, 10.0), (0.0, 10.0), (5.0, 5.0)])
    @pytest.mark.parametrize(
        "values",
        [[1.0, 2.0], [-0.001, 0.0, 10.0, 10.001], [None, 5.0, None], [NAN, 3.0], [INF, -INF, None, 11.0], [None], []],
        ids=str,
    )
    def test_numbers_are_refused_outside_of_their_bounds_and_where_they_are_missing(
        self, values: list[float | None], least: float | None, greatest: float | None, nullable: bool
    ) -> None:
        column = SignatureColumn(name="x", type=ColumnType.NUMBER, nullable=nullable, min=least, max=greatest)
        signature = Signature(task=Task.REGRESSION, target="y", columns=(column,), outputs=())
        block = Block("f", 1, pa.table({"x": pa.chunked_array([pa.array(values, pa.float64())])}))
        found = judge(block, signature, Wanted.of(signature, {}, ()))
        kinds: dict[str, int] = {}
        places = set()
        for at, value in enumerate(values):
            wrong = []
            if value is None:
                wrong += [] if nullable else ["missing"]
            else:
                wrong += ["not finite"] if not np.isfinite(value) else []
                wrong += ["less"] if least is not None and value < least else []
                wrong += ["more"] if greatest is not None and value > greatest else []
            for one in wrong:
                kinds[one] = kinds.get(one, 0) + 1
                places.add(at)
        assert {name.removeprefix("x: ").partition(" than")[0]: rows for name, rows in found.kinds.items()} == kinds
        assert set(found.reasons) == places
        assert sum(map(len, found.reasons.values())) == sum(kinds.values())

    @pytest.mark.parametrize("coded", [True, False])
    @pytest.mark.parametrize("refuses", [True, False])
    def test_categories_are_refused_where_the_settings_close_the_list(self, coded: bool, refuses: bool) -> None:
        column = SignatureColumn(
            name="t", type=ColumnType.CATEGORY, nullable=True, values=("a", "b"), refuse_unseen=refuses
        )
        signature = Signature(task=Task.REGRESSION, target="y", columns=(column,), outputs=())
        chunks = [["a", None, "b"], ["b", "a"], ["C", "a ", "c"]]
        arrays = [pa.array(chunk, pa.string()) for chunk in chunks]
        values = pa.chunked_array([one.dictionary_encode() for one in arrays] if coded else arrays)
        found = judge(Block("f", 1, pa.table({"t": values})), signature, Wanted.of(signature, {}, ()))
        assert sorted(found.reasons) == ([5, 6, 7] if refuses else [])
        assert found.kinds == ({"t: unknown value": 3} if refuses else {})

    def test_value_that_can_not_be_read_is_not_missing_as_well(self) -> None:
        column = SignatureColumn(name="n", type=ColumnType.INTEGER, nullable=False)
        signature = Signature(task=Task.REGRESSION, target="y", columns=(column,), outputs=())
        raw, table = pa.table({"n": ["x", None, "3"]}), pa.table({"n": pa.array([None, None, 3], pa.int64())})
        block = Block("f", 1, table, raw=raw, unreadable=(Unreadable("n", pa.array([True, False, False])),))
        found = judge(block, signature, Wanted.of(signature, {}, ()))
        assert found.kinds == {"n: no integer": 1, "n: missing": 1}
        assert sorted(found.reasons) == [0, 1]
        assert "'x'" in found.reasons[0][0]


def _files(*sizes: int) -> tuple[InputFile, ...]:
    return tuple(
        InputFile(name=f"{at}.csv", uri=f"/in/{at}.csv", size=size, identity="i") for at, size in enumerate(sizes)
    )


class TestCut:
    @pytest.mark.parametrize(
        ("sizes", "ends"),
        [
            ((), []),
            ((100,), [1]),
            ((50, 50), [2]),
            ((50, 51), [1, 2]),
            ((0, 0, 0, 0), [3, 4]),  # as many files as a unit may have
            ((99, 1, 1), [2, 3]),
            ((10, 10, 10, 90, 10), [3, 5]),
            ((1, 101, 1), [1, 2, 3]),  # a large one is a unit of its own
        ],
    )
    def test_small_files_are_put_together_up_to_the_limits(
        self, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, ...], ends: list[int]
    ) -> None:
        monkeypatch.setattr(cutting, "UNIT_BYTES", 100)
        monkeypatch.setattr(cutting, "UNIT_FILES", 3)
        monkeypatch.setattr(cutting._Cutter, "_within", lambda *_: None)
        units = list(islice(cut(_files(*sizes), DataOptions(uri="in"), S3Options(), {}), 20))
        assert [unit.end for unit in units] == [Position(file=end) for end in ends]
        assert [unit.begin for unit in units] == [Position(file=end) for end in [0, *ends][: len(ends)]]
        assert [unit.number for unit in units] == list(range(len(ends)))
        done = {unit.number: SimpleNamespace(unit=unit) for unit in units[::2]}
        assert list(cut(_files(*sizes), DataOptions(uri="in"), S3Options(), done)) == units[1::2]

    def test_pieces_of_units_that_follow_each_other_are_each_file_once(self) -> None:
        files = _files(10, 20, 30, 40)
        ends = [
            Position(file=0), Position(file=0, offset=4, row=2), Position(file=1), Position(file=2, offset=7, row=3),
            Position(file=2, offset=9, row=5), Position(file=4),
        ]  # fmt: skip
        found = []
        for number, (begin, end) in enumerate(pairwise(ends)):
            found += [
                (piece.content.file.name, piece.begin.offset, piece.begin.row, piece.text_end)
                for piece in pieces_of(Unit(number=number, begin=begin, end=end), files, S3Options())
            ]
        assert found == [
            ("0.csv", 0, 0, 4), ("0.csv", 4, 2, 10), ("1.csv", 0, 0, 20), ("2.csv", 0, 0, 7), ("2.csv", 7, 3, 9),
            ("2.csv", 9, 5, 30), ("3.csv", 0, 0, 40),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("limit", "cuts"), [(250, [3, 6, 9]), (300, [3, 6, 9]), (301, [4, 8]), (999, []), (100, list(range(1, 10)))]
    )
    def test_row_groups_are_put_together_until_a_unit_has_its_rows(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, cuts: list[int]
    ) -> None:
        path = tmp_path / "x.parquet"
        pq.write_table(pa.table({"x": list(range(1000))}), path, row_group_size=100)
        monkeypatch.setattr(cutting, "UNIT_BYTES", 3000)
        monkeypatch.setattr(cutting, "UNIT_ROWS", limit)
        size = path.stat().st_size
        assert size > 3000
        file = InputFile(name="x.parquet", uri=str(path), size=size, identity="i")
        units = list(islice(cut((file,), DataOptions(uri=str(path)), S3Options(), {}), 20))
        expected = [Position(file=0, offset=at, row=at * 100) for at in cuts]
        assert [unit.end for unit in units] == [*expected, Position(file=1)]


ROOT = Path("/project")
GLOBS: dict[str, Any] = {"include": ("*.csv",), "exclude": ("old*",), "delimiter": ";"}


class TestCommand:
    """Which data set is scored: flags before `batch.input`; how CSV is written is what the settings say."""

    @pytest.mark.parametrize(
        ("given", "uri", "globs"),
        [
            ({"input": "/other"}, "/other", False),
            ({"input": "s3://b/other"}, "s3://b/other", False),
            ({"sample": True}, "/bundle/reference.parquet", False),
            ({}, None, True),
        ],
    )
    @pytest.mark.parametrize("known", [None, "new", "/data/new", "s3://b/new"])
    @pytest.mark.parametrize("prepared", [True, False])
    def test_source_is_what_the_flag_names_without_the_globs_of_the_settings(
        self, given: dict[str, Any], uri: str | None, globs: bool, known: str | None, prepared: bool
    ) -> None:
        from modelway.errors import UsageError

        args = SimpleNamespace(**({"input": None, "sample": False} | given))
        prepare = SimpleNamespace(data=DataOptions(uri="data", delimiter="|", include=("*.tsv",))) if prepared else None
        own = None if known is None else DataOptions(uri=known, **GLOBS)
        settings = SimpleNamespace(batch=BatchOptions(input=own), prepare=prepare)
        if uri is None and own is None:
            with pytest.raises(UsageError):
                _source(args, settings, ROOT, Path("/bundle"))
            return
        found = _source(args, settings, ROOT, Path("/bundle"))
        expected = uri or (known if known and known[0] in "/s" else f"{ROOT}/{known}")
        assert found.uri == expected
        assert (found.include, found.exclude) == ((GLOBS["include"], GLOBS["exclude"]) if globs else ((), ()))
        assert found.delimiter == (";" if own else "|" if prepared else ",")

    SPLITS = (
        None,
        HashSplit(key=("customer",)),
        StratifiedSplit(by="stratified", key=("customer",)),
        TimeSplit(by="time", column="at"),
    )

    @pytest.mark.parametrize(("keys", "split"), list(product([None, (), ("order",)], SPLITS)))
    @pytest.mark.parametrize("own", [None, S3Options(region="own")])
    def test_request_takes_from_the_settings_of_the_data_what_its_own_lack(
        self, keys: tuple[str, ...] | None, split: Any, own: S3Options | None
    ) -> None:
        columns = {"customer": Column(type=ColumnType.INTEGER)}
        prepare = None
        if split is not None:
            prepare = SimpleNamespace(split=split, s3=S3Options(region="data"), columns=columns)
        settings = SimpleNamespace(batch=BatchOptions(keys=keys, s3=own, output="out"), prepare=prepare)
        source = DataOptions(uri="x")
        found = _request(settings, ROOT, Path("/bundle"), "7", source, None)
        of_split = ("customer",) if isinstance(split, HashSplit | StratifiedSplit) else ()
        assert found.keys == (of_split if keys is None else keys)
        assert found.s3 == (own or (S3Options(region="data") if prepare else S3Options()))
        assert found.declared == (columns if prepare else {})
        assert (found.output, found.run, found.source, found.bundle) == (f"{ROOT}/out", "7", source, Path("/bundle"))
        assert found.modules == (str(ROOT),)
