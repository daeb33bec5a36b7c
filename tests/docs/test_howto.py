"""The how-to pages: all commands of a page, in their order, as a shell runs them, in a project that has a champion."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.conftest import ROOT, blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]  # a training, and a minute of commands

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
    "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
}
PORT = "environments: {{local: {{target: {{kind: local, port: {}}}}}}}\n"
TIMEOUT_SECONDS = 500


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def shell(script: str, folder: Path) -> str:
    """Run a script; all of its commands have to end with 0."""
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project on the sample, with a champion that had so little time to learn that the next one is better."""
    folder = tmp_path_factory.mktemp("howto") / "loans"
    folder.mkdir()
    stages = (ROOT / "modelway.yaml").read_text().partition("\nenvironments:")[0]
    (folder / "modelway.yaml").write_text(f"{stages}\n")
    shell("modelway sample --output data", folder)
    shell("modelway train --epochs 1 --set evaluate.gates.minimum.roc_auc=0.5", folder)
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Iterator[Path]:
    """One of one's own, with a port that nobody has."""
    folder = shutil.copytree(trained, tmp_path / "loans", symlinks=True)
    with (folder / "modelway.yaml").open("a") as settings:
        settings.write(PORT.format(free_port()))
    yield folder
    stop = ["modelway", "stop", "--env", "local"]
    subprocess.run(stop, cwd=folder, env=ENVIRONMENT, capture_output=True, check=False)


def run_page(name: str, folder: Path) -> str:
    """Run a page's commands, as one shell."""
    script = "\n".join(block.text for block in blocks_of(ROOT / "docs" / name) if block.language == "sh")
    (port,) = re.findall(r"port: (\d+)", (folder / "modelway.yaml").read_text())
    served = str(free_port())
    ends = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"  # a server must not outlive a command that fails
    script = script.replace("8000", served).replace("localhost:8080", f"localhost:{port}")
    return shell(ends + script, folder)


def test_serve(project: Path) -> None:
    said = run_page("serve.md", project)
    assert said.count('"predictions"') == 1
    assert "serves version 1" in said


def test_score(project: Path) -> None:
    shutil.copy(project / "data" / "loans.csv", project / "new.csv")
    said = run_page("score.md", project)
    assert "_SUCCESS" in said
    assert list((project / "predictions" / "2026-11-26" / "predictions").glob("*.parquet"))


def test_roll_out(project: Path) -> None:
    said = run_page("roll-out.md", project)
    assert "version 2: running, resumed" in said
    assert "version 2: aborted" in said


def test_watch(project: Path) -> None:
    with (project / "modelway.yaml").open("a") as settings:
        settings.write("serve: {log: {segment_seconds: 0.5, flush_seconds: 0.2}}\n")  # who tests is in a hurry
    said = run_page("watch.md", project)
    assert "decision: watch" in said
    assert (project / "reports" / "monitoring" / "monitoring_dashboard.html").is_file()
