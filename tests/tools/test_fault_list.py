"""Lists of hand-made faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.mutants.__main__ import USAGE, main
from tools.mutants.faults import FaultError, read_faults
from tools.mutants.scratch import project_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = ("one", "sums.py", "value > LIMIT", "value >= LIMIT")


def test_read_faults_gives_the_lines_that_change(project: Path, fault_list: Callable[..., Path]) -> None:
    dropped = (
        "two",
        "sums.py",
        "        return LIMIT\n    return value",
        "        return LIMIT\n    value += 1\n    return value",
    )
    first, second = read_faults(fault_list(GOOD, dropped), project, set(project_files(project)))
    assert first.lines == {5}
    assert second.lines == {6, 7}
    assert first.diff.splitlines()[1:] == ["-    if value > LIMIT:", "+    if value >= LIMIT:"]
    assert first.key != second.key


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (("two", "sums.py", "LIMIT", "3"), "fault 'two': `old` occurs 3 times in src/modelway/sums.py"),
        (("two", "sums.py", "nowhere", "3"), "fault 'two': `old` occurs 0 times in src/modelway/sums.py"),
        (("two", "sums.py", "times -= 1", "times -= 1"), "fault 'two': `new` is the same as `old`"),
        (
            ("two", "sums.py", "times -= 1", "times -="),
            "fault 'two': not valid Python afterwards: invalid syntax, line 12",
        ),
        (("two", "gone.py", "times -= 1", "times"), "fault 'two': src/modelway/gone.py is not a file of the project"),
        (("two", "../../../faults.json", "a", "b"), "is not a file of the project"),
        (("one", "sums.py", "times -= 1", "times -= 2"), "fault 'one': the id occurs twice"),
    ],
)
def test_read_faults_names_the_entry_that_is_wrong(
    project: Path, fault_list: Callable[..., Path], fault: tuple[str, ...], said: str
) -> None:
    path = fault_list(GOOD, fault)
    with pytest.raises(FaultError) as caught:
        read_faults(path, project, set(project_files(project)))
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Invalid JSON"),
        ("{}", "the file: "),
        ('[{"id": "a"}]', "0.capability: Field required"),
        (None, "No such file"),
    ],
)
def test_faults_of_an_unusable_file_are_a_usage_error(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, said: str
) -> None:
    path = tmp_path / "faults.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert main(["--root", str(project), "faults", str(path)]) == USAGE
    assert said in capsys.readouterr().err


def test_faults_without_a_map_are_a_usage_error(
    project: Path, fault_list: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(project), "faults", str(fault_list(GOOD))]) == USAGE
    assert "make one with `make mutants-map`" in capsys.readouterr().err
