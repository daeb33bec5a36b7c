"""The client's rules, on real sockets: what is sent again and what is not, to whom, and what is shown."""

from __future__ import annotations

import base64
import json
import logging
import re
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import misbehaving
import pytest
from tls import make_authority

from modelway import waiting
from modelway.cli.main import run
from modelway.deploy.smoke import smoke
from modelway.errors import OutsideError, UsageError
from modelway.http import HttpClient, NoAnswerError, exchange
from modelway.records.environment import SmokeOptions
from modelway.records.register import RegisterOptions
from modelway.records.verdict import Verdict
from modelway.registry import Registry, bounding
from modelway.transport import bound_urllib3

SECRET = "canary-7d3f"


def client(**options: Any) -> HttpClient:
    return HttpClient("the service", remedy="Start it.", headers={"Authorization": f"Bearer {SECRET}"}, **options)


def test_send_what_may_be_done_twice_is_sent_again() -> None:
    with misbehaving.running(misbehaving.recovers) as server:
        slept: list[float] = []
        response = client(sleep=slept.append).send("GET", server.url)
        assert (response.status, response.json()) == (200, {})
        assert slept == [1.0]


@pytest.mark.parametrize("behave", [misbehaving.closes, misbehaving.stops_early, misbehaving.is_no_http])
def test_send_a_post_whose_answer_was_lost_is_not_sent_again(behave: Any) -> None:
    with misbehaving.running(behave) as server:
        with pytest.raises(NoAnswerError) as caught:
            client(sleep=lambda _: None).send("POST", server.url, body=b"{}")
        assert not caught.value.unsent
        assert len(server.heads) == 1
        with pytest.raises(NoAnswerError):
            client(sleep=lambda _: None).send("POST", server.url, body=b"{}", repeatable=True)
        assert len(server.heads) == 5


@pytest.mark.parametrize("behave", [misbehaving.is_down, misbehaving.is_down_for_a_second])
def test_send_a_post_to_a_server_that_is_down_is_not_sent_again(behave: Any) -> None:
    with misbehaving.running(behave) as server:
        assert client(sleep=lambda _: None).send("POST", server.url, body=b"{}").status == 503
        assert len(server.heads) == 1


def test_send_a_post_that_nobody_got_is_sent_again(free_tcp_port: int) -> None:
    listeners: list[socket.socket] = []

    def listen(_: float) -> None:
        listeners.append(socket.create_server(("127.0.0.1", free_tcp_port)))
        threading.Thread(target=answer, args=(listeners[0],), daemon=True).start()

    def answer(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")

    assert client(sleep=listen).send("POST", f"http://127.0.0.1:{free_tcp_port}", body=b"").status == 201
    listeners[0].close()


def test_send_a_pause_beyond_the_deadline_is_not_waited_for() -> None:
    with misbehaving.running(misbehaving.holds_back) as server:
        assert client(sleep=pytest.fail).send("GET", server.url).status == 429


def test_send_a_body_that_is_too_large_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "LARGEST", 1 << 20)
    with misbehaving.running(misbehaving.is_large) as server, pytest.raises(NoAnswerError, match="it sent more than"):
        client(sleep=pytest.fail).send("GET", server.url)


def test_send_a_file_arrives_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789" * 100_000)
    with misbehaving.running(misbehaving.recovers) as server:
        assert client(sleep=lambda _: None).send("PUT", server.url, body=tmp_path / "file").status == 200
        assert all(b"Content-Length: 1000000" in head for head in server.heads)


def test_send_over_ipv6() -> None:
    with misbehaving.running(misbehaving.recovers, host="::1") as server:
        assert client(sleep=lambda _: None).send("GET", server.url).status == 200


class TestTls:
    @pytest.mark.parametrize(
        ("host", "days", "words"),
        [("127.0.0.1", 1, "unable to get local issuer"), ("127.0.0.2", 1, "mismatch"), ("127.0.0.1", -1, "expired")],
    )
    def test_a_certificate_that_is_not_valid_is_refused(self, tmp_path: Path, host: str, days: int, words: str) -> None:
        root, both = make_authority(tmp_path, "ours", host, days)
        known = words != "unable to get local issuer"
        tls = ssl.create_default_context(cafile=str(root)) if known else None
        with misbehaving.running(misbehaving.recovers, both) as server:
            with pytest.raises(NoAnswerError, match=words):
                client(tls=tls, sleep=pytest.fail).send("GET", server.url)
            assert server.heads == []

    def test_the_systems_certificates_are_those_of_ssl_cert_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root, both = make_authority(tmp_path, "ours")
        monkeypatch.setenv("SSL_CERT_FILE", str(root))
        with misbehaving.running(misbehaving.recovers, both) as server:
            assert client(sleep=lambda _: None).send("GET", server.url).status == 200

    def test_who_switched_verification_off_is_not_warned(self, tmp_path: Path) -> None:
        _, both = make_authority(tmp_path, "ours")
        program = (
            "import ssl, sys; from modelway.http import HttpClient; tls = ssl.create_default_context(); "
            "tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE; "
            "print(HttpClient('x', remedy='x', tls=tls).send('GET', sys.argv[1]).status)"
        )
        with misbehaving.running(misbehaving.is_a_text, both) as server:
            argv = [sys.executable, "-c", program, server.url]
            done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
        assert (done.stdout, done.stderr) == ("200\n", "")

    def test_a_server_without_tls_is_told(self) -> None:
        with (
            misbehaving.running(misbehaving.is_no_http) as server,
            pytest.raises(NoAnswerError, match=r"TLS failed.*\n.*http://"),
        ):
            client(sleep=pytest.fail).send("GET", server.url.replace("http:", "https:"), seconds=5)


