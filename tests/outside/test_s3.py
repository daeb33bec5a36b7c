"""Every call of S3 ends, with exit code 6 and the server's name, however the server misbehaves."""

from __future__ import annotations

import hashlib
import socket
import time
from pathlib import Path

import pytest

from modelway.errors import ModelwayError
from modelway.records.data import S3Options
from modelway.storage import (
    Document,
    Found,
    abort_uploads,
    fetch,
    list_below,
    list_files,
    probe_s3,
    read_bytes,
    read_range,
    remove_below,
    remove_hours,
    upload,
    write_bytes,
)
from modelway.storage.s3 import s3_client
from modelway.waiting import LEAST, VARIABLE, OverdueError, deadline

from .conftest import LONGEST, WAYS, answer, hang, outcome, read_head, say

URI = "s3://bucket/some/key"


def _upload(s3: S3Options, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (9 << 20))
    upload(path, URI, s3)


CALLS = {
    "list": lambda s3, tmp_path: list_files("s3://bucket/some/", s3=s3),
    "list exactly": lambda s3, tmp_path: list_files(URI, s3=s3),
    "list below": lambda s3, tmp_path: list_below("s3://bucket/some", s3),
    "read": lambda s3, tmp_path: read_bytes(URI, s3=s3),
    "read a range": lambda s3, tmp_path: read_range(URI, 0, 10, "", s3),
    "fetch": lambda s3, tmp_path: fetch([Found("a.csv", URI, 10, "0" * 32)], tmp_path / "copies", s3=s3),
    "write": lambda s3, tmp_path: write_bytes(URI, b"content", s3=s3),
    "upload": _upload,
    "change": lambda s3, tmp_path: Document(URI, "it", lambda found: found or b"", bytes, s3).change(lambda _: b"new"),
    "remove": lambda s3, tmp_path: remove_below("s3://bucket/some", ["key"], s3),
    "remove hours": lambda s3, tmp_path: remove_hours("s3://bucket/some", 1e9, s3, requests=4),
    "abort": lambda s3, tmp_path: abort_uploads("s3://bucket/some", s3),
    "probe": lambda s3, tmp_path: probe_s3(URI, s3),
}


SLOW = {
    "hangs",
    "reads nothing",
    "dribbles its head",
    "dribbles its body",
    "fails",
    "closes",
    "resets",
    "sends no HTTP",
}
"""Ways whose calls last until the time is up or all attempts are made."""
ROWS = [
    pytest.param(call, way, marks=[pytest.mark.slow] if way in SLOW and call not in {"read", "fetch"} else [])
    for call in CALLS
    for way in WAYS
]


@pytest.mark.parametrize(("call", "way"), ROWS)
def test_a_call_ends_with_6_and_names_the_server(start, short, tmp_path: Path, call: str, way: str) -> None:
    server = start(WAYS[way])
    s3 = S3Options(endpoint_url=server.url, region="eu-central-1", path_style=True)
    s3_client(s3)
    short()
    found = outcome(lambda: CALLS[call](s3, tmp_path))
    assert isinstance(found, ModelwayError), repr(found)
    assert found.exit_code == 6, found
    assert server.host in str(found), found
    assert not list((tmp_path / "copies").glob("*.csv*"))


class TestConnecting:
    def test_a_server_is_named_where_the_time_is_up_before_it_is_asked(self, start, monkeypatch) -> None:
        server = start(hang)
        s3 = S3Options(endpoint_url=server.url, region="eu-central-1", path_style=True)
        client = s3_client(s3)
        monkeypatch.setenv(VARIABLE, "1e-9")
        with deadline("s3://bucket/key"), pytest.raises(OverdueError, match=server.host):
            client.head_object(Bucket="bucket", Key="key")
        assert server.accepted == 0

    def test_an_address_that_never_answers_ends(self, short) -> None:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        held = [socket.socket() for _ in range(4)]  # they fill what the kernel keeps for one that does not accept
        for one in held:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        s3 = S3Options(endpoint_url=f"http://{host}", region="eu-central-1", path_style=True)
        s3_client(s3)
        short()
        found = outcome(lambda: read_bytes(URI, s3=s3))
        assert isinstance(found, ModelwayError), repr(found)
        assert found.exit_code == 6
        assert host in str(found)
        for one in (listener, *held):
            one.close()

    def test_a_name_that_is_looked_up_for_good_ends(self, short, monkeypatch: pytest.MonkeyPatch) -> None:
        s3 = S3Options(endpoint_url="http://store.example.org:9000", region="eu-central-1", path_style=True)
        s3_client(s3)
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: time.sleep(LONGEST))
        short()
        found = outcome(lambda: read_bytes(URI, s3=s3))
        assert isinstance(found, ModelwayError), repr(found)
        assert found.exit_code == 6
        assert "store.example.org:9000" in str(found)


class TestTransfers:
    OBJECT = bytes(range(256)) * 256 * 12

    @pytest.mark.slow
    def test_a_slow_download_is_not_cut(self, start, monkeypatch: pytest.MonkeyPatch) -> None:
        def slowly(client: socket.socket) -> None:
            read_head(client)
            client.sendall(answer(b"", length=len(self.OBJECT)))
            for place in range(0, len(self.OBJECT), LEAST):
                time.sleep(0.8)
                client.sendall(self.OBJECT[place : place + LEAST])

        server = start(slowly)
        s3 = S3Options(endpoint_url=server.url, region="eu-central-1", path_style=True)
        s3_client(s3)
        monkeypatch.setenv(VARIABLE, "5")  # it takes ten seconds
        assert read_bytes(URI, s3=s3) == self.OBJECT

    def test_what_breaks_off_once_is_fetched_again_whole(self, start, tmp_path: Path) -> None:
        content = b"a,b\n1,2\n" * 999
        tag = hashlib.md5(content).hexdigest()
        whole = answer(content, length=len(content)).replace(b"0" * 32, tag.encode())
        answers = iter([whole[:900], whole[:900], whole])

        def breaks_off_twice(client: socket.socket) -> None:
            say(next(answers))(client)

        server = start(breaks_off_twice)
        s3 = S3Options(endpoint_url=server.url, region="eu-central-1", path_style=True)
        found = fetch([Found("a.csv", URI, len(content), tag)], tmp_path, s3=s3)
        assert found["a.csv"].read_bytes() == content
        assert server.accepted == 3
