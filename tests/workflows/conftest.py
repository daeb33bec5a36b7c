"""Every workflow, read; its steps, run with a stand-in for `dagger`; and what the Dagger module offers."""

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
MODULE = ROOT / "ci" / "src"
COMMIT = "c0ffee" + "0" * 34
REPOSITORY = "octocat/loans"
API = "https://api.github.test"

# Notes how it was called, leaves what a call leaves, and ends as told.
_DAGGER = """#!/bin/bash
printf '%s\\0' "$@" > "$CALLED"
[[ -z $SUMMARY ]] || { mkdir -p reports && printf '%s' "$SUMMARY" > reports/summary.json; }
exit "$DAGGER_EXIT"
"""


@dataclass(frozen=True)
class Step:
    """One step of a job."""

    workflow: str
    job: dict[str, Any]
    told: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """Its variables, with GitHub's expressions in them."""
        found = {**self.job.get("env", {}), **self.told.get("env", {})}
        return {name: str(value) for name, value in found.items()}


@dataclass(frozen=True)
class Outcome:
    """What a step did: how it called `dagger`, and how it ended."""

    argv: list[str]
    exit_code: int
    output: str
    """What it told the jobs that follow."""
    said: str = ""
    """What it printed."""


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as a boolean.
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text())
    if True in workflow:
        workflow["on"] = workflow.pop(True)
    return workflow


def steps_of(path: Path) -> list[Step]:
    return [Step(path.name, job, step) for job in read(path)["jobs"].values() for step in job.get("steps", ())]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    steps = [step for path in WORKFLOWS for step in steps_of(path)]
    if "workflow" in metafunc.fixturenames:
        metafunc.parametrize("workflow", [read(path) for path in WORKFLOWS], ids=[path.name for path in WORKFLOWS])
    if "step" in metafunc.fixturenames:
        names = [f"{step.workflow}-{step.told.get('name') or step.told.get('uses')}" for step in steps]
        metafunc.parametrize("step", steps, ids=names)
    if "call" in metafunc.fixturenames:
        calls = [step for step in steps if "dagger call" in step.told.get("run", "")]
        metafunc.parametrize("call", calls, ids=[f"{step.workflow}-{step.told.get('name')}" for step in calls])


@pytest.fixture
def call_of() -> Any:
    """The one step of a workflow that calls `dagger`."""

    def find(workflow: str) -> Step:
        steps = steps_of(ROOT / ".github" / "workflows" / workflow)
        (call,) = [step for step in steps if "dagger call" in step.told.get("run", "")]
        return call

    return find


@pytest.fixture
def paths() -> list[Path]:
    assert WORKFLOWS
    return WORKFLOWS


@pytest.fixture
def run_step(tmp_path: Path) -> Any:
    """Run a step as a runner would: `bash --noprofile --norc -eo pipefail`, with these variables."""
    tools = tmp_path / "tools"
    tools.mkdir()
    dagger = tools / "dagger"
    dagger.write_text(_DAGGER)
    dagger.chmod(dagger.stat().st_mode | stat.S_IXUSR)

    def run(step: Step, variables: dict[str, str], summary: str = '{"exit_code": 0}', dagger_exit: int = 0) -> Outcome:
        assert step.told["shell"] == "bash"
        script = tmp_path / "step.sh"
        script.write_text(step.told["run"])
        called = tmp_path / "called"
        told = tmp_path / "output"
        for left in (called, told):
            left.unlink(missing_ok=True)
        environment = {
            **dict.fromkeys(step.environment, ""),
            **variables,
            "PATH": f"{tools}:{os.environ['PATH']}",
            "CALLED": str(called),
            "SUMMARY": summary,
            "DAGGER_EXIT": str(dagger_exit),
            "GITHUB_SHA": COMMIT,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_API_URL": API,
            "GITHUB_OUTPUT": str(told),
        }
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True, text=True)
        argv = called.read_text().split("\0")[:-1] if called.exists() else []
        return Outcome(argv, ended.returncode, told.read_text() if told.exists() else "", ended.stdout)

    return run


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