class TestProxy:
    @pytest.mark.parametrize("names", [("http_proxy", "https_proxy"), ("ALL_PROXY",)])
    def test_a_host_elsewhere_is_asked_through_the_proxy(
        self, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
    ) -> None:
        with misbehaving.running(misbehaving.recovers) as proxy:
            address = proxy.url.replace("//", "//user:p%40ss@")
            for name in names:
                monkeypatch.setenv(name, address)
            assert client(sleep=lambda _: None).send("GET", "http://models.invalid/a?b=c").status == 200
            assert proxy.heads[0].startswith(b"GET http://models.invalid/a?b=c HTTP/1.1")
            assert b"Basic " + base64.b64encode(b"user:p@ss") in proxy.heads[0]
            with pytest.raises(NoAnswerError) as caught:
                client(attempts=1).send("GET", "https://models.invalid/a", seconds=5)
            assert proxy.heads[-1].startswith(b"CONNECT models.invalid:443")
            assert SECRET.encode() not in proxy.heads[-1]
            assert "p@ss" not in str(caught.value)

    def test_a_proxy_that_is_down_is_told_without_its_password(
        self, monkeypatch: pytest.MonkeyPatch, free_tcp_port: int
    ) -> None:
        monkeypatch.setenv("http_proxy", f"http://user:{SECRET}@127.0.0.1:{free_tcp_port}")
        with pytest.raises(NoAnswerError, match="the proxy failed: connection refused") as caught:
            client(attempts=1).send("GET", "http://models.invalid/")
        assert SECRET not in f"{caught.value} {caught.value!r}"

    @pytest.mark.parametrize("around", ["", "127.0.0.1"])
    def test_this_machine_is_asked_directly(self, monkeypatch: pytest.MonkeyPatch, around: str) -> None:
        with misbehaving.running(misbehaving.closes) as proxy, misbehaving.running(misbehaving.recovers) as server:
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.setenv("no_proxy", around)
            assert client(sleep=lambda _: None).send("GET", server.url).status == 200
            assert proxy.heads == []

    def test_a_proxy_of_another_kind_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("all_proxy", f"socks5://user:{SECRET}@127.0.0.1:1")
        with pytest.raises(NoAnswerError, match="begin with http://") as caught:
            client(sleep=pytest.fail).send("GET", "http://models.invalid/")
        assert SECRET not in f"{caught.value} {caught.value!r}"

    def test_no_proxy_is_obeyed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with misbehaving.running(misbehaving.recovers) as proxy:
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.setenv("no_proxy", ".invalid")
            with pytest.raises(NoAnswerError, match="can't be resolved"):
                client(attempts=1).send("GET", "http://models.invalid/")
            assert proxy.heads == []


