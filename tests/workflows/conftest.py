"""Every workflow, read; our action's steps, run as processes; and what the Dagger module offers."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
MODULE = ROOT / "ci" / "src"
COMMIT = "c0ffee" + "0" * 34
REPOSITORY = "octocat/loans"
RUN_URL = "https://github.test/octocat/loans/actions/runs/9"
GITHUB = {"server_url": "https://github.test", "repository": REPOSITORY, "run_id": "9", "token": "automatic"}

# Notes how it was called and with which secrets, leaves what a call leaves, and ends as told.
_DAGGER = """#!/bin/bash
printf '%s\\0' "$@" > "$CALLED"
for word in "$@"; do
  [[ $word != env://* ]] || { name=${word#env://}; printf '%s=%s\\n' "$name" "${!name?unset}" >> "$CALLED.secrets"; }
done
[[ -z $SUMMARY ]] || { mkdir -p reports && printf '%s' "$SUMMARY" > reports/summary.json; }
exit "$DAGGER_EXIT"
"""


@dataclass(frozen=True)
class Call:
    """The step of a job that uses our action."""

    workflow: str
    job: dict[str, Any]
    given: dict[str, str]
    """What it hands to the action, with GitHub's expressions in it."""


@dataclass(frozen=True)
class Outcome:
    """What a step of the action did."""

    argv: list[str]
    exit_code: int
    said: str
    """What it printed."""
    output: str = ""
    """What it told the steps that follow."""
    page: str = ""
    """What it put on the run's page."""
    secrets: str = ""
    """The secrets that the call named, with their values."""


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as a boolean.
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text())
    if True in workflow:
        workflow["on"] = workflow.pop(True)
    return workflow


def steps_of(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", ())]


def calls_of(path: Path) -> list[Call]:
    return [
        Call(path.name, job, {name: str(value) for name, value in step["with"].items()})
        for job in read(path)["jobs"].values()
        for step in job.get("steps", ())
        if step.get("uses") == "./"
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "workflow" in metafunc.fixturenames:
        metafunc.parametrize("workflow", [read(path) for path in WORKFLOWS], ids=[path.name for path in WORKFLOWS])
    if "step" in metafunc.fixturenames:
        steps = [(path.name, step) for path in WORKFLOWS for step in steps_of(path)]
        steps += [("action.yml", step) for step in ACTION["runs"]["steps"]]
        names = [f"{name}-{step.get('name') or step.get('uses')}" for name, step in steps]
        metafunc.parametrize("step", [step for _, step in steps], ids=names)
    if "call" in metafunc.fixturenames:
        calls = [call for path in WORKFLOWS for call in calls_of(path)]
        metafunc.parametrize("call", calls, ids=[call.workflow for call in calls])


@pytest.fixture(scope="session")
def action() -> dict[str, Any]:
    found: dict[str, Any] = ACTION
    return found


@pytest.fixture
def read_workflow() -> Any:
    """A workflow by its file's name."""
    return lambda name: read(ROOT / ".github" / "workflows" / name)


@pytest.fixture
def call_of() -> Any:
    """The one step of a workflow that uses our action."""

    def find(workflow: str) -> Call:
        (call,) = calls_of(ROOT / ".github" / "workflows" / workflow)
        return call

    return find


@pytest.fixture
def paths() -> list[Path]:
    assert WORKFLOWS
    return WORKFLOWS


@pytest.fixture
def run_action(tmp_path: Path) -> Any:
    """Run a step of the action with inputs, as a runner would: `bash --noprofile --norc -eo pipefail`."""
    tools = tmp_path / "tools"
    tools.mkdir()
    dagger = tools / "dagger"
    dagger.write_text(_DAGGER)
    dagger.chmod(dagger.stat().st_mode | stat.S_IXUSR)

    def run(
        name: str, inputs: dict[str, str], summary: str = '{"exit_code": 0}', dagger_exit: int = 0, **variables: str
    ) -> Outcome:
        (step,) = [one for one in ACTION["runs"]["steps"] if one.get("id") == name or one.get("run", "").endswith(name)]
        assert step["shell"] == "bash"
        places = {one: tmp_path / one for one in ("called", "called.secrets", "output", "page")}
        for place in places.values():
            place.unlink(missing_ok=True)
        environment = {
            **{key: evaluate(str(value), inputs) for key, value in step["env"].items()},
            "PATH": f"{tools}:{os.environ['PATH']}",
            "CALLED": str(places["called"]),
            "SUMMARY": summary,
            "DAGGER_EXIT": str(dagger_exit),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_SHA": COMMIT,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": "https://api.github.test",
            "GITHUB_WORKFLOW": "Train",
            "GITHUB_EVENT_NAME": "workflow_dispatch",
            "GITHUB_RUN_NUMBER": "12",
            "RUNNER_ENVIRONMENT": "github-hosted",
            "GITHUB_OUTPUT": str(places["output"]),
            "GITHUB_STEP_SUMMARY": str(places["page"]),
            **variables,
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
        called, secrets, output, page = (place.read_text() if place.exists() else "" for place in places.values())
        return Outcome(called.split("\0")[:-1], ended.returncode, ended.stdout + ended.stderr, output, page, secrets)

    return run


def evaluate(text: str, inputs: dict[str, str]) -> str:
    """A value of action.yml with its expressions evaluated: names, and `||` between them."""

    def lookup(name: str) -> str:
        context, _, key = name.partition(".")
        if context == "inputs":
            return inputs.get(key, str(ACTION["inputs"][key].get("default", ""))).replace(
                "${{ github.token }}", "automatic"
            )
        return inputs.get(key, "") if context == "steps" else GITHUB.get(key, "")

    def expression(match: re.Match[str]) -> str:
        return next((found for name in match[1].split("||") if (found := lookup(name.strip()))), "")

    return re.sub(r"\$\{\{ (.*?) \}\}", expression, text)


@pytest.fixture(scope="session")
def module() -> dict[str, set[str]]:
    """The functions of the Dagger module with their arguments, as the command line spells them; "" is the constructor.

    Read from the source: an engine would tell the same, where there is one.
    """
    if not (ROOT / "dagger.json").is_file():
        pytest.skip("the Dagger module is not there")
    name = "".join(word.capitalize() for word in json.loads((ROOT / "dagger.json").read_text())["name"].split("-"))
    for path in sorted(MODULE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return _functions(node, _aliases(tree))
    raise AssertionError(f"{MODULE} holds no class {name}")


def _functions(module: ast.ClassDef, aliases: dict[str, str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {"": set()}
    for node in module.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[""].add(_spelled(node.target.id, node.annotation, aliases))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_offered(node, aliases):
            arguments = (*node.args.args[1:], *node.args.kwonlyargs)
            found[_kebab(node.name)] = {_spelled(one.arg, one.annotation, aliases) for one in arguments}
    return found


def _is_offered(node: ast.FunctionDef | ast.AsyncFunctionDef, aliases: dict[str, str]) -> bool:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return any(aliases.get(text, text).startswith("function") for text in decorators)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """The annotations and decorators that have a name of their own."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found[ast.unparse(target)] = ast.unparse(node.value)
    return found


def _spelled(name: str, annotation: ast.expr | None, aliases: dict[str, str]) -> str:
    """An argument's name, or the one that `Name("...")` in its annotation gives it."""
    text = ast.unparse(annotation) if annotation else ""
    given = re.search(r"\bName\('([^']+)'\)", aliases.get(text, text))
    return given[1] if given else _kebab(name)


def _kebab(name: str) -> str:
    return name.replace("_", "-")
