"""Every example of the documents: it is run by a test, or at least the tools that it is for accept it."""

from __future__ import annotations

import argparse
import ast
import copy
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.cli.main import COMMANDS, _parse, build_command, shared_flags
from modelway.settings import load_settings
from tests.docs.conftest import BLOCKS, DOCUMENTS, ROOT, Block, commands_in
from tools.reference.functions import Function, read_module

RUN = {
    "docs/adopt.md": "tests/adopt/test_documents.py",
}
"""Documents of which a test runs commands, and that test: it names the headings that they stand below."""
RUN_WHOLE = {
    "docs/roll-out.md": "tests/docs/test_howto.py",
    "docs/score.md": "tests/docs/test_howto.py",
    "docs/serve.md": "tests/docs/test_howto.py",
    "docs/tutorial.md": "tests/docs/test_tutorial.py",
    "docs/watch.md": "tests/docs/test_howto.py",
}
"""Documents of which a test runs every command."""

LANGUAGES = {"sh", "text", "yaml", "json", "python"}
WORKFLOWS = ROOT / ".github" / "workflows"
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MODULE, FUNCTIONS = read_module()
CHAINED = {"export": {"--path"}, "up": {"--ports"}, "entries": set(), "sync": set(), "contents": set()}
"""What is called on the directory or the service that a function gives, with its flags; Dagger's own."""


def _is_script(block: Block) -> bool:
    return block.language == "sh" or bool(re.match(r"(?:[A-Z_]+=\S+ )*(?:modelway|dagger) ", block.text))


def _spans(path: Path) -> list[list[str]]:
    """The words of each code span of a document."""
    text = re.sub(r"^ *```.*?^ *```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [" ".join(span.split()).split(" ") for span in re.findall(r"`([^`]+)`", text)]


def of(*languages: str) -> list[Any]:
    found = [pytest.param(block, id=str(block)) for block in BLOCKS if block.language in languages]
    assert found, f"no block of {languages}: a test without a case passes"
    return found


def test_there_are_examples() -> None:
    assert len(BLOCKS) > 40
    assert {"README.md", "docs/adopt.md", "docs/reference/commands.md"} <= {block.document for block in BLOCKS}


def test_the_commands_that_are_checked_are_found() -> None:
    commands = [command for block in BLOCKS if _is_script(block) for command in commands_in(block.text)]
    called = Counter(command[0] for command in commands)
    assert called["modelway"] > 60, called
    assert called["dagger"] > 10, called
    assert {command[1] for command in commands if command[0] == "modelway"} >= {"train", "deploy", "serve", "verify"}
    assert CHECKS.keys() <= called.keys(), "no example runs a command that has a check: remove it"
    spans = [span for path in DOCUMENTS for span in _spans(path) if span[0] in {"modelway", "dagger"}]
    assert len(spans) > 50


def test_every_block_names_a_language_that_is_looked_at() -> None:
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []


@pytest.mark.parametrize("block", of("sh"))
def test_a_script_is_run_or_each_of_its_commands_is_known(block: Block) -> None:
    if block.document in RUN_WHOLE:
        assert Path(block.document).name in (ROOT / RUN_WHOLE[block.document]).read_text()
        return
    test = RUN.get(block.document)
    if test and f'"{block.heading}"' in (ROOT / test).read_text():
        return
    commands = commands_in(block.text)
    assert commands, f"{block}: no command is found in it: say ```text"
    for command in commands:
        check = CHECKS.get(command[0])
        assert check is not None, f"{block}: nobody runs {command[0]!r}, and nobody knows its arguments: say ```text"
        check(command)


@pytest.mark.parametrize("block", [one for one in of("sh", "text") if _is_script(one.values[0])])
def test_the_commands_exist_as_they_are_called(block: Block) -> None:
    commands = commands_in(block.text)
    assert commands, f"{block}: no command is found in it"
    for command in commands:
        if command[0] in {"modelway", "dagger"}:
            CHECKS[command[0]](command)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_named_in_passing_exists(path: Path) -> None:
    for words in _spans(path):
        span = " ".join(words)
        if words[0] == "modelway" and len(words) > 1 and re.fullmatch(r"[a-z-]+", words[1]):
            assert words[1] in COMMANDS, f"there is no {span}"
            flags = {word.partition("=")[0] for word in words[2:] if re.match(r"--[a-z]", word)}
            assert flags <= _flags_of(words[1]), span
        if words[:2] == ["dagger", "call"]:
            rest = _take(words[2:], {f"--{one.name}": one.kind for one in MODULE})
            if rest and re.fullmatch(r"[a-z-]+", rest[0]):
                functions = {function.name: function for function in FUNCTIONS}
                assert rest[0] in functions, f"there is no {span}"
                known = {f"--{one.name}" for one in functions[rest[0]].arguments} | {"--help", "--path"}
                assert {word.partition("=")[0] for word in rest[1:] if re.match(r"--[a-z]", word)} <= known, span


@pytest.mark.parametrize("block", of("yaml"))
def test_yaml_is_settings_or_a_workflow_or_a_manifest(block: Block, tmp_path: Path) -> None:
    held = yaml.safe_load(block.text)
    assert isinstance(held, dict)
    assert held
    if "apiVersion" in held:
        assert {"kind", "metadata"} <= held.keys()
    elif "jobs" in held:
        assert held["jobs"]
        for job in held["jobs"].values():
            _check_job(job)
    else:
        settings = yaml.safe_load((ROOT / "examples" / "loans" / "modelway.yaml").read_text())
        (tmp_path / "modelway.yaml").write_text(yaml.safe_dump(_laid(settings, held), sort_keys=False))
        load_settings(tmp_path / "modelway.yaml")


