"""docs/adopt.md: every command of it, in its order, in a repository that has a table and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "adopt.md").read_text()
TOPICS = ("Install it", "From nothing to a prediction", "The rest of a model's life", "A newer version")
"""What one repository lives through, in this order."""
PORT = "environments: {{local: {{target: {{kind: local, port: {}}}}}}}"
"""Another port than the default, which somebody else on this machine may have."""


def commands(topic: str) -> str:
    """The commands of a section."""
    section = TEXT.split(f"\n## {topic}\n", 1)[1].split("\n## ", 1)[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return str(block)


def test_every_section_with_commands_is_run() -> None:
    with_commands = {part.partition("\n")[0] for part in TEXT.split("\n## ")[1:] if "```sh" in part}
    assert with_commands == {*TOPICS, "A model of your own", "Several models in one repository"}


def test_from_init_to_a_prediction_it_takes_few_commands() -> None:
    until = commands("From nothing to a prediction").split("modelway stop")[0]
    assert len(until.splitlines()) <= 5


@pytest.fixture
def terminal(repository: Path) -> Any:
    """Runs a section's commands in the repository, one after the other, as a shell would; all have to end with 0."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scripts = Path(sysconfig.get_path("scripts"))
    known = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment = {**known, "MODELWAY": str(ROOT), "PATH": f"{scripts}:{known['PATH']}"}

    def run(topic: str, *, venv: bool = False) -> str:
        lines = ["set -euo pipefail", ". .venv/bin/activate"] if venv else ["set -euo pipefail"]
        for line in commands(topic).replace("localhost:8080", f"127.0.0.1:{port}").splitlines():
            lines.append(line)
            if line.startswith("python3 -m venv"):
                # What modelway needs is there already, in the suite's own environment: nothing has to be downloaded.
                place = '"$(echo .venv/lib/python*/site-packages)/suite.pth"'
                lines.append(f"echo {sysconfig.get_path('purelib')} > {place}")
            if line.startswith("modelway init --target"):
                lines.append(f"echo '{PORT.format(port)}' >> modelway.yaml")
        done = subprocess.run(
            ["bash", "-c", "\n".join(lines)],
            cwd=repository,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    yield run
    subprocess.run(
        [str(scripts / "modelway"), "stop", "--env", "local"],
        cwd=repository,
        env=environment,
        capture_output=True,
        check=False,
    )


def install(terminal: Any, repository: Path) -> None:
    """Install modelway for real, but for what it needs."""
    try:
        terminal("Install it")
    except AssertionError as error:
        if "Could not find a version" in str(error) or "No matching distribution" in str(error):
            pytest.skip("no package index answers, which building modelway's wheel needs")
        raise
    (place,) = (repository / ".venv" / "lib").glob("python*/site-packages/modelway/adopt/workflows")
    assert (place / "ml-ci.yml").is_file()  # a wheel's own copies


@pytest.mark.slow
@pytest.mark.exhaustive  # it installs everything anew, from a package index
def test_ten_minutes(terminal: Any, repository: Path) -> None:
    install(terminal, repository)
    for topic in TOPICS[1:]:
        said = terminal(topic, venv=True)
        if topic == "From nothing to a prediction":
            assert '"predictions"' in said
            assert "deployed: shop version 1" in said
    assert (repository / "bundle" / "model.onnx").is_file()
    assert list((repository / "predictions").glob("*/_SUCCESS"))


@pytest.mark.slow
def test_a_model_of_ones_own(terminal: Any, repository: Path) -> None:
    assert "registered: shop version 1" in terminal("A model of your own")
    assert "LogisticRegression" in (repository / "churn.py").read_text()


def test_several_models(terminal: Any, repository: Path) -> None:
    (repository / "services" / "churn").mkdir(parents=True)
    shutil.move(repository / "customers.csv", repository / "services" / "churn")
    terminal("Several models in one repository")
    assert (repository / ".github/workflows/churn-train-model.yml").is_file()
    assert (repository / "services/churn/modelway.yaml").is_file()
