"""What is counted of a part: each pair of kinds of rows in one block, blocks in a row, and what may be refused at most.

A part is described by its rows, a letter each; what has to be counted follows from the letters alone.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.batch.partition import Partition
from modelway.batch.planning import find_input
from modelway.bundle import open_bundle
from modelway.errors import InputError
from modelway.records.batch import BatchPlan, PartitionSetup, PartRecord, Position, Unit
from modelway.records.data import DataOptions, S3Options

GOOD: dict[str, Any] = {
    "applied_on": "2026-11-23", "age": 40, "income": 30000.0, "amount": 9000.0, "term_months": 24,
    "employment": "employed", "purpose": "car", "home": "rent", "credit_history_years": 3.5, "late_payments": 0,
    "note": "for the family",
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "g": {},
    "u": {"applied_on": "soon"},  # unreadable
    "m": {"purpose": None},  # missing
    "c": {"home": "boat"},  # not a known category
    "2": {"applied_on": "soon", "home": "boat"},
    "s": {"income": 1e300},  # the model can't score it
    "b": {},  # a line that is not a row
}
KINDS: dict[str, tuple[str, ...]] = {
    "g": (), "u": ("applied_on: no date",), "m": ("purpose: missing",), "c": ("home: unknown value",),
    "2": ("applied_on: no date", "home: unknown value"), "s": ("can't be scored",), "b": ("can't be read",),
}  # fmt: skip
"""What a refused row counts as."""


def write(path: Path, rows: str) -> Path:
    """Write rows as a file of the form that its name has; Parquet can't have a line that is not a row."""
    made = [GOOD | CHANGES[kind] for kind in rows]
    if path.suffix == ".jsonl":
        lines = ["{torn" if kind == "b" else json.dumps(row) for kind, row in zip(rows, made, strict=True)]
        path.write_text("".join(f"{line}\n" for line in lines))
    elif path.suffix == ".csv":
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in made]
        lines = ["1,2" if kind == "b" else line for kind, line in zip(rows, lines, strict=True)]
        path.write_text("".join(f"{line}\n" for line in (",".join(GOOD), *lines)))
    else:
        pq.write_table(pa.Table.from_pylist(made, pa.Table.from_pylist([GOOD]).schema), path, row_group_size=4)
    return path


@dataclass(frozen=True)
class Parts:
    """Scores files, each as one part."""

    bundle: Any
    folder: Path

    def run(self, path: Path) -> tuple[PartRecord, list[int], list[int]]:
        """Return the part's record, and the numbers of the rows that it predicted and refused."""
        source = DataOptions(uri=str(path))
        files = find_input(source, S3Options())
        output = self.folder / path.name.replace(".", "-")
        plan = BatchPlan(
            run="one", started="2026-11-26T02:00:00+00:00", model=self.bundle.info, bundle_digest=self.bundle.digest,
            input=str(path), source=source, files=files, keys={}, slices=("home",), batch_size=3,
        )  # fmt: skip
        setup = PartitionSetup(plan=plan, bundle="", output=str(output), s3=S3Options(), edges=(0.0, 1.0))
        partition = Partition(setup, self.bundle)
        try:
            record = partition.run(Unit(number=0, begin=Position(file=0), end=Position(file=len(files))))
        finally:
            partition.close()
        predicted = [one for each in output.glob("predictions/*") for one in pq.read_table(each)["row"].to_pylist()]
        lines = [line for each in output.glob("rejects/*") for line in each.read_text().splitlines()]
        return record, predicted, [json.loads(line)["row"] for line in lines]


