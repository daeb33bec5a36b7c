"""Commands end with 6 and the server's name, whatever answers in the place of S3; no bug, no missing data file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelway.records.data import S3Options
from modelway.storage.s3 import s3_client

from .conftest import WAYS, outcome

if TYPE_CHECKING:
    from conftest import Project

SETTINGS = """\
name: loans
prepare:
  task: classification
  target: defaulted
  data: {{uri: "s3://bucket/data/"}}
  s3: &s3 {{endpoint_url: "{url}", region: eu-central-1, path_style: true}}
  columns:
    age: {{type: integer}}
    defaulted: {{type: category, values: ["yes", "no"]}}
fit: {{estimator: {{kind: linear}}}}
environments:
  production:
    state: s3://bucket/state
    log: s3://bucket/log
    s3: *s3
    target: {{kind: local}}
"""
COMMANDS = {
    "prepare": ("prepare", "--output", "prepared"),
    "check-data": ("check-data", "--output", "checked"),
    "status": ("status", "--env", "production"),
    "flags": ("flags", "show", "--env", "production"),
    "rollout": ("rollout", "--env", "production"),
    "stop": ("stop", "--env", "production"),
    "log": ("log", "compact", "--env", "production"),
}
SHORT = ("sends another listing", "shows a portal as an error", "redirects to itself", "sends garbage")


@pytest.mark.parametrize("way", [*SHORT, pytest.param("dribbles its head", marks=pytest.mark.slow)])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_ends_with_6_and_names_the_server(
    start,
    short,
    in_project: Callable[[Path], Project],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    way: str,
) -> None:
    server = start(WAYS[way])
    (tmp_path / "modelway.yaml").write_text(SETTINGS.format(url=server.url))
    monkeypatch.chdir(tmp_path)
    s3_client(S3Options(endpoint_url=server.url, region="eu-central-1", path_style=True))
    short()
    project = in_project(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)  # it runs in a thread here, so that a test can end
    assert outcome(lambda: project.run(*COMMANDS[command])) == 6, project.err
    assert server.host in project.err
