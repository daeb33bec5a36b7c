"""`GET /rollout`: the page that whoever rolls out has written, as it is now."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.pipeline.environment import open_environment
from modelway.pipeline.rollout_page import leave_rollout_page
from modelway.records.environment import EnvironmentOptions, LocalOptions
from modelway.records.rollout_state import Rollout
from modelway.records.settings import SettingsSlice
from modelway.report.rollout import render_rollout


def test_it_is_the_file_as_it_is_now(start, tmp_path) -> None:
    page = tmp_path / "rollout.html"
    server = start(rollout_page=str(page))
    absent = server.ask("GET", "/rollout")
    assert absent.status == 404
    assert "no rollout has begun" in absent.json["message"]
    for text in ("<p>step 1 — größer</p>", "<p>step 2</p>"):
        page.write_text(text, encoding="utf-8")
        answer = server.ask("GET", "/rollout")
        assert (answer.status, answer.body.decode()) == (200, text)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    page.unlink()
    assert server.ask("GET", "/rollout").status == 404
    assert server.predict().status == 200


def test_a_path_of_the_settings_is_relative_to_where_the_server_was_started(start, tmp_path) -> None:
    (tmp_path / "page.html").write_text("here")
    assert start(rollout_page="page.html").ask("GET", "/rollout").body == b"here"


def test_without_one_there_is_none(shared_server) -> None:
    assert shared_server.ask("GET", "/rollout").status == 404


def test_no_request_reaches_another_file(start, tmp_path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "rollout.html").write_text("the page")
    (tmp_path / "secret").write_text("secret")
    server = start(rollout_page=str(tmp_path / "pages" / "rollout.html"))
    for path in ("/rollout/../secret", "/rollout/..%2fsecret", "/rollout%2f..%2f..%2fsecret", "/rollout/secret"):
        answer = server.ask("GET", path)
        assert answer.status == 404
        assert b"secret" not in answer.body
    assert server.ask("GET", "/rollout?path=../secret").body == b"the page"
    assert server.ask("POST", "/rollout", {}).status == 405


def test_a_page_that_can_not_be_read_is_told_in_the_log(start, tmp_path) -> None:
    server = start(rollout_page=str(tmp_path))
    assert server.ask("GET", "/rollout").status == 404
    assert server.events("rollout_page_unreadable")


@pytest.mark.parametrize("state", [None, "elsewhere"])
def test_a_local_environment_serves_what_its_rollout_leaves(start, tmp_path, rollouts, state) -> None:
    settings = SettingsSlice(name="loans", environments={"here": local_environment(state)})
    environment = open_environment(settings, "here", tmp_path, {})
    server = start(rollout_page=environment.place.serve.rollout_page)
    for case in (rollouts.empty(), rollouts.held()):
        address = leave_rollout_page(environment, *case.arguments(), directory=tmp_path / "besides")
        page = server.ask("GET", "/rollout").body
        assert page.decode() == render_rollout(*case.arguments())
        assert Path(address).read_bytes() == page
        assert b'http-equiv="refresh"' in page
        assert (tmp_path / "besides" / "rollout.html").read_bytes() == page
        assert Rollout.from_json((tmp_path / "besides" / "rollout.json").read_text()) == case.rollout


def test_servers_of_other_targets_have_no_page(tmp_path) -> None:
    settings = SettingsSlice(name="loans", environments={"there": EnvironmentOptions()})
    assert open_environment(settings, "there", tmp_path, {}).place.serve.rollout_page is None


def local_environment(state: str | None) -> EnvironmentOptions:
    return EnvironmentOptions(target=LocalOptions(kind="local"), state=state)
