"""What a server in a container is told by its environment: where its flags and its log are. A flag goes before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelway.flags import with_shares
from modelway.records.flags import Shares

STAND_IN = Path(__file__).parent / "stand_in"


@pytest.fixture
def launch(tmp_path: Path, bundle: Any) -> Iterator[Callable[..., tuple[subprocess.Popen[str], str]]]:
    """Starts the command as an image does, with no settings: no value of them goes before a variable."""
    started: list[subprocess.Popen[str]] = []

    def run(*flags: str, **variables: str) -> tuple[subprocess.Popen[str], str]:
        argv = [sys.executable, "-m", "modelway", "serve", "--bundle", str(bundle(3)), "--challenger", str(bundle(4))]
        argv += ["--port", "0", "--workers", "1", "--json", "--set", "serve.workers.notice_seconds=0", *flags]
        environment = {**os.environ, "PYTHONPATH": str(STAND_IN), **variables}
        started.append(subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout is not None
        text = ""
        for line in started[-1].stdout:
            text += line
            if line == "}\n":
                break
        return started[-1], json.loads(text)["url"]

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=40)


def predict(url: str, row: dict[str, Any]) -> dict[str, Any]:
    import urllib.request

    content = json.dumps({"dataframe_records": [row]}).encode()
    request = urllib.request.Request(f"{url}/predict", content, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def document(path: Path, share: float) -> str:
    path.write_text(json.dumps(with_shares(None, Shares(new_model=share))))
    return str(path)


@pytest.mark.parametrize("flagged", [False, True])
def test_flags_are_where_the_variable_says_unless_a_flag_does(
    launch: Any, row: dict[str, Any], until: Any, tmp_path: Path, flagged: bool
) -> None:
    told, given = document(tmp_path / "told.json", 1.0), document(tmp_path / "given.json", 0.0)
    _, url = launch(*(["--flags", given] if flagged else []), MODELWAY_FLAGS=told, MODELWAY_LOG=str(tmp_path / "log"))
    wanted = 3 if flagged else 4
    until(lambda: int(predict(url, row)["model_version"]) == wanted)


@pytest.mark.parametrize("flagged", [False, True])
def test_the_log_is_where_the_variable_says_unless_a_flag_does(
    launch: Any, row: dict[str, Any], tmp_path: Path, flagged: bool
) -> None:
    process, url = launch(*(["--log", str(tmp_path / "given")] if flagged else []), MODELWAY_LOG=str(tmp_path / "told"))
    predict(url, row)
    process.terminate()
    assert process.wait(40) == 0
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("predictions/**/*.jsonl.gz")}
    assert written == {"given" if flagged else "told"}


@pytest.mark.parametrize("flagged", [False, True])
def test_the_spool_is_where_the_variable_says_unless_a_flag_does(launch: Any, tmp_path: Path, flagged: bool) -> None:
    given = ["--spool", str(tmp_path / "given")] if flagged else []
    launch(*given, MODELWAY_SPOOL=str(tmp_path / "told"), MODELWAY_LOG=str(tmp_path / "log"))
    assert {path.name for path in tmp_path.iterdir()} & {"given", "told"} == {"given" if flagged else "told"}


@pytest.mark.parametrize(("days", "words"), [("many", "number of days"), ("0.5", "keep_days")])
def test_days_that_are_none_are_refused(tmp_path: Path, bundle: Any, days: str, words: str) -> None:
    argv = [sys.executable, "-m", "modelway", "serve", "--bundle", str(bundle(3)), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(STAND_IN), "MODELWAY_LOG_KEEP_DAYS": days}
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
