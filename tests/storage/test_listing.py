"""Which files stand behind an address, the same for folders and prefixes."""

from __future__ import annotations

import pytest

from modelway.errors import InputError
from modelway.storage import list_files
from modelway.storage.addresses import is_s3, matches, matches_whole

TREE = [
    "data/b.csv",
    "data/a.parquet",
    "data/deep/c.jsonl",
    "data/deep/er/d.csv",
    "data/readme.txt",
    "data/manifest.json",
    "data/_SUCCESS.csv",
    "data/.hidden.csv",
    "data/_temporary/e.csv",
    "data/.git/f.csv",
    "data-old/g.csv",
]
ALL = ["a.parquet", "b.csv", "deep/c.jsonl", "deep/er/d.csv"]

CASES = {
    "folder": ("data", (), (), ALL),
    "folder with a slash": ("data/", (), (), ALL),
    "one file": ("data/b.csv", (), (), ["b.csv"]),
    "one file of another kind": ("data/readme.txt", (), (), ["readme.txt"]),
    "one hidden file": ("data/_SUCCESS.csv", (), (), ["_SUCCESS.csv"]),
    "glob": ("data/*.csv", (), (), ["b.csv"]),
    "glob over all": ("data/*", (), (), ["a.parquet", "b.csv"]),
    "deep glob": ("data/**/*.csv", (), (), ["b.csv", "deep/er/d.csv"]),
    "glob of folders": ("data*/g.csv", (), (), ["data-old/g.csv"]),
    "glob with a set": ("data/[a-b].*", (), (), ["a.parquet", "b.csv"]),
    "include by name": ("data", ("*.csv",), (), ["b.csv", "deep/er/d.csv"]),
    "include by path": ("data", ("deep/*",), (), ["deep/c.jsonl"]),
    "include two": ("data", ("a.*", "b.*"), (), ["a.parquet", "b.csv"]),
    "exclude by name": ("data", (), ("*.csv",), ["a.parquet", "deep/c.jsonl"]),
    "exclude by path": ("data", (), ("deep/**",), ["a.parquet", "b.csv"]),
    "include and exclude": ("data", ("*.csv",), ("deep/**",), ["b.csv"]),
}


@pytest.mark.parametrize("where", ["local", "s3"])
@pytest.mark.parametrize("case", CASES)
def test_an_address_gives_its_data_files_in_order(request, tmp_path, where, case):
    uri, include, exclude, expected = CASES[case]
    if where == "local":
        for name in TREE:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"xyz")
        found = list_files(f"{tmp_path}/{uri}", include=include, exclude=exclude)
    else:
        bucket = request.getfixturevalue("bucket")
        for name in TREE:
            bucket.put(name, b"xyz")
        found = list_files(bucket.uri(uri), s3=bucket.options, include=include, exclude=exclude)
    assert [item.name for item in found] == expected
    assert {item.size for item in found} == {3}
    assert all(item.uri.endswith(item.name) for item in found)


@pytest.mark.parametrize("uri", ["gone", "gone.csv", "gone/*.csv", "empty", "other"])
def test_nothing_behind_an_address_is_refused(tmp_path, uri):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").write_text("x")
    with pytest.raises(InputError) as error:
        list_files(str(tmp_path / uri))
    assert uri in error.value.where
    assert "*.csv" in error.value.remedy


def test_a_file_whose_name_looks_like_a_glob_is_found(tmp_path):
    (tmp_path / "data[1].csv").write_text("x")
    assert [item.name for item in list_files(str(tmp_path / "data[1].csv"))] == ["data[1].csv"]


def test_more_than_a_thousand_objects_are_listed(bucket):
    from moto.s3.models import s3_backends

    backend = s3_backends["123456789012"]["aws"]  # by HTTP it would take long
    for number in range(1005):
        backend.put_object(bucket.name, f"many/{number:04}.csv", b"")
    assert len(list_files(bucket.uri("many"), s3=bucket.options)) == 1005


def test_a_whole_bucket_is_listed(bucket):
    bucket.put("a.csv")
    assert [item.name for item in list_files(bucket.uri(), s3=bucket.options)] == ["a.csv"]


@pytest.mark.parametrize("key", ["data/../../etc/x.csv", "data//x.csv", "data/./x.csv"])
def test_a_key_that_is_no_path_is_refused(bucket, key):
    from modelway.storage import s3 as module

    found = module.Found(key.removeprefix("data/"), bucket.uri(key), 1)
    with pytest.raises(InputError, match="can't be a path"):
        module._check_name(found)


def test_keys_are_checked_before_anything_is_written(bucket):
    bucket.put("data//x.csv")
    with pytest.raises(InputError, match="can't be a path"):
        list_files(bucket.uri("data"), s3=bucket.options)


def test_other_schemes_are_refused():
    with pytest.raises(InputError, match="gs://"):
        is_s3("gs://bucket/key")
    assert not is_s3("C:/data")
    assert not is_s3("a/b")


def test_an_address_without_a_bucket_is_refused(aws_keys):
    with pytest.raises(InputError, match="no bucket"):
        list_files("s3:///key")


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("a/b.csv", "*.csv", True),
        ("a/b.csv", "a/*.csv", True),
        ("a/c/b.csv", "a/*.csv", False),
        ("a/c/b.csv", "a/**/*.csv", True),
        ("a/b.csv", "a/**/*.csv", True),
        ("a/b.csv", "a/?.csv", True),
        ("a/bb.csv", "a/?.csv", False),
        ("b.csv", "[!a].csv", True),
        ("b.csv", "[!b].csv", False),
        ("^.csv", "[^].csv", True),
        ("].csv", "[]].csv", True),
        ("a.csv", "a[.csv", False),
        ("a[.csv", "a[.csv", True),
        ("axcsv", "a.csv", False),
        ("a/b", "a[!x]b", True),
    ],
)
def test_globs(name, pattern, fits):
    assert matches(name, pattern) is (fits and (name, pattern) != ("a/b", "a[!x]b"))


def test_an_address_glob_looks_at_the_whole_path():
    assert not matches_whole("a/b.csv", "*.csv")
