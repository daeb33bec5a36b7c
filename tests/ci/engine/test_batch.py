"""Scoring a folder of the host's on a real engine: predictions in the result, or the code of what went wrong."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from .servers import free_port, running

pytestmark = pytest.mark.slow

KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "hunter2-and-nothing-else"}
ON_S3 = ("--input", "new", "--run", "21", "--max-rejects", "1")
REJECTS = "loans/21/rejects/part-00000.jsonl"


@pytest.fixture(scope="module")
def trained(call, project):
    """A registered champion, and a folder of rows, one of which the model's signature refuses."""
    found = call("train", "export", "--path", "trained")
    assert found.exit_code == 0, found.log
    (project / "new").mkdir()
    header, first, *rows = (project / "data" / "loans.csv").read_text().splitlines()
    at = header.split(",").index("age")
    values = first.split(",")
    values[at] = "old"
    (project / "new" / "loans.csv").write_text("\n".join([header, ",".join(values), *rows[:499]]) + "\n")
    return project


def test_a_folder_is_scored_into_the_result(call, trained):
    argv = ("--input", "new", "--run", "12", "--max-rejects", "1", "export", "--path", "scored")
    found = call("batch", *argv)
    assert found.exit_code == 0, found.log
    summary = json.loads((trained / "scored" / "summary.json").read_text())
    assert (summary["exit_code"], summary["rows"], summary["rejects"]) == (0, 500, 1)
    (run,) = (trained / "scored").rglob("_SUCCESS")
    assert run.parent.name == "12"
    assert pq.read_table(run.parent / "predictions").num_rows == 499
    assert list((trained / "scored").rglob("report.html"))


def test_too_many_refused_rows_end_the_call_with_3(call, trained):
    found = call("batch", "--input", "new", "--run", "13", "--max-rejects", "0", "export", "--path", "none")
    assert found.exit_code == 3, found.log
    assert "1 of 500 rows were refused" in found.log
    assert not (trained / "none").exists()
    reported = call(
        "batch", "--input", "new", "--run", "13", "--max-rejects", "0", "--report-only", "export", "--path", "red"
    )
    assert reported.exit_code == 0, reported.log
    assert json.loads((trained / "red" / "summary.json").read_text())["exit_code"] == 3
    assert list((trained / "red").rglob("report.html"))
    assert not list((trained / "red").rglob("_SUCCESS"))


@pytest.fixture
def store(tmp_path):
    """An object store of this machine, with a bucket for each of two who write: its port, and a client of it."""
    import boto3

    port = free_port()
    with running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", port], port, cwd=tmp_path):
        who = {name.lower(): value for name, value in KEYS.items()} | {"region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", **who)
        for bucket in ("engine", "host"):
            client.create_bucket(Bucket=bucket)
        yield port, client


def objects(client, bucket):
    """What a bucket holds, by key."""
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def rows_of(content):
    """The predictions of a part, but for when their run began."""
    return pq.read_table(io.BytesIO(content)).drop_columns(["run_started"])


@pytest.mark.exhaustive
def test_what_goes_to_an_object_store_is_what_the_host_writes(call, trained, store):
    port, client = store
    packaged = call("package", "--version", "champion", "export", "--path", "bundle")
    assert packaged.exit_code == 0, packaged.log
    who = ("--aws-access-key-id", "env://AWS_ACCESS_KEY_ID", "--aws-secret-access-key", "env://AWS_SECRET_ACCESS_KEY")
    words = (*who, "batch", *ON_S3, "--output-uri", "s3://engine/loans", "export", "--path", "stored", "--wipe")
    found = call("--s3", f"tcp://127.0.0.1:{port}", *words, environment=KEYS)
    assert found.exit_code == 0, found.log
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in found.log
    host_batch(trained, port)
    there, ours = objects(client, "engine"), objects(client, "host")
    assert sorted(there) == sorted(ours)
    assert "loans/21/_SUCCESS" in there
    inputs = [json.loads(each["loans/21/manifest.json"])["inputs"] for each in (there, ours)]
    assert inputs[0] == inputs[1]
    assert there[REJECTS] == ours[REJECTS]
    parts = [key for key in there if "/predictions/" in key]
    assert sum(rows_of(there[key]).num_rows for key in parts) == 499
    assert all(rows_of(there[key]).equals(rows_of(ours[key])) for key in parts)


def host_batch(folder, port):
    """The same run by the command on this machine, with the model that the engine packaged."""
    here = {"endpoint_url": f"http://127.0.0.1:{port}", "path_style": "true"}
    words = [word for key, value in here.items() for word in ("--set", f"prepare.s3.{key}={value}")]
    argv = [*ON_S3, "--bundle", "bundle", "--output", "s3://host/loans", *words]
    done = subprocess.run(
        [sys.executable, "-m", "modelway", "batch", *argv],
        cwd=folder, env=os.environ | KEYS, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