class TestSecrets:
    @pytest.mark.parametrize("value", [f"{SECRET}\n", f"{SECRET}\r\nX: y", f"tökén-{SECRET}\u20ac"])
    def test_a_header_that_cannot_be_sent_is_refused_unseen(self, value: str) -> None:
        with pytest.raises(UsageError, match="Authorization") as caught:
            HttpClient("x", remedy="x", headers={"Authorization": value})
        assert SECRET not in f"{caught.value} {caught.value!r}"

    @pytest.mark.parametrize(
        "url",
        [
            "http://[::1",
            "ftp://x",
            f"http://user:{SECRET}@x",
            "http://x:99999",
            "http://",
            "x",
            f"//{SECRET}",
            "http://x:y",
        ],
    )
    def test_an_address_that_is_none_is_refused_unseen(self, url: str) -> None:
        with pytest.raises(UsageError) as caught:
            client().send("GET", url)
        assert SECRET not in f"{caught.value} {caught.value!r}"

    def test_a_header_of_the_server_that_is_none_does_not_get_the_address_into_the_log(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def behave(_: Any, connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nno header\r\n\r\n")

        caplog.set_level(logging.WARNING)
        with misbehaving.running(behave) as server:
            client().send("GET", f"{server.url}/{SECRET}")
        assert SECRET not in caplog.text


class TestWaiting:
    def test_a_name_that_is_never_resolved_is_no_longer_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        over = threading.Event()
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30) and [])
        outcome = misbehaving.ends(lambda: client().send("GET", "http://models.example", seconds=0.5))
        over.set()
        assert isinstance(outcome, NoAnswerError)
        assert "0.5 s" in str(outcome)

    def test_send_to_an_address_that_accepts_no_connection_names_the_seconds_it_waited(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The connection's own time may be over a moment before the request's is."""

        def time_out(*_: object, **__: object) -> None:
            raise TimeoutError("timed out")

        monkeypatch.setattr("urllib3.util.connection.create_connection", time_out)
        outcome = misbehaving.ends(lambda: client(attempts=1).send("GET", "http://127.0.0.1:1", seconds=0.5))
        assert "no connection within 0.5 s" in str(outcome)

    @pytest.mark.parametrize("behave", misbehaving.NEVER_ENDING, ids=lambda one: one.__name__)
    def test_no_thread_is_left(self, behave: Any) -> None:
        with misbehaving.running(behave) as server:
            with pytest.raises(NoAnswerError):
                client().send("GET", server.url, seconds=0.5)
            name = f"wait for {server.url.partition('//')[2]}"
            assert misbehaving.wait_until(lambda: name not in {one.name for one in threading.enumerate()})

    def test_a_longer_deadline_counts_also_where_connections_are_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As once MLflow was called: bounded connections have the default deadline, unless they work for a wait."""

        def behave(server: Any, connection: socket.socket) -> None:
            server.over.wait(1.5)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        bound_urllib3()
        monkeypatch.setenv(waiting.VARIABLE, "0.5")
        with misbehaving.running(behave) as server:
            assert client(attempts=1).send("GET", server.url, seconds=60).json() == {}
            with pytest.raises(NoAnswerError, match=r"within 0\.5 s"):
                client(attempts=1).send("GET", server.url)

    def test_the_deadline_is_that_of_all_attempts(self) -> None:
        with misbehaving.running(misbehaving.closes) as server:
            with pytest.raises(NoAnswerError):
                client(attempts=100).send("GET", server.url, seconds=2.5)
            assert len(server.heads) == 2

    def test_a_smoke_test_shows_what_it_waits_for_and_ends_with_6(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(waiting, "SHOWN_AFTER", 0.2)
        with misbehaving.running(misbehaving.never_answers) as server:
            assert run(["smoke", "--endpoint", server.url, "--deadline", "1"]) == 6
            host = server.url.partition("//")[2]
            assert re.search(rf"waiting for {re.escape(host)} \(\d+ s of 1 s\)", capsys.readouterr().err)

    def test_a_smoke_test_between_attempts_shows_what_it_waits_for(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], free_tcp_port: int
    ) -> None:
        monkeypatch.setattr(waiting, "SHOWN_AFTER", 0.2)
        assert run(["--json", "smoke", "--endpoint", f"http://127.0.0.1:{free_tcp_port}", "--deadline", "1"]) == 6
        told = capsys.readouterr()
        assert re.search(rf"waiting for 127\.0\.0\.1:{free_tcp_port} \(\d+ s of 1 s\)", told.err)
        assert '"answered": false' in told.out

    def test_a_smoke_test_that_is_answered_wrongly_ends_with_4(self) -> None:
        with misbehaving.running(misbehaving.is_an_empty_list) as server:
            assert run(["smoke", "--endpoint", server.url, "--deadline", "4"]) == 4

    @pytest.mark.parametrize(
        "told",
        [{"paths": [1], "info": [1]}, {"paths": {"/predict": []}, "info": 1}, {"paths": "/versions/", "info": None}],
    )
    def test_a_smoke_test_of_a_server_that_describes_something_else_fails(self, told: Any) -> None:
        def behave(_: Any, connection: socket.socket) -> None:
            content = json.dumps(told).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)

        with misbehaving.running(behave) as server:
            assert run(["smoke", "--endpoint", server.url, "--deadline", "3"]) == 4

    def test_a_smoke_test_of_a_server_that_falls_silent_ends(self) -> None:
        def behave(server: Any, connection: socket.socket) -> None:
            if b"/openapi.json" in server.heads[-1]:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            else:
                server.over.wait()

        options = SmokeOptions(deadline_seconds=6.0, timeout_seconds=3.0)
        with misbehaving.running(behave) as server:
            report = smoke(server.url, [], options)
            paths = {head.split()[1] for head in server.heads}
        assert paths == {b"/openapi.json", b"/health"}
        assert (report.answered, report.verdict) == (True, Verdict.FAIL)


def test_mlflow_after_an_overdue_call_no_other_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def behave(server: Any, connection: socket.socket) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
        if b"/health" in server.heads[-1]:
            connection.sendall(answer)
        else:
            server.over.wait()

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with misbehaving.running(behave) as server:
        registry = Registry(RegisterOptions(tracking_uri=server.url), "loans", tmp_path)
        with pytest.raises(OutsideError), registry._calls() as asked:
            for _ in range(20):
                with pytest.raises(Exception, match="1 s"):
                    asked.get_experiment_by_name("x")
            raise OutsideError("done")
        assert len(server.heads) == 2


def test_mlflow_a_body_that_is_too_large_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bounding, "LARGEST", 1 << 20)
    with (
        misbehaving.running(misbehaving.is_large) as server,
        pytest.raises(OutsideError, match="it sent more than"),
    ):
        Registry(RegisterOptions(tracking_uri=server.url), "loans", tmp_path).versions()
