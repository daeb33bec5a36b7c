"""S3 over real HTTP: what is read from it and written to it, and what goes wrong on the way."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from modelway.errors import OutsideError
from modelway.records.data import S3Options
from modelway.storage import objects
from modelway.storage.s3 import s3_client

MEBIBYTE = 1 << 20


@dataclass
class Proxy:
    """Stands between us and S3, and does what a test tells it to.

    Attributes:
        address: where it listens.
        fault: given method and path, says what to do: None passes on, a number is answered, `cut` tears the answer
            and `drop` the request.
        seen: methods and paths, in their order.
    """

    address: str = ""
    fault: Callable[[str, str], str | int | None] = field(default=lambda *_: None)
    seen: list[tuple[str, str]] = field(default_factory=list)


def answer_of(code: int, name: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{name}</Code><Message>told to</Message></Error>".encode()


NAMES = {503: "SlowDown", 400: "ExpiredToken", 403: "AccessDenied"}


@pytest.fixture
def proxy(empty_moto: str) -> Iterator[Proxy]:
    told = Proxy()
    target = urlsplit(empty_moto)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            told.seen.append((self.command, self.path))
            fault = told.fault(self.command, self.path)
            if fault == "drop":
                self.rfile.read(length // 2)
                self.close_connection = True
                return
            if self.headers.get("expect", "").lower() == "100-continue":
                pass  # http.server has answered it already
            body = self.rfile.read(length)
            if isinstance(fault, int):
                content = answer_of(fault, NAMES[fault])
                self.send_response(fault)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
                return
            connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=60)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                    self.send_header(name, value)
            self.send_header("content-length", answer.getheader("content-length") or str(len(content)))
            self.end_headers()
            if fault == "cut":
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            else:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "PUT", "POST", "HEAD", "DELETE"):
        setattr(Handler, f"do_{method}", Handler._pass)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()


@pytest.fixture
def s3(proxy: Proxy, monkeypatch) -> S3Options:
    monkeypatch.setattr(objects, "_FIRST_PAUSE", 0.01)
    options = S3Options(endpoint_url=proxy.address, region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="bucket")
    return options


@pytest.fixture
def remote(runs_on, s3) -> Any:
    return runs_on("s3://bucket/out", s3)


def put(s3: S3Options, key: str, content: bytes) -> None:
    s3_client(s3).put_object(Bucket="bucket", Key=key, Body=content)


def keys(s3: S3Options, prefix: str = "out/one/") -> set[str]:
    pages = s3_client(s3).get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=prefix)
    return {item["Key"][len(prefix) :] for page in pages for item in page.get("Contents", [])}


def predictions(s3: S3Options, run: str = "one") -> pa.Table:
    found = sorted(key for key in keys(s3, f"out/{run}/") if key.startswith("predictions/"))
    client = s3_client(s3)
    parts = [client.get_object(Bucket="bucket", Key=f"out/{run}/{key}")["Body"].read() for key in found]
    return pa.concat_tables([pq.read_table(pa.BufferReader(part)) for part in parts])


def test_from_s3_to_s3_as_from_disk_to_disk(remote, runs, s3, loans) -> None:
    put(s3, "in/loans.csv", loans.read_bytes())
    remote.done("s3://bucket/in/")
    runs.done(loans)
    found = keys(s3)
    assert {"_SUCCESS", "manifest.json", "batch.json", "predictions/part-00000.parquet"} <= found
    assert not [key for key in found if key.startswith("_run/part")]
    assert predictions(s3) == runs.table()
    assert not remote.done("s3://bucket/in/").fresh


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_large_objects_are_cut_and_read_in_ranges(remote, runs, s3, loans, small_units, form, tmp_path, proxy) -> None:
    path = loans
    if form == "parquet":
        path = tmp_path / "loans.parquet"
        pq.write_table(pa_csv.read_csv(loans), path, row_group_size=500, compression="none")
    put(s3, f"in/loans.{form}", path.read_bytes())
    outcome = remote.done(f"s3://bucket/in/loans.{form}")
    assert outcome.result.summary.parts > 2
    runs.done(path)
    assert predictions(s3) == runs.table()


def test_a_torn_download_is_read_again(remote, s3, loans, proxy) -> None:
    put(s3, "in/loans.csv", loans.read_bytes())
    cuts = iter([True, True])
    proxy.fault = lambda method, path: (
        "cut" if method == "GET" and path.startswith("/bucket/in/loans.csv") and next(cuts, False) else None
    )
    assert remote.done("s3://bucket/in/").result.summary.rows == 3000
    assert next(cuts, None) is None


def test_throttling_is_waited_for(remote, s3, loans, proxy) -> None:
    put(s3, "in/loans.csv", loans.read_bytes())
    slow = iter([True] * 6)
    proxy.fault = lambda method, path: 503 if "part-00000" in path and next(slow, False) else None
    remote.done("s3://bucket/in/")
    assert next(slow, None) is None


def test_an_upload_that_is_torn_leaves_no_part_and_goes_on(remote, s3, loans, proxy) -> None:
    put(s3, "in/loans.csv", loans.read_bytes())
    proxy.fault = lambda method, path: "drop" if method == "PUT" and "part-00000.parquet" in path else None
    outcome = remote("s3://bucket/in/")
    assert isinstance(outcome.error, OutsideError)
    assert "predictions/part-00000.parquet" not in keys(s3)
    assert "_SUCCESS" not in keys(s3)
    proxy.fault = lambda *_: None
    assert remote.done("s3://bucket/in/").result.summary.rows == 3000


def test_credentials_that_expire_end_the_run_and_new_ones_go_on(remote, s3, loans, proxy, small_units) -> None:
    put(s3, "in/loans.csv", loans.read_bytes())
    proxy.fault = lambda method, path: 400 if method == "PUT" and "part-00002" in path else None
    outcome = remote("s3://bucket/in/")
    assert isinstance(outcome.error, OutsideError)
    assert "ExpiredToken" in str(outcome.error)
    proxy.fault = lambda *_: None
    seen = len(proxy.seen)
    remote.done("s3://bucket/in/")
    again = [path for method, path in proxy.seen[seen:] if method == "PUT"]
    assert not [path for path in again if "predictions/part-00000" in path]
    assert [path for path in again if "predictions/part-00002" in path]


def test_large_files_go_up_in_parts_that_are_seen_together(s3, tmp_path, proxy) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (20 * MEBIBYTE // 256))
    objects.upload(path, "s3://bucket/out/large", s3)
    parts = [asked for method, asked in proxy.seen if method == "PUT" and "partNumber" in asked]
    assert len(parts) == 3
    assert s3_client(s3).get_object(Bucket="bucket", Key="out/large")["Body"].read() == path.read_bytes()


def test_a_torn_part_is_sent_again_and_what_stays_torn_is_never_seen(s3, tmp_path, proxy) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (20 * MEBIBYTE))
    torn = iter([True])
    proxy.fault = lambda method, asked: "drop" if "partNumber=2" in asked and next(torn, False) else None
    objects.upload(path, "s3://bucket/out/large", s3)
    proxy.fault = lambda method, asked: "drop" if "partNumber=2" in asked else None
    with pytest.raises(OutsideError):
        objects.upload(path, "s3://bucket/out/other", s3)
    assert keys(s3, "out/") == {"large"}
    proxy.fault = lambda *_: None
    objects.abort_uploads("s3://bucket/out", s3)
    assert not s3_client(s3).list_multipart_uploads(Bucket="bucket").get("Uploads")


@pytest.mark.slow
def test_ten_thousand_small_objects(runs_on, s3, loans, empty_moto) -> None:
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    straight = s3.model_copy(update={"endpoint_url": empty_moto})
    s3_client(straight).create_bucket(Bucket="many")
    header, *lines = loans.read_text().splitlines()
    for number in range(10_000):  # planted by hand: over HTTP it would take as long as all that is tested
        content = f"{header}\n{lines[number % 3000]}\n".encode()
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object("many", f"{number:05}.csv", content)
    outcome = runs_on("s3://bucket/out", straight).done("s3://many/")
    assert outcome.result.summary.rows == 10_000
    assert outcome.result.summary.parts < 50
    assert predictions(s3)["file"].to_pylist() == [f"{number:05}.csv" for number in range(10_000)]


def test_an_object_that_changes_while_it_is_read_is_not_mixed(remote, s3, loans, proxy) -> None:
    put(s3, "in/loans.csv", loans.read_bytes())
    changed = iter([True])

    def change(method: str, path: str) -> None:
        if method == "GET" and path.startswith("/bucket/in/loans.csv") and next(changed, False):
            client = s3_client(S3Options(endpoint_url=proxy.address, region="us-west-2", path_style=True))
            client.put_object(Bucket="bucket", Key="in/loans.csv", Body=loans.read_bytes()[:5000])

    proxy.fault = change
    outcome = remote("s3://bucket/in/")
    assert "changed while it was read" in str(outcome.error)
    assert Path(remote.output).name == "out"
