"""What each function of the Dagger module has the engine run, and what of it is never cached, without an engine.

`recorded_calls.yaml` is the table. A recording shows what the engine is requested to do, not what it does. That is
asserted on a real engine, in tests/ci/engine:

- what is `cached` does not run again: test_ci, test_every_part_passes_and_leaves_its_reports_and_nothing_runs_twice
- `by registry`: test_train, test_what_is_the_champion_already_only_looks_at_the_registry
- `never`: deploy and smoke (test_deliver), monitor (test_monitor), prepare with data on S3 (test_outside), and the
  request to the advisory service (test_ci, test_advisories_that_can_not_be_had_end_with_6_and_are_asked_for_again)

No test on an engine asserts `by day`, nor that release, package, reproduce, batch, flags and status run each time: for
these the recording is all there is. Nor does any use --gpus or --kubeconfig.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml

from modelway_ci.main import Modelway
from modelway_ci.refusal import RefusalError
from modelway_ci.summary import FAIL

from .recording import Engine, Node, given, image_of, record

ROWS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "recorded_calls.yaml").read_text(encoding="utf-8"))
FUNCTIONS = {name: one for name, one in vars(Modelway).items() if callable(one) and hasattr(one, "__dagger_function__")}
SIDE_BY_SIDE = {"ci", "train"}
"""Functions whose steps run at once, in no order."""
SHORT = {
    "{source}": "--config /work/source/modelway.yaml",
    "{project}": "--config /work/project/modelway.yaml",
    "{artifact}": "/work/out/artifact",
    "{pushed}": f"sha256:{'b' * 64}",
    "{embedded}": "--set register.tracking_uri=sqlite:///.modelway/mlflow.db"
    " --set register.artifact_location=.modelway/mlartifacts",
    "{all_images}": " | from own/base:1 mirror/uv:1 @ca",
    "{host}": " ".join(
        f"--set environments.staging.{one}"
        for one in (
            "s3.endpoint_url=http://s3:5000", "target.endpoint_url=http://ecs:5000", "url=http://served:5000",
            "s3.path_style=true",
        )
    ),
    "{store}": "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN",
    "{server}": "MLFLOW_S3_ENDPOINT_URL=http://s3:5000 MLFLOW_TRACKING_PASSWORD MLFLOW_TRACKING_TOKEN"
    " MLFLOW_TRACKING_URI=http://mlflow:5000 MLFLOW_TRACKING_USERNAME",
    "{stand_ins}": " ".join(
        f"--set environments.staging.{one}"
        for one in (
            "image.repository=localhost:5000/rehearsal", "image.login=true", "state=s3://rehearsal/staging",
            "flags=null", "log=null", "target.cluster=rehearsal", "target.service=model", "target.container=null",
            "target.task_definition=null", "target.region=us-east-1", "wait.poll_seconds=0.5",
        )
    ),
}  # fmt: skip
CHANGES_THE_WORLD = {
    "register", "reproduce", "release", "package", "deploy", "rollout", "smoke", "rollback", "flags", "status", "batch",
    "monitor",
}  # fmt: skip
"""Commands that change something outside of the engine, or report what changes there."""


SECRETS = {
    "AWS_ACCESS_KEY_ID": "@id", "AWS_SECRET_ACCESS_KEY": "@key", "AWS_SESSION_TOKEN": "@session",
    "MLFLOW_TRACKING_USERNAME": "@user", "MLFLOW_TRACKING_PASSWORD": "@password", "MLFLOW_TRACKING_TOKEN": "@token",
    "MLFLOW_TRACKING_URI": "@uri", "GITHUB_TOKEN": "@github_token", "SLACK_WEBHOOK": "@slack",
    "MODELWAY_REGISTRY_TOKEN": "@registry_token",
}  # fmt: skip
"""Which secret each variable holds, in all rows."""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return record(monkeypatch)


def call(engine: Engine, row: dict[str, Any]) -> Node:
    """Call a row's function as the SDK would; gives its answer."""

    def made(value: Any) -> Any:
        if isinstance(value, list):
            return [made(one) for one in value]
        return given(engine, value[1:]) if isinstance(value, str) and value.startswith("@") else value

    engine.settings = row.get("settings", engine.settings)
    engine.absent -= set(row.get("present", ()))
    source, package = given(engine, "source"), given(engine, "package")
    module: Any = Modelway(source=source, modelway=package, **{k: made(v) for k, v in row.get("module", {}).items()})

    async def work() -> Any:
        return await getattr(module, row["function"])(
            **{name: made(value) for name, value in row.get("given", {}).items()}
        )

    answer: Node = anyio.run(work)
    return answer


