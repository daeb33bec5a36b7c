"""The whole stage: from an address to tables and their record, and back from a directory."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.data import encode_target, load_prepared, prepare_data, save_prepared
from modelway.data.profile import profile_column
from modelway.errors import InputError, UsageError
from modelway.records.data import Column, ColumnType


@pytest.fixture
def root(tmp_path, make_rows, write_rows):
    """A folder with the small data set of 600 rows in it, in three files, and a benchmark."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    rows = make_rows(700)
    write_rows(folder / "data/a.csv", rows[:300])
    write_rows(folder / "data/b.parquet", rows[300:400])
    write_rows(folder / "data/c.jsonl", rows[400:600])
    write_rows(folder / "bench.csv", rows[600:])
    return folder


@pytest.fixture
def prepare(root, tmp_path, make_options):
    def run(**changes):
        return prepare_data(make_options(**({"data": {"uri": "data"}} | changes)), root, tmp_path / "cache")

    return run


def test_a_folder_becomes_tables_and_a_record(prepare, root):
    prepared = prepare(benchmarks={"later": {"uri": "bench.csv"}})
    dataset = prepared.dataset
    assert list(prepared.tables) == ["train", "validation", "test", "benchmarks/later"]
    assert dataset.rows == {name: table.num_rows for name, table in prepared.tables.items()}
    assert sum(dataset.rows.values()) == 700
    assert dataset.rows["benchmarks/later"] == 100
    assert dataset.classes == ("no", "yes")
    assert dataset.target_mean is None
    train = np.array(prepared.tables["train"]["y"])
    assert dataset.target_rates == pytest.approx({"no": (train == "no").mean(), "yes": (train == "yes").mean()})
    files = {"a.csv": "data/a.csv", "b.parquet": "data/b.parquet", "c.jsonl": "data/c.jsonl"}
    files["benchmarks/later/bench.csv"] = "bench.csv"
    assert dataset.source == {
        name: hashlib.sha256((root / path).read_bytes()).hexdigest() for name, path in files.items()
    }


def test_the_profile_tells_of_the_training_rows(prepare):
    prepared = prepare()
    train, profile = prepared.tables["train"], {item.name: item for item in prepared.dataset.profile}
    assert list(profile) == train.column_names
    numbers = np.array(train["x"])
    x = profile["x"]
    assert (x.min, x.max, x.missing, len(x.histogram)) == (numbers.min(), numbers.max(), 0, 20)
    assert (x.mean, x.std) == pytest.approx((numbers.mean(), numbers.std()))
    assert sum(x.histogram) == train.num_rows
    assert x.histogram == tuple(np.histogram(numbers, 20)[0].tolist())
    kinds = train["kind"].to_pylist()
    assert profile["kind"].missing == kinds.count(None)
    assert profile["kind"].distinct == 2
    assert dict(profile["kind"].top) == {"red": kinds.count("red"), "blue": kinds.count("blue")}
    assert [count for _, count in profile["kind"].top] == sorted(
        (kinds.count("red"), kinds.count("blue")), reverse=True
    )
    assert {name for name, _ in profile["flag"].top} == {"true", "false"}
    assert profile["note"].distinct == 13
    assert (profile["note"].top, profile["note"].histogram) == ((), ())
    assert profile["day"].min < profile["day"].max


def test_a_constant_column_has_one_bin():
    profile = profile_column("x", Column(type=ColumnType.NUMBER), pa.chunked_array([[1.5, None, 1.5]]))
    assert (profile.histogram, profile.min, profile.max, profile.std, profile.missing) == ((2,), 1.5, 1.5, 0.0, 1)


def test_a_column_without_values_has_none_to_tell_of():
    profile = profile_column("x", Column(type=ColumnType.NUMBER), pa.chunked_array([pa.nulls(3, pa.float64())]))
    assert (profile.missing, profile.mean, profile.histogram) == (3, None, ())


def test_a_regression_has_the_mean_of_its_target(prepare):
    prepared = prepare(task="regression", target="x")
    assert prepared.dataset.classes == ()
    assert prepared.dataset.target_rates == {}
    assert prepared.dataset.target_mean == pytest.approx(np.array(prepared.tables["train"]["x"]).mean())


def test_a_sample_has_about_so_many_rows(prepare):
    rows = prepare(sample=300).dataset.rows
    assert 200 < sum(rows.values()) < 400


