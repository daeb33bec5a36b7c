"""Worker processes: replaced, reloaded and ended without a failed request."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time

import psutil
import pytest


class Load:
    """Asks all the time, on connections that are kept, until it is told to stop."""

    def __init__(self, server, row, connections: int = 4) -> None:
        self.statuses: list[int] = []
        self.versions: set[str] = set()
        self.faults: list[str] = []
        self._server, self._row, self._ending = server, row, threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        import http.client

        body = json.dumps({"dataframe_records": [self._row]})
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=30)
        while not self._ending.is_set():
            try:
                connection.request("POST", "/predict", body, {"content-type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
                self.statuses.append(response.status)
                self.versions.add(answer.get("model_version"))
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(repr(error))
                connection.close()


def _workers(server) -> list[int]:
    return [worker["pid"] for worker in server.admin("GET", "/status").json["workers"] if worker["ready"]]


def _cpu_seconds(pid: int) -> float:
    return psutil.Process(pid).cpu_times().user


@pytest.fixture
def admin(start):
    return lambda *flags, **settings: start("--admin-port", "0", *flags, **settings)


def test_a_reload_serves_the_new_bundle_without_a_failed_request(admin, bundle, row) -> None:
    server = admin(workers__count=2)
    with Load(server, row) as load:
        for version in (4, 5, 3):
            answer = server.admin("POST", "/reload", {"champion": str(bundle(version))})
            assert answer.status == 200
            assert answer.json["version"] == str(version)
            assert server.predict().json["model_version"] == str(version)
    assert set(load.statuses) == {200}
    assert load.faults == []
    assert {"3", "5"} <= load.versions


def test_a_release_that_can_not_be_loaded_is_refused_and_the_old_one_goes_on(admin, bundle, tmp_path) -> None:
    server = admin(workers__count=2)
    (tmp_path / "torn").mkdir()
    answer = server.admin("POST", "/reload", {"champion": str(tmp_path / "torn")})
    assert answer.status == 422
    assert answer.json["error"] == "there is no bundle here"
    assert {server.predict().json["model_version"] for _ in range(10)} == {"3"}
    twice = {"champion": str(bundle(3)), "challengers": [str(bundle(3))]}
    assert server.admin("POST", "/reload", twice).status == 422
    assert server.admin("POST", "/reload", {"champion": str(bundle(4))}).status == 200


def test_sighup_reads_the_same_directory_again(start, bundle, until) -> None:
    path = bundle(3)
    server = start(champion=path)
    (path / "model.json").write_text('{"version": 7}')
    server.process.send_signal(signal.SIGHUP)
    until(lambda: server.predict().json["model_version"] == "7")


def test_a_worker_started_after_a_reload_has_the_new_release(admin, bundle, until) -> None:
    server = admin()
    server.admin("POST", "/reload", {"champion": str(bundle(4))})
    os.kill(_workers(server)[0], signal.SIGKILL)
    until(lambda: server.events("worker_ended") and _workers(server))
    assert server.predict().json["model_version"] == "4"


def test_a_killed_worker_is_replaced_and_costs_only_its_own_requests(admin, row, until) -> None:
    server = admin(workers__count=2)
    with Load(server, row) as load:
        before = _workers(server)
        until(lambda: len(load.statuses) > 20)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: len(set(_workers(server)) - {before[0]}) == 2)
        count = len(load.statuses)
        until(lambda: len(load.statuses) > count + 20)
    assert set(load.statuses) == {200}
    assert len(load.faults) <= 4  # one for each connection, at the most
    assert server.admin("GET", "/status").json["restarts"] == 1


@pytest.mark.parametrize("hang", ["stopped", "busy"])
def test_a_worker_that_hangs_is_replaced_and_costs_the_others_nothing(admin, bundle, row, until, hang: str) -> None:
    server = admin(workers__count=2, workers__hang_seconds=5, champion=bundle(3, hangs_on=13))
    before = until(lambda: len(_workers(server)) == 2 and _workers(server))
    if hang == "stopped":
        victim = before[0]
        os.kill(victim, signal.SIGSTOP)
    else:
        body = json.dumps({"dataframe_records": [{**row, "age": 13}]}).encode()
        head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
            spent = {pid: _cpu_seconds(pid) for pid in before}
            victim = until(lambda: [pid for pid in before if _cpu_seconds(pid) - spent[pid] > 0.3])[0]
    with Load(server, row) as load:
        until(lambda: victim not in _workers(server) and len(_workers(server)) == 2)
        count = len(load.statuses)
        until(lambda: len(load.statuses) > count + 20)
    assert set(load.statuses) == {200}
    assert load.faults == []
    assert [event["child"] for event in server.events("worker_hangs")] == [victim]
    assert server.admin("GET", "/status").json["restarts"] == 1


def test_workers_that_were_paused_together_are_not_replaced(admin, until) -> None:
    """As a container that is suspended: nobody hangs, though all beats are old."""
    server = admin(workers__count=2, workers__hang_seconds=1)
    before = until(lambda: len(_workers(server)) == 2 and _workers(server))
    processes = [psutil.Process(server.process.pid), *map(psutil.Process, before)]
    for process in processes:
        process.suspend()
    time.sleep(3)
    for process in reversed(processes):
        process.resume()
    time.sleep(2)
    assert _workers(server) == before
    assert server.events("worker_hangs") == []


def test_counts_are_added_up_over_workers_and_outlive_them(admin, row, until) -> None:
    server = admin(workers__count=2)
    with Load(server, row) as load:
        until(lambda: len(load.statuses) > 100)
    total = len(load.statuses)
    labels = {"variant": "champion", "version": "3", "status": "200"}
    until(lambda: server.metric("modelway_requests_total", **labels) == total)
    assert server.metric("modelway_workers") == 2
    time.sleep(0.5)  # a killed worker takes with it what it counted since it last published, every 0.2 s
    for pid in _workers(server):
        os.kill(pid, signal.SIGKILL)
        until(lambda: pid not in _workers(server) and len(_workers(server)) == 2)  # noqa: B023
    assert server.metric("modelway_requests_total", **labels) == total
    assert server.metric("modelway_request_seconds_count") == total
    assert server.metric("modelway_predictions_total", **{"class": "yes"}) == total
    assert server.metric("modelway_prediction_score_bucket", le="0.6") == total
    assert server.metric("modelway_prediction_score_bucket", le="0.5") == 0


def test_a_server_that_ends_is_not_ready_first_then_finishes_then_leaves(start, bundle, row, until) -> None:
    server = start(champion=bundle(3, seconds=3), workers__notice_seconds=2.0)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(server.predict(*[row] * 100)))
    thread.start()
    until(lambda: server.metric("modelway_queue") == 1)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.ask("GET", "/v2/health/ready").json == {"ready": False})
    assert server.ask("GET", "/v2/health/ready").status == 503
    assert server.ask("GET", "/ping").status == 503
    assert server.ask("GET", "/v2/health/live").status == 200
    refused = server.predict({"age": "x"})  # answered as ever, and told to come back on another connection
    assert (refused.status, refused.headers["connection"]) == (422, "close")
    assert server.process.wait(30) == 0
    thread.join()
    assert [answer.status for answer in answers] == [200]
    with pytest.raises(ConnectionRefusedError):
        server.ask("GET", "/ping")


def test_nothing_is_left_running(start) -> None:
    server = start(workers__count=2)
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert len(children) == 2
    server.stop()
    assert not psutil.wait_procs(children, 5)[1]


def test_workers_end_when_their_supervisor_is_killed(start) -> None:
    server = start(workers__count=2)
    children = psutil.Process(server.process.pid).children()
    server.process.kill()
    assert not psutil.wait_procs(children, 20)[1]


def test_an_interrupt_ends_it_with_its_code(start) -> None:
    assert start().stop(signal.SIGINT) == 130


@pytest.mark.parametrize("given", ["", "wrong", "a-token2", "a-toke", "ä"])
def test_admin_routes_want_the_token(admin, given: str) -> None:
    server = admin()
    for method, path in (("GET", "/status"), ("POST", "/reload"), ("POST", "/drain")):
        answer = server.ask(
            method, path, port=server.admin_port, authorization=f"Bearer {given}".encode().decode("latin-1")
        )
        assert answer.status == 401
    assert server.ask("GET", "/status", port=server.admin_port).status == 401
    assert server.predict().status == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        [],
        {"champion": 3},
        {"challengers": ["x"]},
        {"champion": "x", "other": 1},
        {"champion": "x", "challengers": [None]},
        b'{"champion": "\\ud800"}',
        b'{"champion": ' + b"[" * 30_000,
        b"\xff\xfe",
    ],
)
def test_a_reload_of_another_form_is_refused(admin, body) -> None:
    answer = admin().admin("POST", "/reload", body)
    assert answer.status == 422
    assert answer.json["remedy"]


def test_the_admin_routes_have_the_same_limits(admin) -> None:
    server = admin()
    assert server.admin("POST", "/reload", b" " * 100_000).status == 413
    assert server.admin("GET", "/status/").status == 404
    with socket.create_connection(("127.0.0.1", server.admin_port), timeout=20) as connection:
        connection.sendall(b"GET /status HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 200)
        assert connection.recv(4096).startswith(b"HTTP/1.1 431 ")


def test_drain_ends_the_server(admin) -> None:
    server = admin()
    assert server.admin("POST", "/drain").status == 202
    assert server.process.wait(20) == 0


def test_the_admin_routes_need_a_token_to_be_there_at_all(start) -> None:
    server = start("--admin-port", "0", env={"MODELWAY_ADMIN_TOKEN": ""})
    assert server.process.wait(20) == 2 == server.record["exit_code"]


def test_a_bundle_that_is_none_is_refused_at_the_start(start, tmp_path) -> None:
    server = start(champion=tmp_path)
    assert server.process.wait(20) == 3
    assert server.record["error"]["what"] == "there is no bundle here"


def test_a_bundle_that_does_not_answer_its_own_example_is_refused(start, bundle, row) -> None:
    path = bundle()
    example = {"dataframe_records": [{**row, "age": "old"}]}
    (path / "serving_input_example.json").write_text(json.dumps(example))
    server = start(champion=path)
    assert server.process.wait(20) == 3
    assert "age" in server.record["error"]["what"]


def test_a_port_that_is_taken_is_told(start, bundle, tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = start("--port", str(taken.getsockname()[1]))
        assert server.process.wait(20) == 6
