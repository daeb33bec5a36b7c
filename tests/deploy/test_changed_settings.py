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

    def status_of(rows: int) -> int:
        example = json.loads((tmp_path / "trained" / "serving_input_example.json").read_text())["dataframe_split"]
        body = {"dataframe_split": {"columns": example["columns"], "data": example["data"] * rows}}
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
    limited = ("--set", "serve.input.max_rows=50000", "--set", "serve.workers.count=1")
    try:
        first = run("deploy", "--env", "local")
        assert (first["changed"], first["release"]["settings"], status_of(3)) == (True, None, 200)
        assert "nothing is set (verified" in run("status", "--env", "local")["settings"]

        changed = run("deploy", "--env", "local", *limited)
        assert changed["changed"]
        assert changed["release"]["id"] != first["release"]["id"]
        wanted = {"serve": {"input": {"max_rows": 50000}, "workers": {"count": 1}}}
        assert changed["release"]["settings"]["serve"] == wanted["serve"]
        assert {one["name"] for one in changed["smoke"]["checks"]} >= {"serving settings"}
        told = run("status", "--env", "local")
        assert "(verified" in told["settings"]
        assert told["live"]["wanted"] == 1
        assert not run("deploy", "--env", "local", *limited)["changed"]

        run("rollback", "--env", "local")
        told = run("status", "--env", "local")
        assert "nothing is set (verified" in told["settings"]
        assert told["live"]["release"] == first["release"]["id"]
    finally:
        run("stop", "--env", "local")