def told(engine: Engine) -> list[str]:
    return [
        f"{one.kept}{', report kept' if one.leaves_report else ''}: {' '.join(one.words)}{one.stage} | {one.mounts}"
        f"{' | ' if one.variables else ''}{one.variables}{' | from ' if one.made_from else ''}{one.made_from}"
        for one in engine.ran
    ]


def whole(line: str) -> str:
    for short, text in SHORT.items():
        line = line.replace(short, text)
    return line


@pytest.mark.parametrize("row", [pytest.param(one, id=f"{at}-{one['function']}") for at, one in enumerate(ROWS)])
def test_a_function_runs_these_commands_and_caches_no_others(row: dict[str, Any], engine: Engine) -> None:
    answer = call(engine, row)
    found, wanted = told(engine), [whole(line) for line in row["runs"]]
    assert (sorted(found) if row["function"] in SIDE_BY_SIDE else found) == wanted
    assert engine.pushed == row.get("pushed", [])
    built = [answer] if row["function"] in {"image", "serve"} else engine.built
    assert [image_of(one) for one in built] == row.get("images", [])
    for one in engine.ran:
        # A rehearsal makes secrets of its own.
        given_on = {name: what for name, what in one.secrets.items() if what.startswith("@")}
        assert given_on.items() <= SECRETS.items()
        assert one.kept == "never" or not (one.words[0] in CHANGES_THE_WORLD or one.leaves_report)
        assert one.kept == "never" or not one.depends_on_runs, "artifacts are known by how they were made"


@pytest.mark.parametrize("row", [pytest.param(one, id=f"{at}-{one['function']}") for at, one in enumerate(ROWS)])
def test_a_function_answers_with_the_exit_code_of_each_command_and_changes_nothing_after_it(
    row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = record(monkeypatch)
    call(engine, row)
    for number, command in enumerate(engine.ran):
        if command.words[0] == "cat" or "--ask" in command.words:
            continue
        if (row["function"], command.words[0]) == ("rehearse", "pull"):
            continue  # its deploy reads the same registry, and reports what is wrong with it
        failing = record(monkeypatch)
        failing.ends = {number: 3}
        try:
            code = exit_code(call(failing, row))
        except RefusalError as error:
            code = error.exit_code
        assert code == 3, command.words
        assert failing.ran[number].words == command.words
        later = {one.words[0] for one in failing.ran[number + 1 :]}
        assert not later & CHANGES_THE_WORLD, command.words
        assert not failing.pushed or command.words[0] != "deploy" or "--bundles" not in command.words


def exit_code(answer: Node) -> int:
    """The exit code of what a function answers."""
    last = answer.chain[-1]
    failing = last.given[1] if last.name == "with_directory" else answer
    steps = [one.given[0] for one in failing.chain if one.name == "with_exec" and FAIL in one.given[0]]
    if steps:
        return int(steps[-1][-1])
    records = [one.given[1] for one in answer.chain if one.name == "with_new_file" and one.given[0] == "summary.json"]
    return int(json.loads(records[-1])["exit_code"])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_and_each_of_its_arguments_has_a_row(name: str) -> None:
    arguments = set(inspect.signature(FUNCTIONS[name]).parameters) - {"self"}
    assert {one for row in ROWS if row["function"] == name for one in row.get("given", {})} == arguments
    assert FUNCTIONS[name].__dagger_function__.cache == "never"


def test_each_option_of_the_module_has_a_row() -> None:
    assert {one for row in ROWS for one in row.get("module", {})} == set(Modelway.__annotations__) - {
        "source",
        "modelway",
    }


def test_each_command_that_changes_the_world_has_a_row_with_the_engines_own_registry() -> None:
    """Whose state keeps what only reads it: the same is never so for these."""
    lines = [line for row in ROWS for line in row["runs"] if "{embedded}" in line]
    assert {line.partition(": ")[2].split(" ")[0] for line in lines} - {"pull"} == CHANGES_THE_WORLD


def test_what_is_never_cached_has_another_value_in_each_call(engine: Engine) -> None:
    row = next(one for one in ROWS if one["function"] == "rollback")
    call(engine, row)
    call(engine, row)
    first, second = engine.ran
    assert first.words == second.words
    assert first.chain != second.chain


def test_what_is_cached_is_the_same_in_each_call(engine: Engine) -> None:
    row = next(one for one in ROWS if one["function"] == "fit")
    call(engine, row)
    call(engine, row)
    first, second = engine.ran
    assert first == second