@pytest.mark.parametrize("block", of("json"))
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", of("python"))
def test_python_is_python(block: Block) -> None:
    ast.parse(block.text)


def _check_modelway(command: list[str]) -> None:
    """By the command's own parser, which ends the process where an argument is unknown or missing."""
    assert command[1] in COMMANDS or command[1].startswith("--"), f"there is no command {command[1]}"
    try:
        _parse(command[1:])
    except SystemExit as ended:
        assert ended.code == 0, " ".join(command)  # noqa: PT017 - an exit is no error


def _check_dagger(command: list[str]) -> None:
    """`dagger call [ARGUMENTS] FUNCTION [ARGUMENTS] [CHAINED ...]`."""
    if command[1] != "call":
        assert command[1] in {"check", "functions", "develop", "version"} or command[1].startswith("-"), command
        return
    rest = command[2:]
    if rest[0] in {"-m", "--mod"}:
        rest = rest[2:]
    kinds = {f"--{one.name}": one.kind for one in MODULE}
    rest = _take(rest, kinds)
    function = next((one for one in FUNCTIONS if one.name == rest[0]), None)
    assert function is not None, f"there is no function {rest[0]}: {' '.join(command)}"
    rest, given = _take_known(function, rest[1:])
    missing = {f"--{one.name}" for one in function.arguments if one.default == "required"} - given
    assert not missing or "--help" in rest, f"{' '.join(command)} lacks {missing}"
    while rest and rest != ["--help"]:
        assert rest[0] in CHAINED, f"{rest[0]} in {' '.join(command)}"
        rest = _take(rest[1:], dict.fromkeys(CHAINED[rest[0]], "str"))


def _take_known(function: Function, words: list[str]) -> tuple[list[str], set[str]]:
    kinds = {f"--{one.name}": one.kind for one in function.arguments}
    rest = _take(words, kinds)
    return rest, {word.partition("=")[0] for word in words[: len(words) - len(rest)]}


def _take(words: list[str], kinds: dict[str, str]) -> list[str]:
    """What is left behind the flags that the words begin with; each has to be known."""
    while words and words[0].startswith("--") and words[0] != "--help":
        flag, equals, _ = words[0].partition("=")
        assert flag in kinds, f"there is no {flag}; known are {', '.join(kinds)}"
        words = words[1:] if equals or kinds[flag] == "bool" else words[2:]
    return words


def _check_make(command: list[str]) -> None:
    assert {word for word in command[1:] if "=" not in word} <= TARGETS, command


def _check_gh(command: list[str]) -> None:
    """Workflows and events are there, and take these inputs."""
    inputs = [command[place + 1].partition("=")[0] for place, word in enumerate(command) if word in {"-f", "-F"}]
    if command[1:3] == ["workflow", "run"]:
        known = _inputs(command[3], "workflow_dispatch")
        assert set(inputs) <= known, f"{command[3]} takes {sorted(known)}"
        return
    assert command[1] == "api", command
    (event,) = [word.partition("=")[2] for word in command if word.startswith("event_type=")]
    heard = [
        path for path in WORKFLOWS.glob("*.yml") if event in _on(path).get("repository_dispatch", {}).get("types", ())
    ]
    assert len(heard) == 1, event
    for name in inputs:
        if payload := re.fullmatch(r"client_payload\[(.+)\]", name):
            assert f"client_payload.{payload[1]}" in heard[0].read_text()


def _check_curl(command: list[str]) -> None:
    """What is asked is a path that servers have."""
    (address,) = [word for word in command[1:] if word.startswith(("localhost", "http://localhost"))]
    path = "/" + address.removeprefix("http://").partition("/")[2]
    assert f'"{path}"' in (ROOT / "src" / "modelway" / "serve" / "app.py").read_text(), f"no server answers {path}"


CHECKS = {
    "curl": _check_curl,
    "modelway": _check_modelway,
    "dagger": _check_dagger,
    "make": _check_make,
    "gh": _check_gh,
    "exit": lambda command: None,
    ".": lambda command: None,
}


def _flags_of(command: str) -> set[str]:
    parser = argparse.ArgumentParser(parents=[shared_flags()])
    build_command(command, parser)
    return {option for action in parser._actions for option in action.option_strings}


def _check_job(job: dict[str, Any]) -> None:
    assert job.get("uses") or job.get("steps"), job
    if uses := job.get("uses"):
        name = uses.partition("@")[0].rpartition("/")[2]
        assert set(job.get("with", {})) <= _inputs(name, "workflow_call")
    for step in job.get("steps", ()):
        if "/modelway@" in step["uses"]:
            assert (
                {"call", "report"}
                <= set(step["with"])
                <= set(yaml.safe_load((ROOT / "action.yml").read_text())["inputs"])
            )


def _inputs(workflow: str, event: str) -> set[str]:
    return set((_on(WORKFLOWS / workflow)[event] or {}).get("inputs", ()))


def _on(path: Path) -> dict[str, Any]:
    workflow = yaml.safe_load(path.read_text())
    found: dict[str, Any] = workflow.get("on") or workflow[True]  # YAML 1.1 reads the key `on` as a boolean
    return found


def _laid(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The fragment laid over whole settings; a list or a record of another kind takes the other's place."""
    result = copy.deepcopy(below)
    for key, value in above.items():
        before = result.get(key)
        same = isinstance(before, dict) and isinstance(value, dict) and before.get("kind") == value.get("kind")
        result[key] = _laid(before, value) if same else value
    return result