@pytest.fixture(scope="module")
def parts(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Parts:
    return Parts(open_bundle(bundle), tmp_path_factory.mktemp("parts"))


def check(parts: Parts, path: Path, rows: str) -> None:
    record, predicted, refused = parts.run(write(path, rows))
    numbers = {good: [at for at, kind in enumerate(rows, 1) if (kind == "g") is good] for good in (True, False)}
    assert predicted == numbers[True]
    assert sorted(refused) == numbers[False]
    assert (record.rows, record.rejects) == (len(rows), len(numbers[False]))
    assert record.reasons == Counter(reason for kind in rows for reason in KINDS[kind])
    assert sorted(one.row for one in record.examples) == numbers[False][:20]
    homes = {"rent": len(numbers[True])} if numbers[True] else {}
    assert {name: one.rows for name, one in record.slices["home"].items()} == homes
    assert (record.predictions.rows, sum(record.predictions.counts)) == (len(numbers[True]),) * 2
    assert sum(record.predictions.categories.values()) == len(numbers[True])
    assert [Path(file.name).parent.name for file in record.files] == ["predictions", "rejects"][: 1 + bool(refused)]


FORMS = {"csv": "gumc2sb", "jsonl": "gumc2sb", "parquet": "gumc2s"}


@pytest.mark.parametrize("form", FORMS)
def test_each_pair_of_kinds_of_rows_in_one_block_is_counted(parts: Parts, tmp_path: Path, form: str) -> None:
    for first, second in product(FORMS[form], repeat=2):
        check(parts, tmp_path / f"{form}-{first}{second}.{form}", f"g{first}g{second}{first}")


BLOCKS = {
    "refused in one block, unreadable in the next": "guuguu" + "gbbgbb" + "gsgsgs",
    "all of a block refused": "gggggg" + "uuuuuu" + "bbbbbb" + "ssssss" + "g",
    "the last block is short": "gggggg" + "gugbgs" + "b",
    "nothing is predicted": "bububu" + "ccs",
    "the last row alone": "gggggg" + "ggggg2",
    "the first of each block": "bggggg" + "uggggg" + "sggggg",
    "as many examples as are kept": "b" * 19 + "u",
    "and one more": "b" * 19 + "uc",
}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("rows", BLOCKS.values(), ids=BLOCKS)
def test_blocks_in_a_row_are_counted_together(
    parts: Parts, tmp_path: Path, form: str, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of a few rows each: a row has at least 4 bytes and some 90 or 280 at most."""
    monkeypatch.setattr("modelway.batch.text.BLOCK", 600 if form == "csv" else 1700)
    check(parts, tmp_path / f"rows{abs(hash(rows))}.{form}", rows)


@pytest.mark.parametrize(
    ("form", "text"), [("csv", f"{','.join(GOOD)}\n"), ("csv", ",".join(GOOD)), ("jsonl", "\n"), ("jsonl", "\n\n\n")]
)
def test_a_file_without_a_row_counts_nothing(parts: Parts, tmp_path: Path, form: str, text: str) -> None:
    path = tmp_path / f"empty{len(text)}.{form}"
    path.write_text(text)
    record, predicted, refused = parts.run(path)
    assert (record.rows, record.rejects, record.predictions.rows, predicted, refused) == (0, 0, 0, [], [])


MOST: list[tuple[float, str, bool]] = [
    (0, "ggg", True),
    (0, "gug", False),
    (1, "gug", True),
    (1, "gub", False),
    (3, "bus", True),
    (3, "buss", False),
    (0.25, "ggub", False),
    (0.25, "gggb", True),
    (0.5, "gb", True),
    (0.29, "g" * 71 + "b" * 29, True),  # 0.29 * 100 is 28.999999999999996
    (0.29, "g" * 70 + "b" * 30, False),
    (0.07, "g" * 93 + "u" * 7, True),
    (1, "g" * 50 + "b", True),
    (0.999, "b", False),
    (2.5, "guu", True),
    (2.5, "uuu", False),
]


@pytest.mark.parametrize(("most", "rows", "passes"), MOST)
def test_max_rejects_up_to_its_limit_and_beyond(
    runs: Any, tmp_path: Path, most: float, rows: str, passes: bool
) -> None:
    outcome = runs(write(tmp_path / "rows.csv", rows), max_rejects=most)
    assert (outcome.error is None) is passes, outcome.error
    assert passes or isinstance(outcome.error, InputError)
    summary = outcome.result.summary
    refused = sum(kind != "g" for kind in rows)
    assert (summary.rows, summary.rejects, summary.predicted) == (len(rows), refused, len(rows) - refused)