def write_keyed(root, ids: list[int]) -> None:
    """Rows (x, y) with x from `ids`, each with an own key."""
    lines = [f"{at},{value},{'yes' if value % 2 else 'no'}" for at, value in enumerate(ids)]
    (root / "keyed.csv").write_text("key,x,y\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("ids", [list(range(200)), [*range(150), *range(50)]], ids=["none", "some"])
def test_duplicates_of_test_rows_are_found(root, prepare, ids):
    write_keyed(root, ids)
    columns = {"x": {"type": "integer"}, "y": {"type": "category"}}
    prepared = prepare(
        data={"uri": "keyed.csv"}, columns=columns, ignore=["key"], split={"by": "time", "column": "key", "test": 0.25}
    )
    seen = set(prepared.tables["train"]["x"].to_pylist()) | set(prepared.tables["validation"]["x"].to_pylist())
    test = prepared.tables["test"]["x"].to_pylist()
    expected = [at for at, value in enumerate(test) if value in seen]
    assert prepared.dataset.duplicates.rows == len(expected)
    assert prepared.dataset.duplicates.examples == tuple(expected[:10])
    assert len(test) == 50


def test_equal_rows_share_a_part_so_none_is_a_duplicate(root, prepare):
    write_keyed(root, [*range(100), *range(100)])
    columns = {"x": {"type": "integer"}, "y": {"type": "category"}}
    prepared = prepare(data={"uri": "keyed.csv"}, columns=columns, ignore=["key"])
    parts = [set(prepared.tables[part]["x"].to_pylist()) for part in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(set().union(*parts)) == 100
    assert prepared.dataset.duplicates.rows == 0


def test_a_column_without_any_value_is_refused(root, prepare):
    (root / "void.csv").write_text("x,y\n,a\nNA,b\n")
    with pytest.raises(InputError, match="no row has a value") as error:
        prepare(
            data={"uri": "void.csv"}, columns={"x": {"type": "number", "nullable": True}, "y": {"type": "category"}}
        )
    assert error.value.where == "void.csv, column 'x'"
    assert "prepare.ignore" in error.value.remedy


def test_one_class_only_is_refused(root, prepare):
    (root / "one.csv").write_text("x,y\n1,a\n2,a\n")
    with pytest.raises(InputError, match="every row is of class 'a'"):
        prepare(data={"uri": "one.csv"}, columns={"x": {"type": "number"}, "y": {"type": "category"}})


def test_an_unknown_positive_class_is_wrong_usage(prepare):
    with pytest.raises(UsageError, match="the classes are 'no', 'yes'"):
        prepare(positive="maybe")


def test_a_benchmark_with_an_unknown_class_is_refused(root, prepare, make_rows, write_rows):
    write_rows(root / "odd.csv", [make_rows(1)[0], make_rows(1)[0] | {"y": "maybe"}])
    with pytest.raises(InputError, match="'maybe' is unknown to training") as error:
        prepare(benchmarks={"odd": {"uri": "odd.csv"}})
    assert error.value.where == "benchmarks/odd, row 2, column 'y'"


def test_a_missing_folder_is_refused_with_its_path(prepare, root):
    with pytest.raises(InputError) as error:
        prepare(data={"uri": "nowhere"})
    assert error.value.where == str(root / "nowhere")


def test_each_step_is_told(root, tmp_path, make_options):
    steps = []
    options = make_options(data={"uri": "data"}, benchmarks={"later": {"uri": "bench.csv"}})
    prepare_data(options, root, tmp_path, lambda step, done, total, note="": steps.append((step, done, total)))
    assert steps == [("prepare", at, 4) for at in (1, 2, 3, 4)]


def test_data_on_s3_is_synced_into_the_cache(root, tmp_path, make_options, empty_moto):
    from modelway.storage.s3 import s3_client

    s3 = {"endpoint_url": empty_moto, "region": "us-east-1", "path_style": True}
    uri = "s3://bucket/some/data"
    options = make_options(
        data={"uri": uri, "include": ["a.*", "b.*"]}, s3=s3, benchmarks={"c": {"uri": uri, "include": ["c.*"]}}
    )
    client = s3_client(options.s3)
    client.create_bucket(Bucket="bucket")
    for path in (root / "data").iterdir():
        client.upload_file(str(path), "bucket", f"some/data/{path.name}")
    prepared = prepare_data(options, root, tmp_path / "cache")
    again = prepare_data(options, root, tmp_path / "cache")
    kept = sorted(path.name for path in (tmp_path / "cache").rglob("[!.]*") if path.is_file())
    assert kept == ["a.csv", "b.parquet", "c.jsonl"]  # two choices from one address do not remove each other's files
    local = make_options(data={"uri": "data", "exclude": ["c.*"]}, benchmarks={"c": {"uri": "data/c.jsonl"}})
    expected = prepare_data(local, root, tmp_path / "cache")
    assert prepared.dataset == again.dataset == expected.dataset
    assert prepared.tables == expected.tables


def test_what_is_saved_is_loaded(prepare, tmp_path):
    prepared = prepare(benchmarks={"later": {"uri": "bench.csv"}})
    save_prepared(prepared, tmp_path)
    loaded = load_prepared(tmp_path)
    assert loaded.dataset == prepared.dataset
    assert loaded.tables == prepared.tables
    some = load_prepared(tmp_path, ("test", "benchmarks/later"))
    assert list(some.tables) == ["test", "benchmarks/later"]
    assert encode_target(some.dataset, some.tables["test"]).shape == (prepared.dataset.rows["test"],)


def test_equal_inputs_give_equal_bytes(prepare, tmp_path):
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_prepared(prepare(), tmp_path / name)
        contents.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())})
    assert list(contents[0]) == ["dataset.json", "test.parquet", "train.parquet", "validation.parquet"]
    assert contents[0] == contents[1]


