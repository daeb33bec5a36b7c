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

SAMPLE = "7"


def test_actions_are_pinned_by_commit_and_say_their_version(paths: list[Path]) -> None:
    for path in paths:
        for line in path.read_text().splitlines():
            if re.match(r"\s*(- )?uses:", line) and "uses: ./" not in line:
                assert re.search(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), f"{path.name}: {line}"


def test_no_expression_stands_in_a_script(step: Any) -> None:
    assert "${{" not in step.told.get("run", "")


def test_permissions_are_named_and_write_is_never_general(workflow: dict[str, Any]) -> None:
    general = workflow["permissions"]
    assert isinstance(general, dict)
    assert set(general.values()) <= {"read", "none"}
    for job in workflow["jobs"].values():
        assert isinstance(job.get("permissions", {}), dict)


def test_every_job_ends_some_time(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 360


def test_runs_of_one_branch_or_environment_do_not_meet(workflow: dict[str, Any]) -> None:
    places = [job["environment"]["name"] for job in workflow["jobs"].values() if "environment" in job]
    assert (places or ["${{ github.ref }}"])[0] in workflow["concurrency"]["group"]


def test_checkout_leaves_no_credentials(step: Any) -> None:
    if "actions/checkout@" in step.told.get("uses", ""):
        assert step.told["with"]["persist-credentials"] is False


def test_what_was_exported_is_kept_whatever_happened(step: Any) -> None:
    if "actions/upload-artifact@" in step.told.get("uses", ""):
        assert step.told["if"] == "always()"


def test_the_dagger_action_installs_the_pinned_version_and_does_no_more(step: Any, paths: list[Path]) -> None:
    if "dagger/dagger-for-github@" in step.told.get("uses", ""):
        assert step.told["with"] == {"version": "v0.21.8"}


def test_a_job_has_one_call_and_no_other_script(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"].values():
        scripts = [step["run"] for step in job.get("steps", ()) if "run" in step]
        assert [script.count("dagger call") for script in scripts] in ([], [1])


def test_secrets_go_into_variables_of_the_step_that_needs_them(workflow: dict[str, Any]) -> None:
    assert "secrets." not in str(workflow.get("env", {}))
    for job in workflow["jobs"].values():
        assert "secrets." not in str(job.get("env", {}))


@pytest.mark.parametrize("value", ["", SAMPLE], ids=["bare", "everything given"])
def test_a_call_names_a_function_and_arguments_that_exist(
    call: Any, run_step: Any, module: dict[str, set[str]], value: str
) -> None:
    argv = run_step(call, dict.fromkeys(call.environment, value)).argv
    assert argv[0] == "call"
    name = next((word for word in argv[1:] if word in module), None)
    assert name is not None, argv
    before, after = argv[1 : argv.index(name)], argv[argv.index(name) + 1 : argv.index("export")]
    assert flags(before) <= module[""]
    assert flags(after) <= module[name]


def flags(words: list[str]) -> set[str]:
    return {word.removeprefix("--").partition("=")[0] for word in words if word.startswith("--")}


def test_secrets_are_passed_by_name(call: Any, run_step: Any) -> None:
    secrets = {name: f"secret-{name}" for name, value in call.environment.items() if "secrets." in value}
    argv = run_step(call, secrets).argv
    assert not set(secrets.values()) & set(argv)
    assert {f"env://{name}" for name in secrets} <= set(argv)


def test_a_hostile_input_stays_one_word(call: Any, run_step: Any, tmp_path: Path) -> None:
    hostile = f"$(touch {tmp_path}/owned) `touch {tmp_path}/owned`; touch {tmp_path}/owned; * \"'"
    bare = run_step(call, {}).argv
    for name in [name for name, value in call.environment.items() if "secrets." not in value]:
        added = [word for word in run_step(call, {name: hostile}).argv if word not in bare]
        assert added[1:] in ([], [hostile], [f"env://{name}"]), name
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("summary", "dagger_exit", "exit_code"),
    [
        ('{"exit_code": 0}', 0, 0),
        ('{"exit_code": 4}', 0, 4),
        ('{"exit_code": 5}', 0, 5),
        ('{"exit_code": 0}', 1, 1),
        ('{"exit_code": 0}', 137, 137),
    ],
)
def test_a_step_ends_with_the_stages_code(
    call: Any, run_step: Any, summary: str, dagger_exit: int, exit_code: int
) -> None:
    assert run_step(call, {}, summary, dagger_exit).exit_code == exit_code


@pytest.mark.parametrize("summary", ["", "{}", "{", '{"exit_code": "none"}'])
def test_without_a_summary_a_step_is_red(call: Any, run_step: Any, summary: str) -> None:
    assert run_step(call, {}, summary).exit_code != 0


def test_actionlint_finds_nothing(paths: list[Path]) -> None:
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip("actionlint is not on the PATH: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12")
    found = subprocess.run([actionlint, "-no-color", *map(str, paths)], capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("", 0)


def test_workflows_fit_the_published_schema(paths: list[Path]) -> None:
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip("check-jsonschema is not installed")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    found = subprocess.run([*command, *map(str, paths)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout
