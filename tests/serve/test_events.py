"""The server's own log: one JSON object a line, whatever is in it."""

from __future__ import annotations

import json

import pytest

from modelway.serve.events import describe_error, say_always

NAMES = ["a\nb\x1b[31m", "\x9b2J\x7f", "\u202ex\u2028y\u2066", "::error::fake", "##[error]x", "\ud800", "\U000e0041"]


@pytest.mark.parametrize("name", NAMES)
def test_an_event_is_one_line_that_nothing_obeys(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    say_always("request_failed", column=name, **describe_error(ValueError(name)))
    line = capsys.readouterr().err
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert "::error::" not in line
    assert "##[" not in line
    assert json.loads(line)["column"] == name