HARMS = {
    "no record": lambda folder: (folder / "dataset.json").unlink(),
    "torn record": lambda folder: (folder / "dataset.json").write_text('{"task":'),
    "odd record": lambda folder: (folder / "dataset.json").write_text("{}"),
    "no table": lambda folder: (folder / "test.parquet").unlink(),
    "torn table": lambda folder: (folder / "test.parquet").write_bytes((folder / "test.parquet").read_bytes()[:-9]),
    "table of other rows": lambda folder: (folder / "test.parquet").write_bytes(
        (folder / "train.parquet").read_bytes()
    ),
    "table of other columns": lambda folder: pq.write_table(
        pq.read_table(folder / "test.parquet").drop_columns(["x"]), folder / "test.parquet"
    ),
}


@pytest.mark.parametrize("name", HARMS)
def test_a_torn_directory_is_refused(prepare, tmp_path, name):
    save_prepared(prepare(), tmp_path)
    HARMS[name](tmp_path)
    with pytest.raises(InputError) as error:
        load_prepared(tmp_path)
    assert error.value.where.endswith("dataset.json" if "record" in name else "test.parquet")
    assert "prepare" in error.value.remedy


def test_the_name_of_a_benchmark_can_not_leave_the_directory(make_options):
    from pydantic import ValidationError

    for name in ("../x", "a/b", ".x", ""):
        with pytest.raises(ValidationError):
            make_options(benchmarks={name: {"uri": "x.csv"}})


def test_the_real_census_file_is_read(shared_data, tmp_path, make_options):
    names = (shared_data / "adult.csv").read_text().partition("\n")[0].split(",")
    numbers = {"age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hr_per_week"}
    columns = {name: {"type": "integer" if name in numbers else "category"} for name in names}
    options = make_options(target="income", columns=columns, data={"uri": "adult.csv"}, ignore=[], positive=">50K")
    prepared = prepare_data(options, shared_data, tmp_path)
    assert sum(prepared.dataset.rows.values()) == 30162
    assert prepared.dataset.classes == ("<=50K", ">50K")
    json.loads(prepared.dataset.to_json())


def test_the_real_bike_file_is_split_by_its_dates(shared_data, tmp_path, make_options):
    columns = {name: {"type": "number"} for name in ("temp", "hum", "windspeed")}
    columns |= {"dteday": {"type": "date", "format": "%m/%d/%Y"}, "cnt": {"type": "integer"}}
    header = (shared_data / "bike_hour.csv").read_text().partition("\n")[0].split(",")
    options = make_options(
        task="regression",
        target="cnt",
        columns=columns,
        data={"uri": "bike_hour.csv"},
        ignore=[name for name in header if name not in columns],
        split={"by": "time", "column": "dteday", "test": 0.2},
    )
    tables = prepare_data(options, shared_data, tmp_path).tables
    assert max(tables["validation"]["dteday"].to_pylist()) < min(tables["test"]["dteday"].to_pylist())
    assert tables["test"].num_rows == pytest.approx(17379 * 0.2, rel=0.01)
