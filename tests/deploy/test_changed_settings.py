"""A project whose settings change, by its commands: deploy brings them, rollback takes them back, status shows both."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_changed_settings_are_deployed_and_rolled_back_like_any_release(tmp_path: Path, free_port: int) -> None:
    text = (ROOT / "modelway.yaml").read_text()
    settings = f"environments:\n  local: {{target: {{port: {free_port}}}, smoke: {{latency_ms: 20000}}}}\n"
    (tmp_path / "modelway.yaml").write_text(text[: text.index("# `local` exists by itself.")] + settings)

    def run(*argv: str) -> Any:
        command = [sys.executable, "-m", "modelway", *argv, "--json"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def status_of_a_row_with_an_unknown_column() -> int:
        (path,) = (tmp_path / ".modelway" / "bundles").glob("*/serving_input_example.json")
        split = json.loads(path.read_text())["dataframe_split"]
        row = dict(zip(split["columns"], split["data"][0], strict=True))
        body = {"dataframe_records": [row | {"unknown": 1}]}
        request = urllib.request.Request(
            f"http://127.0.0.1:{free_port}/predict", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    run("sample", "--output", "data")
    run("train", "--epochs", "10", "--output-dir", "trained")
    changes = ("--set", "serve.input.extra=ignore", "--set", "serve.workers.count=1")
    try:
        first = run("deploy", "--env", "local")
        assert (first["changed"], first["release"]["settings"]) == (True, None)
        assert status_of_a_row_with_an_unknown_column() == 422
        assert "nothing is set (verified" in run("status", "--env", "local")["settings"]

        changed = run("deploy", "--env", "local", *changes)
        assert changed["changed"]
        assert changed["release"]["id"] != first["release"]["id"]
        assert changed["release"]["settings"]["serve"] == {"input": {"extra": "ignore"}, "workers": {"count": 1}}
        assert status_of_a_row_with_an_unknown_column() == 200
        assert {one["name"] for one in changed["smoke"]["checks"]} >= {"serving settings"}
        told = run("status", "--env", "local")
        assert "(verified" in told["settings"]
        assert told["live"]["wanted"] == 1
        assert not run("deploy", "--env", "local", *changes)["changed"]

        run("rollback", "--env", "local")
        told = run("status", "--env", "local")
        assert "nothing is set (verified" in told["settings"]
        assert told["live"]["release"] == first["release"]["id"]
        assert status_of_a_row_with_an_unknown_column() == 422
    finally:
        run("stop", "--env", "local")
