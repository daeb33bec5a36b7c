"""What a user is told when GitHub refuses, and that the token is told to nobody else."""

from __future__ import annotations

import http.server
import threading
import time
from typing import Any

import pytest

from modelway.errors import OutsideError, UsageError
from modelway.github import GitHub
from modelway.github.failures import Answer, pause_of
from modelway.records.github import Repository

PATH = "/api/v3/repos/octocat/loans/releases"
REPOSITORY = Repository(owner="octocat", name="loans")


def header_of(**headers: str) -> Any:
    return http.client.HTTPMessage() if not headers else _message(headers)


def _message(headers: dict[str, str]) -> Any:
    message = http.client.HTTPMessage()
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


def test_requests_say_who_we_are_and_which_version_of_the_api(standin: Any, client: Any) -> None:
    client.github.call("GET", "/releases")
    (sent,) = standin.headers
    assert sent["Authorization"] == f"Bearer {standin.token}"
    assert sent["Accept"] == "application/vnd.github+json"
    assert sent["X-Github-Api-Version"] == "2022-11-28"
    assert sent["User-Agent"] == "modelway"


@pytest.mark.parametrize(
    ("status", "headers", "message", "words"),
    [
        (401, {}, "Bad credentials", "does not know the token"),
        (403, {}, "Resource not accessible by integration", "contents: write"),
        (403, {"X-Accepted-GitHub-Permissions": "contents=write,workflows=write"}, "no", "workflows=write"),
        (404, {}, "Not Found", "octocat/loans"),
        (301, {"Location": "https://elsewhere"}, "Moved", "renamed"),
        (422, {}, "Validation Failed", "Validation Failed"),
        (410, {}, "Gone", "410 Gone"),
    ],
)
def test_a_refusal_says_what_is_missing_and_is_not_repeated(
    standin: Any, client: Any, fault: Any, status: int, headers: dict[str, str], message: str, words: str
) -> None:
    standin.faults = [fault("GET", PATH, status, headers, {"message": message})]
    with pytest.raises(OutsideError) as caught:
        client.github.call("GET", "/releases")
    assert words in str(caught.value)
    assert caught.value.exit_code == 6
    assert f"GET {standin.url}{PATH}" in str(caught.value)
    assert client.slept == []


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_is_asked_to_wait_waits_and_asks_again(
    standin: Any, client: Any, fault: Any, status: int, method: str
) -> None:
    limited = {"message": "You have exceeded a secondary rate limit."}
    standin.faults = [fault(method, PATH, status, {"Retry-After": "7"}, limited)]
    client.github.call(method, "/releases", {"tag_name": "x", "draft": True} if method == "POST" else None)
    assert client.slept == [7.0]


def test_a_limit_that_stays_ends_in_an_error(standin: Any, client: Any, fault: Any) -> None:
    standin.faults = [fault("GET", PATH, 429, {"Retry-After": "1"}, {"message": "slow down"}, times=100)]
    with pytest.raises(OutsideError, match="rate limit"):
        client.github.call("GET", "/releases")
    assert client.slept == [1.0, 1.0, 1.0]


def test_a_pause_beyond_the_deadline_is_not_waited_out(standin: Any, client: Any, fault: Any) -> None:
    standin.faults = [fault("GET", PATH, 429, {"Retry-After": "3600"}, {"message": "slow down"})]
    with pytest.raises(OutsideError, match="rate limit"):
        client.github.call("GET", "/releases")
    assert client.slept == []


@pytest.mark.parametrize("status", [500, 503, "drop"])
def test_a_server_that_stays_down_ends_in_an_error(standin: Any, client: Any, fault: Any, status: int | str) -> None:
    standin.faults = [fault("GET", PATH, status, times=100)]
    with pytest.raises(OutsideError):
        client.github.call("GET", "/releases")
    assert client.slept == [1.0, 2.0, 4.0]
    assert len(standin.asked) == 4


def test_what_may_do_harm_twice_is_not_sent_twice(standin: Any, client: Any, fault: Any) -> None:
    standin.faults = [fault("POST", PATH, "lost")]
    with pytest.raises(OutsideError):
        client.github.call("POST", "/releases", {"tag_name": "x", "draft": True})
    assert len(standin.releases) == 1


