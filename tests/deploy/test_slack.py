"""Slack is told in its own form, and a webhook that fails is no failure of ours."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from modelway.cli.notices import telling
from modelway.cli.output import Output
from modelway.errors import RolledBackError
from modelway.notify import post_to_slack


class _Slack(BaseHTTPRequestHandler):
    status = 200
    posted: list[dict[str, Any]] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.posted.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def slack() -> Any:
    class Slack(_Slack):
        posted: list[dict[str, Any]] = []  # noqa: RUF012

    server = HTTPServer(("127.0.0.1", 0), Slack)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Slack.url = f"http://127.0.0.1:{server.server_port}/services/canary-5e1"  # type: ignore[attr-defined]
    yield Slack
    server.shutdown()
    server.server_close()


def test_a_message_has_its_title_its_text_and_the_run(slack: Any) -> None:
    assert post_to_slack(slack.url, "staging: rolled back", ["a < b & c"], "https://github.test/run/1") is None
    (message,) = slack.posted
    assert message["text"] == "staging: rolled back"
    texts = [block["text"]["text"] for block in message["blocks"]]
    assert texts == ["*staging: rolled back*", "a &lt; b &amp; c", "<https://github.test/run/1|The run>"]


def test_a_long_text_is_shortened_to_what_slack_takes(slack: Any) -> None:
    assert post_to_slack(slack.url, "t", ["x" * 10_000], None) is None
    assert len(slack.posted[0]["blocks"][1]["text"]["text"]) <= 3000


def test_names_are_shown_and_neither_mention_nor_link(slack: Any) -> None:
    name = "<!channel> <https://evil.test|x>\x1b[31m\nfake"
    assert post_to_slack(slack.url, name, [name, "second"], "https://ci.test/1|<!here>") is None
    (message,) = slack.posted
    shown = r"&lt;!channel&gt; &lt;https://evil.test|x&gt;\x1b[31m\nfake"
    assert message["text"] == shown
    title, text, link = (block["text"] for block in message["blocks"])
    assert (title["text"], text["text"]) == (f"*{shown}*", f"{shown}\nsecond")
    assert link["text"] == "<https://ci.test/1%7C%3C!here%3E|The run>"
    assert all(one["verbatim"] for one in (title, text, link))


def test_a_rollback_is_told_and_raised(
    slack: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK", slack.url)
    monkeypatch.setenv("MODELWAY_RUN_URL", "https://ci.test/7")
    with pytest.raises(RolledBackError), telling("staging", "deploy", Output()):
        raise RolledBackError("it answers wrongly", remedy="version 1 runs again.")
    (message,) = slack.posted
    assert message["text"] == "staging: deploy was rolled back"
    assert "https://ci.test/7" in json.dumps(message)
    assert "it answers wrongly" in json.dumps(message)


@pytest.mark.parametrize("status", [403, 500])
def test_a_webhook_that_fails_is_noted_without_its_address(
    slack: Any, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slack.status = status
    monkeypatch.setenv("SLACK_WEBHOOK", slack.url)
    with pytest.raises(RolledBackError), telling("staging", "deploy", Output()):
        raise RolledBackError("no")
    said = capsys.readouterr().err
    assert f"Slack answered {status}" in said
    assert "canary" not in said


@pytest.mark.parametrize("webhook", ["http://127.0.0.1:9/canary-5e1", "canary-5e1", "ftp://canary-5e1"])
def test_a_webhook_that_is_none_is_told_without_its_address(webhook: str) -> None:
    fault = post_to_slack(webhook, "t", ["x"], None)
    assert fault
    assert "canary" not in fault
