"""What a server in a container is told by its environment: its settings, its flags and its log. A flag goes before."""

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


def shown(root: Path, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "modelway", "serve", "--print-settings", "--json", *flags]
    return subprocess.run(argv, cwd=root, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


def test_settings_come_from_config_then_the_variable_then_the_project(tmp_path: Path) -> None:
    def rows(*flags: str, **variables: str) -> int:
        found: int = json.loads(shown(tmp_path, *flags, **variables).stdout)["serve"]["input"]["max_rows"]
        return found

    variable = {"MODELWAY_SERVE_SETTINGS": '{"serve":{"input":{"max_rows":3}}}'}
    assert rows() == 100_000
    (tmp_path / "modelway.yaml").write_text("name: loans\nserve: {input: {max_rows: 2, max_faults: 7}}\n")
    (tmp_path / "other.yaml").write_text("name: loans\nserve: {input: {max_rows: 4}}\n")
    assert rows() == 2
    assert rows(MODELWAY_SERVE_SETTINGS="") == 2
    assert rows(**variable) == 3
    assert rows("--config", "other.yaml", **variable) == 4
    assert rows("--set", "serve.input.max_rows=5", **variable) == 5
    whole = json.loads(shown(tmp_path, **variable).stdout)
    assert whole["serve"]["input"]["max_faults"] == 20  # a server of a release sees nothing of the project's
    assert (
        json.loads(shown(tmp_path, "--set", "serve.input.max_rows=5", **variable).stdout)["digest"] == whole["digest"]
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"serve":{"log":{"colums":["a"]}}}', "serve.log.colums"),
        ('{"serve":{"input":{"max_rows":"2"}}}', "serve.input.max_rows"),
        ('{"serve"', "JSON"),
        ("[]", "object"),
        ('{"serve":{"log":{"columns":["a"],"hashed":["b"]}}}', "log.hashed"),
    ],
)
def test_settings_that_can_not_be_used_are_refused(tmp_path: Path, text: str, words: str) -> None:
    done = shown(tmp_path, MODELWAY_SERVE_SETTINGS=text)
    assert done.returncode == 2
    assert "MODELWAY_SERVE_SETTINGS" in done.stderr
    assert words in done.stderr


def test_server_reports_the_digest_of_its_settings(launch: Any) -> None:
    import urllib.request

    settings = '{"serve":{"input":{"max_rows":3}}}'
    for variables in ({"MODELWAY_SERVE_SETTINGS": settings}, {}):
        _, url = launch(**variables)
        with urllib.request.urlopen(f"{url}/v2", timeout=30) as answer:
            told = json.loads(answer.read())["settings_digest"]
        assert (told is not None) == bool(variables)


def test_server_takes_the_socket_that_it_was_started_with(tmp_path: Path, bundle: Any, row: dict[str, Any]) -> None:
    """As systemd hands one on: sd_listen_fds(3). Connections that came before it started are answered."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        early = socket.create_connection(listener.getsockname(), timeout=60)
        early.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        number = listener.fileno()
        words = f"import os; os.dup2({number}, 3); os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
        argv = [sys.executable, "-m", "modelway", "serve", "--bundle", str(bundle(3)), "--workers", "1", "--json"]
        words += f"os.execv({sys.executable!r}, {argv!r})"
        environment = {**os.environ, "PYTHONPATH": str(STAND_IN)}
        process = subprocess.Popen(
            [sys.executable, "-c", words], cwd=tmp_path, env=environment, pass_fds=[number], stdout=subprocess.DEVNULL
        )
        try:
            with early:
                assert early.recv(100).startswith(b"HTTP/1.1 200 ")
            assert predict(f"http://127.0.0.1:{listener.getsockname()[1]}", row)["predictions"]
        finally:
            process.terminate()
            process.wait(60)