@pytest.mark.parametrize(
    ("status", "headers", "pause"),
    [
        (403, {}, None),
        (403, {"Retry_After": "30"}, 30.0),
        (403, {"Retry_After": "3600"}, 3600.0),
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "1100"}, 101.0),
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "900"}, 1.0),
        (403, {"X_RateLimit_Remaining": "0", "X_RateLimit_Reset": "9000"}, 8001.0),
        (403, {"X_RateLimit_Remaining": "10", "X_RateLimit_Reset": "1100"}, None),
        (429, {}, 60.0),
        (404, {"Retry_After": "30"}, None),
    ],
)
def test_how_long_github_asks_us_to_wait(status: int, headers: dict[str, str], pause: float | None) -> None:
    assert pause_of(Answer("GET x", status, header_of(**headers), b"{}"), now=1000.0) == pause


def test_a_secondary_limit_without_a_time_is_waited_out() -> None:
    body = b'{"message": "You have exceeded a secondary rate limit. Please wait a few minutes."}'
    assert pause_of(Answer("GET x", 403, header_of(), body), now=time.time()) == 60.0


@pytest.mark.parametrize("body", [b"<html>", b"[1", b'"text"', b'{"errors": ["text"]}'])
def test_an_error_that_is_no_json_of_githubs_is_told_all_the_same(
    standin: Any, client: Any, fault: Any, body: bytes
) -> None:
    standin.faults = [fault("GET", PATH, 400, {}, body)]
    with pytest.raises(OutsideError, match="400"):
        client.github.call("GET", "/releases")


def test_a_page_instead_of_the_api_is_told(standin: Any, client: Any, fault: Any) -> None:
    standin.faults = [fault("GET", PATH, 200, {}, b"<html>sign in</html>")]
    with pytest.raises(OutsideError, match="/api/v3"):
        client.github.call("GET", "/releases")


def test_no_one_listening_is_told() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        port = server.server_port
    github = GitHub(REPOSITORY, "token", f"http://127.0.0.1:{port}", sleep=lambda _: None)
    with pytest.raises(OutsideError, match="does not answer"):
        github.call("GET", "/releases")


def test_the_token_follows_no_redirect(standin: Any, client: Any, fault: Any) -> None:
    got: list[str] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.headers.get("Authorization", ""))
            self.send_response(200)
            self.end_headers()

    with http.server.HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/"
        standin.faults = [fault("GET", PATH, code, {"Location": address}) for code in (301, 302, 307, 308)]
        for _ in range(4):
            with pytest.raises(OutsideError, match="elsewhere"):
                client.github.call("GET", "/releases")
        server.shutdown()
        thread.join()
    assert got == []


def test_the_token_shows_nowhere(standin: Any, client: Any, fault: Any) -> None:
    assert standin.token not in repr(client.github)
    standin.faults = [fault("GET", PATH, 400, {}, {"message": f"bad header: Bearer {standin.token}"})]
    with pytest.raises(OutsideError) as caught:
        client.github.call("GET", "/releases")
    assert standin.token not in f"{caught.value} {caught.value!r} {caught.value.args}"
    assert "bad header" in str(caught.value)


@pytest.mark.parametrize("token", ["", " ", "two words", "token\n", "tökén", "a\r\nHost: b"])
def test_a_token_that_no_header_can_hold_is_refused_unseen(token: str) -> None:
    with pytest.raises(UsageError) as caught:
        GitHub(REPOSITORY, token)
    assert not token.strip() or token not in str(caught.value)


@pytest.mark.parametrize("address", ["", "github.com", "ftp://github.com", "https://", "https://me:secret@host/api"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        GitHub(REPOSITORY, "token", address)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("slash", ["", "/", "//"])
def test_a_slash_at_the_end_of_the_address_is_no_matter(standin: Any, client: Any, slash: str) -> None:
    GitHub(REPOSITORY, standin.token, f"{standin.url}/api/v3{slash}").call("GET", "/releases")
    assert standin.asked == [("GET", PATH)]
