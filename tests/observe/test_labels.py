"""Labels: which column joins them, which holds them, and which of several holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from modelway.errors import InputError
from modelway.observe.labels import join_labels, read_labels
from modelway.records.data import S3Options
from modelway.records.monitor import PerformanceOptions
from modelway.records.progress import silent


def labels(
    folder: Path, files: dict[str, str], target: str | None = "paid", **options: Any
) -> tuple[dict[str, str], str]:
    (folder / "labels").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / "labels" / name).write_text(text)
    table, by = read_labels(
        str(folder / "labels"), PerformanceOptions(**options), target, S3Options(), folder / "cache", silent
    )
    return dict(zip(table["by"].to_pylist(), table["label"].to_pylist(), strict=True)), by


@pytest.mark.parametrize(
    ("header", "target", "options", "by", "at"),
    [
        ("id,paid", "paid", {}, "id", 1),
        ("prediction_id,paid", "paid", {}, "id", 1),
        ("key,paid", "paid", {}, "key", 1),
        ("routing_key,paid", "paid", {}, "key", 1),
        ("key,id,paid", "paid", {}, "id", 2),  # an id is the surer one
        ("key,own,paid", "paid", {"id_column": "own"}, "id", 2),
        ("own,id,paid", "paid", {"key_column": "own"}, "id", 2),
        ("own,other,paid", "paid", {"key_column": "own"}, "key", 2),
        ("id,label,paid", "paid", {}, "id", 2),  # the target's own name before the usual ones
        ("id,y,label", "paid", {}, "id", 2),
        ("id,y", None, {}, "id", 1),
        ("id,paid,own", "paid", {"label_column": "own"}, "id", 2),
    ],
)
def test_columns_are_those_named_else_the_usual_ones(
    tmp_path: Path, header: str, target: str | None, options: dict[str, str], by: str, at: int
) -> None:
    rows = "\n".join(",".join(f"{name}{row}" for name in header.split(",")) for row in (1, 2))
    found, joined = labels(tmp_path, {"a.csv": f"{header}\n{rows}\n"}, target, **options)
    names = header.split(",")
    joins = {"id": ("own", "id", "prediction_id"), "key": ("own", "key", "routing_key")}[by]
    column = next(name for name in joins if name in names and (name != "own" or f"{by}_column" in options))
    assert joined == by
    assert found == {f"{column}{row}": f"{names[at]}{row}" for row in (1, 2)}


@pytest.mark.parametrize(
    ("header", "options", "words"),
    [
        ("a,paid", {}, "says which prediction a label is of: a, paid"),
        ("id,a", {}, "holds the label: id, a"),
        ("id,paid", {"label_column": "own"}, "holds the label"),
        ("id,paid", {"id_column": "own"}, "says which prediction"),
    ],
)
def test_columns_that_are_missing_are_named(tmp_path: Path, header: str, options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        labels(tmp_path, {"a.csv": f"{header}\n1,2\n"}, **options)


def test_last_label_of_each_holds_over_all_files_as_pandas_keeps_it(tmp_path: Path) -> None:
    rows = [
        ("p1", "no"),
        ("p2", "yes"),
        ("p1", "yes"),
        ("p3", ""),
        ("p2", ""),
        ("p4", "no"),
        ("p1", "no"),
        ("p4", "yes"),
    ]
    files = {
        f"{name}.csv": "id,paid\n" + "".join(f"{one},{label}\n" for one, label in part)
        for name, part in (("a", rows[:3]), ("b", rows[3:6]), ("c", rows[6:]))
    }
    frame = pd.DataFrame(rows, columns=["id", "paid"])
    expected = frame[frame["paid"] != ""].drop_duplicates("id", keep="last").set_index("id")["paid"].to_dict()
    assert labels(tmp_path, files)[0] == expected == {"p1": "no", "p2": "yes", "p4": "yes"}


def test_labels_are_joined_in_the_order_of_the_predictions() -> None:
    known = pa.table({"by": pa.chunked_array([["b"], ["a", "c"]]), "label": pa.chunked_array([["B"], ["A", "C"]])})
    keys = pa.chunked_array([["c", "x"], ["a", None, "b", "a"]], pa.string())
    assert join_labels(keys, known).to_pylist() == ["C", None, "A", None, "B", "A"]
