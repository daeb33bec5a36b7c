"""docs/tutorial.md: every command of it in one shell, in its order, and what it shows of what they print."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DECIMAL = re.compile(r"-?\d+\.\d+")
TOLERANCE = 0.02
"""How far a decimal of the text may be from the one that is printed: models differ a little from machine to machine."""


@dataclass
class Step:
    """A block of commands, and what the text shows of their output."""

    commands: str
    shown: list[str]


def steps(part: str) -> list[Step]:
    found: list[Step] = []
    for language, body in BLOCK.findall(part):
        if language == "sh":
            found.append(Step(body, []))
        else:
            assert language == "text", f"nobody runs {language!r}"
            found[-1].shown += body.splitlines()
    return found


def chapters() -> list[str]:
    body = TEXT.split("\n## Solutions\n", 1)[0]
    return body.split("\n## ")


def solutions() -> dict[int, str]:
    parts = TEXT.split("\n## Solutions\n", 1)[1].split("\n### Solution ")[1:]
    return {int(part.partition(".")[0]): part for part in parts}


def in_order(until: int) -> list[Step]:
    """The steps up to a chapter, each chapter's with those of its solution."""
    solved = solutions()
    return [
        step
        for number, chapter in enumerate(chapters()[: until + 1])
        for step in steps(chapter) + steps(solved.get(number, ""))
    ]


def test_every_chapter_has_an_exercise_and_every_exercise_its_solution() -> None:
    asked = [int(number) for number in re.findall(r"^\*Exercise (\d+)\.\*", TEXT, re.MULTILINE)]
    assert asked == list(range(1, len(chapters())))
    assert list(solutions()) == asked
    assert all(steps(part) for part in solutions().values())


def test_every_output_is_of_commands_right_before_it() -> None:
    languages = [language for language, _ in BLOCK.findall(TEXT)]
    assert set(languages) == {"sh", "text"}
    assert all(languages[at - 1] == "sh" for at, language in enumerate(languages) if language == "text")


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        ("roc_auc 0.731", "  roc_auc   0.7309, more", True),
        ("roc_auc 0.731", "roc_auc 0.78", False),
        ("version 1", "version 2", False),
        ("a ... c", "a b c", True),
        ("a ... c", "a b", False),
    ],
)
def test_how_lines_are_compared(shown: str, printed: str, fits: bool) -> None:
    assert (missing([shown], printed) is None) is fits


def test_lines_have_to_come_in_their_order() -> None:
    assert missing(["one", "two"], "one\ntwo") is None
    assert missing(["one", "two"], "two\none") == "two"


def missing(shown: list[str], printed: str) -> str | None:
    """The first line of the text that is not printed, after those before it."""
    lines = iter(printed.splitlines())
    for wanted in shown:
        if not any(fits(wanted, line) for line in lines):
            return wanted
    return None


def fits(wanted: str, line: str) -> bool:
    """Whether a line shows what is wanted: the same but for spaces, `...` and the last places of decimals."""
    pattern = re.escape(" ".join(DECIMAL.sub("@@", wanted).split()))
    pattern = pattern.replace("@@", "(-?[0-9]+[.][0-9]+)").replace(re.escape("..."), ".*")
    found = re.search(pattern, " ".join(line.split()))
    if found is None:
        return False
    pairs = zip(DECIMAL.findall(wanted), found.groups(), strict=True)
    return all(abs(float(one) - float(other)) <= TOLERANCE for one, other in pairs)


def run(folder: Path, todo: list[Step]) -> None:
    """Run the steps in one shell, as their reader does, and compare what each of them printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment = {**known, "PATH": f"{sysconfig.get_path('scripts')}:{known['PATH']}"}
    mark = "@@ step"
    ending = "for job in $(jobs -p); do kill $job; done; [ ! -e modelway.yaml ] || modelway stop --env local || true"
    script = ["set -euo pipefail", f"trap '{ending}' EXIT"]
    for step in todo:
        commands = step.commands.replace("localhost:8080", f"127.0.0.1:{port}")
        script += [
            f"echo '{mark}'",
            commands.replace('"localhost", 8080', f'"127.0.0.1", {port}').replace("8080", str(port)),
        ]
    script.append(f"echo '{mark}'")
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    printed = done.stdout.split(f"{mark}\n")[1:]
    lacking = [
        f"{lacks!r} is not among what this printed:\n{step.commands}\n{said}"
        for step, said in zip(todo, printed, strict=False)
        if (lacks := missing(step.shown, said)) is not None
    ]
    assert not lacking, "\n".join(lacking)
    assert done.returncode == 0, done.stdout[-4000:]
    assert len(printed) == len(todo) + 1


@pytest.mark.slow
def test_to_the_first_model(tmp_path: Path) -> None:
    run(tmp_path, in_order(1) + steps(chapters()[2]))


@pytest.mark.slow
@pytest.mark.exhaustive  # it takes minutes: a rollout is watched, and four models are trained
def test_from_an_empty_folder_to_a_rollback(tmp_path: Path) -> None:
    run(tmp_path, in_order(len(chapters()) - 1))
