"""Real commands on a project whose columns, values and classes an attacker named: the terminal obeys none of it."""

from __future__ import annotations

import csv
import json
import os
import pty
import random
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBER = "a\x1b]0;pwned\x07\nERROR: fake\x9b31m[red][/]::error::x `|<img src=x>\u202e\u200b\u2028@octocat #1"
CATEGORY = "\x1b[2J[/]\nmodelway: fake"
MARK = "::stop-commands::pause\u2066"
GROUP = "|a`b``|\\|<script>![i](https://evil.test/i.png)"
TARGET = "target\x1b[5m\nERROR: fake"
CLASSES = ["yes\x1b[8m\nERROR: fake class", "no\u202e::error::"]
CATEGORIES = ["x\x1b[31m", "y\nERROR: fake value", "z|`@octocat`"]

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
FORGED = re.compile(r"^\s*(?:ERROR: fake|modelway: fake|::(?:error|stop-commands)\b.*::)", re.MULTILINE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile")
    chance = random.Random(0)
    with (root / "data.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow([NUMBER, CATEGORY, MARK, GROUP, TARGET])
        for _ in range(800):
            at, mark = chance.randrange(3), chance.gauss(0, 1)
            row = [f"{chance.random():.4f}", CATEGORIES[at], f"{mark:.4f}", chance.choice(["A\x85", "B"])]
            rows.writerow([*row, CLASSES[int(mark + at - 1 + chance.gauss(0, 0.5) > 0)]])
    settings = {
        "name": "loans",
        "prepare": {
            "task": "classification",
            "target": TARGET,
            "positive": CLASSES[0],
            "data": {"uri": "data.csv"},
            "columns": {
                NUMBER: {"type": "number"},
                CATEGORY: {"type": "category"},
                MARK: {"type": "number"},
                GROUP: {"type": "category"},
                TARGET: {"type": "category", "values": CLASSES},
            },
        },
        "fit": {"estimator": {"kind": "linear"}},
        "evaluate": {
            "primary": "roc_auc",
            "slices": [CATEGORY],
            "sensitive": [GROUP],
            "gates": {"minimum": {"roc_auc": 0.55}},
        },
        "check_data": {"checks": [{"check": "mean", "column": NUMBER, "min": 5, "max": 6}]},
    }
    (root / "modelway.yaml").write_text(yaml.safe_dump(settings))
    return root


def run(project: Path, *argv: str, code: int = 0, env: Mapping[str, str] | None = None) -> str:
    """Run a command as its user does; gives stdout, after all that it printed was looked at."""
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "modelway", *argv],
        cwd=project,
        capture_output=True,
        env=surroundings | dict(env or {}),
        check=False,
    )
    encoding = (env or {}).get("PYTHONIOENCODING", "utf-8")
    out, err = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == code, (argv, out, err)
    for text in (out, err):
        assert not CONTROL.search(text), ascii(text)
        assert not FORGED.search(text), ascii(text)
    if "--json" in argv:
        json.loads(out)
    return out


def test_a_failing_check_names_its_column_on_one_line(project: Path) -> None:
    out = run(project, "check-data", code=4)
    assert r"a\x1b]0;pwned\x07\nERROR: fake" in out.replace("\n", "")
    assert "[red][/]" in out.replace("\n", "")
    run(project, "check-data", "--json", code=4)


def test_a_suggested_suite_is_yaml_that_means_the_data(project: Path) -> None:
    suite = yaml.safe_load(run(project, "check-data", "--suggest"))
    assert list(suite["check_data"]["columns"]) == [NUMBER, CATEGORY, MARK, GROUP, TARGET]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_of_another_encoding_is_no_bug(project: Path, encoding: str) -> None:
    for flags in ((), ("--json",)):
        run(project, "check-data", *flags, code=4, env={"PYTHONIOENCODING": f"{encoding}"})


@pytest.mark.parametrize(
    "argv",
    [
        ("check-data", "--set", f"prepare.columns.{NUMBER}=1"),
        ("check-data", "--set", f"{CATEGORY}=["),
        ("check-data", "--set", f"fit.estimator={{{json.dumps(NUMBER)}: 1, kind: {json.dumps(CATEGORY)}}}"),
        ("check-data", "--config", CATEGORY),
        ("check-data", NUMBER),
        (f"{CATEGORY}",),
        ("check-data", f"--{NUMBER}"),
    ],
)
def test_odd_arguments_are_shown_as_they_are(project: Path, argv: tuple[str, ...]) -> None:
    run(project, *argv, "--verbose", code=2)


def test_a_bug_is_reported_without_what_its_message_would_do(project: Path, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import modelway.cli.schema as schema\n"
        "def run(*_):\n    raise RuntimeError('\\x1b[2J\\nmodelway: fake')\n"
        "schema.run = run\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    run(project, "schema", "--verbose", code=1, env={"PYTHONPATH": path})


def test_a_pseudo_terminal_gets_our_colours_alone(project: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "modelway", "check-data"],
        cwd=project,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    )
    os.close(theirs)
    seen = b""
    try:
        while block := os.read(ours, 65536):
            seen += block
    except OSError:  # Linux says EIO at the end
        pass
    os.close(ours)
    assert process.wait() == 4
    assert b"\x1b[31mfail" in seen
    for sequence in (
        b"\x1b]0;",
        b"\x07",
        b"\x1b[2J",
        b"\x1b[8m",
        b"\x1b[5m",
        b"\x9b",
        b"\r\nERROR: fake",
        "\u202e".encode(),
    ):
        assert sequence not in seen


class _Elements(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.add(tag)


@pytest.mark.slow
def test_a_hostile_model_is_trained_packaged_and_watched(project: Path) -> None:
    for flags in ((), ("--json",)):
        run(project, "train", "--output-dir", "out", *flags)
    run(project, "package", "--version", "champion", "--output", "bundle")
    card = (project / "bundle" / "model_card.md").read_text(encoding="utf-8")
    assert not CONTROL.search(card)
    page = MarkdownIt("commonmark").enable("table").render(card)
    # What the card itself has: neither links, nor images, nor HTML.
    own = {"h1", "h2", "p", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert _Elements(page).found == own
    assert page.count("<h1>") == 1
    run(project, "verify", "bundle")
    run(project, "batch", "--sample", "--bundle", "bundle")
    run(project, "drift", "--baseline", "out/baseline.json", "--current", "data.csv")
    run(project, "drift", "--baseline", "out/baseline.json", "--current", "data.csv", "--json")
    run(project, "reproduce", "champion")
    run(project, "status", "--env", "local")
