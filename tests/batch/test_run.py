"""A data set in, predictions out: whole, in order, the same whatever form the rows come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from modelway.artifacts import file_digest
from modelway.bundle import open_bundle
from modelway.errors import InputError, UsageError
from modelway.records.artifacts import Manifest
from modelway.records.data import DataOptions


def write_as(form: str, table: pa.Table, folder: Path, name: str = "loans") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{form}"
    if form == "parquet":
        pq.write_table(table, path)
    elif form == "csv":
        pa_csv.write_csv(table, path)
    else:
        rows = [json.dumps(row, default=str) for row in table.to_pylist()]
        path.write_text("\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="session")
def table(loans) -> pa.Table:
    return pa_csv.read_csv(loans, convert_options=pa_csv.ConvertOptions(strings_can_be_null=True))


def test_a_run_leaves_predictions_a_manifest_and_success(runs, loans) -> None:
    outcome = runs.done(loans)
    assert (outcome.result.summary.rows, outcome.result.summary.rejects) == (3000, 0)
    found = runs.table()
    assert found.num_rows == 3000
    assert found.schema.names == ["file", "row", "prediction", "probability", "model_version", "run", "run_started"]
    assert found["row"].to_pylist() == list(range(1, 3001))
    assert set(found["file"].to_pylist()) == {"loans.csv"}
    assert set(found["prediction"].to_pylist()) == {"no", "yes"}
    assert set(found["model_version"].to_pylist()) == {3}
    assert set(found["run"].to_pylist()) == {"one"}
    assert found["run_started"][0].as_py().isoformat() == "2026-11-26T02:00:00+00:00"
    folder = runs.folder()
    manifest = Manifest.from_json((folder / "manifest.json").read_bytes())
    assert {name: file_digest(folder / name) for name in manifest.files} == manifest.files
    assert (folder / "_SUCCESS").is_file()
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_the_predictions_are_the_bundles_own(runs, bundle, table, form, tmp_path) -> None:
    path = write_as(form, table, tmp_path / "in")
    runs.done(path)
    opened = open_bundle(bundle)
    names = [column.name for column in opened.signature.columns]
    rows = pa.table({name: typed(table[name], name) for name in names})
    expected = opened.predict_table(rows)
    assert runs.table()["probability"].to_pylist() == pytest.approx(expected.probability[:, 1].tolist(), abs=1e-9)


def typed(values: Any, name: str) -> Any:
    if name == "applied_on":
        return values.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    return values.cast(pa.float64()) if name in {"income", "amount", "credit_history_years"} else values


def test_columns_that_the_model_does_not_know_are_ignored_and_listed(runs, loans) -> None:
    assert runs.done(loans).result.summary.ignored == ("defaulted", "group")


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_keys_stand_beside_the_predictions(keyed, table, form, tmp_path) -> None:
    numbers = pa.array(range(10_000, 13_000))
    path = write_as(form, table.append_column("customer", numbers), tmp_path / "in")
    keyed.done(path)
    found = keyed.table()
    assert found.schema.names[:3] == ["customer", "prediction", "probability"]
    # Parquet tells its types; in text, a column that nobody declares is text.
    wanted = numbers if form == "parquet" else numbers.cast(pa.string())
    assert found["customer"].combine_chunks() == wanted


def test_a_folder_and_a_glob_in_the_order_of_names(runs, table, tmp_path) -> None:
    for number, form in enumerate(["csv", "jsonl", "parquet"]):
        write_as(form, table.slice(number * 1000, 1000), tmp_path / "in", f"{number}")
    write_as("csv", table.slice(0, 5), tmp_path / "in", "_hidden")
    runs.done(tmp_path / "in")
    assert runs.table()["file"].to_pylist() == ["0.csv"] * 1000 + ["1.jsonl"] * 1000 + ["2.parquet"] * 1000
    runs.done(tmp_path / "in" / "[01].*", "globbed")
    assert runs.table("globbed").num_rows == 2000


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_large_files_are_cut_and_small_ones_put_together(runs, table, form, small_units, tmp_path) -> None:
    if form == "parquet":
        (tmp_path / "in").mkdir()
        pq.write_table(table, tmp_path / "in" / "big.parquet", row_group_size=250)
    else:
        write_as(form, table, tmp_path / "in", "big")
    for number in range(5):
        write_as(form, table.slice(number * 10, 10), tmp_path / "in", f"small-{number}")
    outcome = runs.done(tmp_path / "in", workers=2)
    assert outcome.result.summary.parts > 2
    found = runs.table()
    assert found["row"].to_pylist() == [*range(1, 3001), *list(range(1, 11)) * 5]
    runs.done(tmp_path / "in" / f"big.{form}", "big", workers=1)
    assert found.slice(0, 3000).column("probability") == runs.table("big").column("probability")


def test_the_number_of_workers_changes_no_byte(runs, loans, small_units) -> None:
    runs.done(loans, workers=1)
    first = runs.files()
    (runs.folder() / "_SUCCESS").unlink()
    for path in runs.folder().glob("predictions/*"):
        path.unlink()
    runs.done(loans, workers=3)
    assert runs.files() == first


def test_running_it_twice_does_nothing_twice(runs, loans) -> None:
    runs.done(loans)
    written = [path for path in runs.folder().rglob("*") if path.is_file() and "lock" not in path.name]
    before = {path: path.stat().st_mtime_ns for path in written}  # a lock names who had it last
    outcome = runs.done(loans)
    assert not outcome.fresh
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_run_is_not_continued_with_something_else(runs, loans, tmp_path) -> None:
    runs.done(loans)
    other = tmp_path / "loans.csv"
    other.write_bytes(loans.read_bytes() + loans.read_bytes().splitlines(keepends=True)[1])
    with pytest.raises(UsageError, match="another address"):
        runs(other)
    with pytest.raises(UsageError, match="another batch size"):
        runs(loans, batch_size=7)


def test_a_changed_input_is_another_one(runs, loans, tmp_path) -> None:
    path = tmp_path / "loans.csv"
    path.write_bytes(loans.read_bytes())
    runs.done(path)
    path.write_bytes(loans.read_bytes().replace(b"2024", b"2025", 1))
    with pytest.raises(UsageError, match="changed since"):
        runs(path)


def test_a_bundle_that_does_not_verify_is_not_loaded(runs, loans, tmp_path) -> None:
    import shutil

    copy = tmp_path / "bundle"
    shutil.copytree(runs.bundle, copy)
    (copy / "features.json").write_text((copy / "features.json").read_text() + " ")
    runs.bundle = copy
    with pytest.raises(InputError, match=r"not the one of the manifest"):
        runs(loans)
    assert not Path(runs.output).exists()


def test_the_run_before_is_compared_with(runs, loans) -> None:
    runs.done(loans)
    assert json.loads((Path(runs.output) / "_latest.json").read_text())["run"] == "one"
    summary = runs.done(loans, "two").result.summary
    assert summary.plan.previous == "one"
    assert summary.previous == summary.predictions
    assert summary.previous_shift == 0


def test_slices_and_the_baseline_are_counted(runs, loans) -> None:
    summary = runs.done(loans, slices=("purpose", "employment")).result.summary
    assert sum(one.rows for one in summary.slices if one.column == "purpose") == 3000
    assert "(missing)" in {one.value for one in summary.slices if one.column == "employment"}
    assert sum(summary.predictions.counts) == 3000
    assert summary.shift is not None
    assert 0 <= summary.shift < 0.2


def test_memory_that_is_too_little_is_refused(runs, loans) -> None:
    with pytest.raises(UsageError, match="too little"):
        runs(loans, memory="100MB")


def test_an_encoding_of_wide_characters(runs, table, tmp_path) -> None:
    text = write_as("csv", table.slice(0, 50), tmp_path / "in").read_text()
    path = tmp_path / "wide.csv"
    path.write_text(text, encoding="utf-16")
    runs.done(path, written=DataOptions(uri=str(path), encoding="utf-16"))
    assert runs.table().num_rows == 50
