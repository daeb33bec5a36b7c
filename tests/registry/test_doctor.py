"""`modelway doctor` before a real tracking server: half a login, a wrong one, the right one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project
    from tests.registry.conftest import Server

SETTINGS = """\
name: asked-about
prepare:
  task: classification
  target: bad
  data: {uri: data.csv}
  columns: {amount: {type: number}, bad: {type: boolean}}
"""


@pytest.mark.slow
def test_a_login_is_asked_about_before_anything_is_trained(
    guarded_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]
) -> None:
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    (tmp_path / "data.csv").write_text("amount,bad\n1,true\n")
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "SLACK_WEBHOOK", "GITHUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert guarded_server.admin is not None
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded_server.uri)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    project = in_project(tmp_path)

    def seen() -> tuple[int, dict[str, Any]]:
        record = project.json("doctor")
        return record["exit_code"], {one["check"]: one for one in record["findings"]}

    code, found = seen()
    assert (code, found["registry"]["state"]) == (2, "missing")
    assert "password" in found["registry"]["detail"]
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "canary-guess")
    code, found = seen()
    assert (code, found["registry"]["state"]) == (6, "failed")
    assert "MLFLOW_TRACKING_PASSWORD" in found["registry"]["remedy"]
    assert "canary-guess" not in str(found)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", guarded_server.admin.password or "")
    code, found = seen()
    assert (code, found["registry"]["state"], found["registry: writing"]["state"]) == (0, "ok", "not checked")
    assert found["registry: files"]["state"] == "not checked"
