"""Our own workflows in a stranger's repository: they call this module, pinned, on the stranger's source."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelway.adopt.marker import is_edited, mark, read_marker
from modelway.adopt.rendering import INDEX, OWN, render_workflows, templates
from modelway.errors import UsageError
from modelway.records.adopt import ModuleReference, WorkflowPlace

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
OURS = {path.name: path for path in sorted(WORKFLOWS.glob("*.yml")) if path.name not in OWN}
MODULE = ModuleReference.parse("github.com/octocat/modelway@v1.2.3", "v0")
PLACES = {
    "alone": WorkflowPlace(),
    "monorepo": WorkflowPlace(folder="services/churn model", prefix="churn-"),
    "private": WorkflowPlace(index=True),
    "both": WorkflowPlace(folder="services/churn", prefix="churn-", index=True),
}
SUMMARY = '{"exit_code": 4, "created": false}'
_DAGGER = """#!/bin/bash
printf '%s\\0' "$PWD" "$@" > "$CALLED"
mkdir -p reports && printf '%s' "$SUMMARY" > reports/summary.json
"""


@pytest.fixture(params=PLACES)
def rendered(request: pytest.FixtureRequest) -> tuple[WorkflowPlace, dict[str, str]]:
    place = PLACES[request.param]
    return place, render_workflows(MODULE, place)


def parsed(text: str) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(text)
    return workflow | {"on": workflow.get(True, workflow.get("on"))}


def test_templates_are_our_own_workflows() -> None:
    # A link, so that there is no second text that could drift; a checkout that knows no links has to be told.
    assert templates() == {name: path.read_text() for name, path in OURS.items()}


def test_each_is_there_by_its_name(rendered: Any) -> None:
    place, files = rendered
    assert sorted(files) == sorted(f".github/workflows/{place.prefix}{name}" for name in OURS)


def test_what_keeps_modelway_itself_is_written_nowhere() -> None:
    assert all((WORKFLOWS / name).is_file() for name in OWN)
    written = render_workflows(MODULE, WorkflowPlace())
    assert not [path for path in written if path.rpartition("/")[2] in OWN]


def test_nothing_of_our_repository_is_left(rendered: Any) -> None:
    _, files = rendered
    for text in files.values():
        assert 'dagger call "${who' not in text
        for own in ('"ci/**"', '"dagger.json"', '"src/**"'):
            assert own not in text
        for line in text.splitlines():
            if line.strip().startswith("dagger call"):
                assert line.strip().startswith('dagger call -m "github.com/octocat/modelway@v1.2.3" --source . ')


def test_workflows_call_each_other_by_their_names(rendered: Any) -> None:
    _, files = rendered
    for text in files.values():
        for name in re.findall(r"uses: \./(\S+)", text):
            assert name in files


def test_they_fit_the_published_schema(rendered: Any, tmp_path: Path) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed")
    _, files = rendered
    for path, text in files.items():
        (tmp_path / Path(path).name).write_text(text)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    found = subprocess.run([*command, *map(str, tmp_path.glob("*.yml"))], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_a_step_runs_in_the_models_folder_on_its_source(rendered: Any, tmp_path: Path) -> None:
    place, files = rendered
    folder = tmp_path / place.folder
    folder.mkdir(parents=True, exist_ok=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "dagger").write_text(_DAGGER)
    (tools / "dagger").chmod(0o755)
    calls = 0
    for path, text in files.items():
        workflow = parsed(text)
        where = workflow.get("defaults", {}).get("run", {}).get("working-directory", "")
        assert where == place.folder
        for job in workflow["jobs"].values():
            for step in (one for one in job.get("steps", ()) if "dagger call" in one.get("run", "")):
                calls += 1
                environment = {**dict.fromkeys(step["env"], ""), INDEX: "https://secret" if place.index else ""}
                environment |= {"PATH": f"{tools}:{os.environ['PATH']}", "CALLED": str(tmp_path / "called")}
                environment |= {"SUMMARY": SUMMARY, "GITHUB_SHA": "c", "GITHUB_REPOSITORY": "o/r"}
                environment |= {"GITHUB_API_URL": "https://a", "GITHUB_OUTPUT": str(tmp_path / "output")}
                ended = subprocess.run(
                    ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                    cwd=tmp_path / where, env=environment, capture_output=True, text=True, check=False,
                )  # fmt: skip
                called_in, *argv = (tmp_path / "called").read_text().split("\0")[:-1]
                assert ended.returncode == 4, (path, ended.stderr)
                assert Path(called_in) == folder
                assert argv[:5] == ["call", "-m", str(MODULE), "--source", "."]
                assert (f"env://{INDEX}" in argv) == place.index
                assert "https://secret" not in argv
    assert calls == sum(path.read_text().count('dagger call "${who') for path in OURS.values())


def test_reports_are_kept_from_where_they_lie(rendered: Any) -> None:
    place, files = rendered
    reports = f"{place.folder}/reports" if place.folder else "reports"
    for text in files.values():
        for job in parsed(text)["jobs"].values():
            for step in job.get("steps", ()):
                if "artifact" in step.get("uses", ""):
                    assert all(line.startswith(reports) for line in step["with"]["path"].split("\n") if line)


def test_path_filters_of_a_monorepo_are_below_its_folder() -> None:
    place = PLACES["both"]
    for path, text in render_workflows(MODULE, place).items():
        for event in parsed(text)["on"].values():
            filters = event if isinstance(event, dict) else {}
            assert "paths-ignore" not in filters, path
            for glob in filters.get("paths", ()):
                assert glob.removeprefix("!").startswith((f"{place.folder}/", ".github/workflows/churn-")), path
    train = parsed(render_workflows(MODULE, place)[".github/workflows/churn-train-model.yml"])
    assert "services/churn/**/*.py" in train["on"]["push"]["paths"]
    assert train["concurrency"]["group"].startswith("churn-")


def test_no_tag_starts_a_deploy_where_there_are_several_models() -> None:
    alone, monorepo = (
        parsed(next(text for path, text in render_workflows(MODULE, PLACES[name]).items() if "deploy" in path))["on"]
        for name in ("alone", "monorepo")
    )
    assert "push" in alone
    assert "push" not in monorepo


def test_the_secret_of_the_index_is_handed_on() -> None:
    for path, text in render_workflows(MODULE, PLACES["private"]).items():
        workflow = parsed(text)
        if "workflow_call" in workflow["on"]:
            assert workflow["on"]["workflow_call"]["secrets"][INDEX] == {"required": False}, path
        for job in workflow["jobs"].values():
            if "uses" in job:
                assert job["secrets"][INDEX] == f"${{{{ secrets.{INDEX} }}}}"


@given(
    st.text(),
    st.from_regex(r"(\w[\w .-]{0,5}(/\w[\w .-]{0,5})?)?", fullmatch=True),
    st.from_regex(r"([A-Za-z0-9][\w-]{0,5})?", fullmatch=True).filter(str.isascii),
    st.booleans(),
)
def test_a_marker_is_read_as_it_was_written(text: str, folder: str, prefix: str, index: bool) -> None:
    place = WorkflowPlace(folder=folder, prefix=prefix, index=index)
    content = mark(text, "0.1.0", MODULE, place)
    marker = read_marker(content)
    assert marker is not None
    assert (marker.version, marker.module, marker.place) == ("0.1.0", MODULE, place)
    assert not is_edited(content, marker)
    assert not is_edited(content.replace("\r\n", "\n").replace("\n", "\r\n"), marker)
    assert is_edited(content + "x", marker)


@pytest.mark.parametrize(
    "content", ["", "name: x\n", "# modelway:workflow\n", "# modelway:workflow version=1 sha256=0\n"]
)
def test_what_is_no_marker_is_none(content: str) -> None:
    assert read_marker(content) is None


@pytest.mark.parametrize(
    ("text", "address", "version", "commit"),
    [
        ("github.com/o/r", "github.com/o/r", "v7", None),
        ("github.com/o/r@main", "github.com/o/r", "main", None),
        ("github.com/o/r/sub@v1", "github.com/o/r/sub", "v1", None),
        ("https://git.example.com/o/r@v1", "https://git.example.com/o/r", "v1", None),
        ("ssh://git@github.com/o/r@v1", "ssh://git@github.com/o/r", "v1", None),
        ("ssh://git@github.com/o/r", "ssh://git@github.com/o/r", "v7", None),
        (f"github.com/o/r@{'a' * 40}", "github.com/o/r", "a" * 40, "a" * 40),
    ],
)
def test_references(text: str, address: str, version: str, commit: str | None) -> None:
    found = ModuleReference.parse(text, "v7")
    assert (found.address, found.version, found.commit) == (address, version, commit)


@pytest.mark.parametrize("text", ["", "r", "o/r", "github.com/o/r@v1 x", 'github.com/o/r"@v1', "../r@v1"])
def test_what_names_no_module_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        ModuleReference.parse(text, "v7")
