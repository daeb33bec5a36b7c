"""The map from a line to the tests that run it, made by a run of the tests with coverage contexts."""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import coverage

from tools.mutants import recording
from tools.mutants.scratch import copies, project_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

# What is mapped: the package, and the Dagger module.
CODE = ("src/modelway", "ci/src/modelway_ci")

_CONFIGURATION = """\
[run]
source =
    {source}
data_file = {data}
parallel = true
patch = fork, _exit
context = ${{{context}-}}
"""


@dataclass(frozen=True)
class Test:
    """A test as a map run saw it."""

    name: str
    seconds: float
    passed: bool
    fixtures: frozenset[str]


def make_map(root: Path, maps: Path, tests: Sequence[str], options: Sequence[str]) -> Path:
    """Run tests (all quick ones if none are named) with coverage contexts in a copy; return the new map's folder."""
    folder = maps / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    with copies(root, 1) as (copy,):
        records, data = copy.temporary.parent / "records", copy.temporary.parent / "coverage"
        records.mkdir()
        data.mkdir()
        code = [name for name in CODE if (copy.root / name).is_dir()]
        configuration = copy.temporary.parent / "coverage.ini"
        configuration.write_text(
            _CONFIGURATION.format(
                source="\n    ".join(str(copy.root / name) for name in code),
                data=data / "c",
                context=recording.CONTEXT,
            ),
            encoding="utf-8",
        )
        command = [str(copy.python), "-m", "pytest", "-p", "tools.mutants.recording", "-p", "no:cacheprovider", "-q"]
        variables = copy.variables(COVERAGE_PROCESS_START=str(configuration), **{recording.FOLDER: str(records)})
        subprocess.run([*command, *options, *tests], cwd=copy.root, env=variables, check=False)
        unfinished = folder.with_name(f".{folder.name}")
        unfinished.mkdir(parents=True)
        _combine(data, unfinished / "lines.sqlite")
        with (unfinished / "tests.jsonl").open("w", encoding="utf-8") as file:
            for part in sorted(records.iterdir()):
                file.write(part.read_text(encoding="utf-8"))
        for name in project_files(copy.root):
            if name.startswith(tuple(f"{one}/" for one in code)) and name.endswith(".py"):
                kept = unfinished / "code" / name
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(copy.root / name, kept)
        (unfinished / "root").write_text(str(copy.root), encoding="utf-8")
    unfinished.rename(folder)
    return folder


def _combine(parts: Path, target: Path) -> None:
    whole = coverage.CoverageData(str(target))
    for part in sorted(parts.iterdir()):
        one = coverage.CoverageData(str(part))
        try:
            one.read()
            whole.update(one)
        except coverage.CoverageException as error:  # a killed process left half a file
            print(f"skipping {part.name}: {error}")
    whole.write()


@dataclass
class _Run:
    """One run of tests with the lines that they executed, as the code was then."""

    folder: Path
    _translated: dict[str, dict[int, int]] = field(default_factory=dict)

    @cached_property
    def tests(self) -> dict[str, Test]:
        found = {}
        for line in (self.folder / "tests.jsonl").read_text(encoding="utf-8").splitlines():
            one = json.loads(line)
            found[one["test"]] = Test(one["test"], one["seconds"], one["passed"], frozenset(one["fixtures"]))
        return found

    @cached_property
    def _data(self) -> coverage.CoverageData:
        data = coverage.CoverageData(str(self.folder / "lines.sqlite"))
        data.read()
        return data

    @cached_property
    def _root(self) -> str:
        return (self.folder / "root").read_text(encoding="utf-8")

    def contexts(self, file: str) -> dict[int, list[str]]:
        """Return the contexts of each line of a file, by the file's lines of then."""
        return self._data.contexts_by_lineno(f"{self._root}/{file}")

    def then(self, file: str, text: str) -> dict[int, int]:
        """Return, for each line of the text that the file has now, the line that it was when the tests ran."""
        if file not in self._translated:
            kept = self.folder / "code" / file
            before = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
            blocks = difflib.SequenceMatcher(None, before, text.splitlines(), autojunk=False).get_matching_blocks()
            self._translated[file] = {
                block.b + offset + 1: block.a + offset + 1 for block in blocks for offset in range(block.size)
            }
        return self._translated[file]


class Map:
    """All map runs of a folder: of each test, the newest run that it was part of counts."""

    def __init__(self, maps: Path) -> None:
        folders = sorted(path for path in maps.glob("[0-9]*") if path.is_dir()) if maps.is_dir() else []
        self._runs = [_Run(folder) for folder in folders]
        self.tests: dict[str, Test] = {}
        self._newest: dict[str, _Run] = {}
        for run in self._runs:
            for name, test in run.tests.items():
                self.tests[name], self._newest[name] = test, run
        self._users: dict[tuple[int, str], list[str]] = {}
        for name, test in self.tests.items():
            for fixture in test.fixtures:
                self._users.setdefault((id(self._newest[name]), fixture), []).append(name)

    def tests_of(self, file: str, text: str, lines: Iterable[int]) -> tuple[set[str], set[str]]:
        """Return the tests that run any of the lines on their own, and those that do by a fixture they share."""
        direct: set[str] = set()
        shared: set[str] = set()
        for run in self._runs:
            contexts, then = run.contexts(file), run.then(file, text)
            for context in {one for line in lines for one in contexts.get(then.get(line, 0), ())}:
                # A process that a test's process forked has its context twice: "static|dynamic".
                for part in context.split("|") if context not in self.tests else [context]:
                    if part.startswith(recording.FIXTURE):
                        shared.update(self._users.get((id(run), part), ()))
                    elif self._newest.get(part) is run:
                        direct.add(part)
        return direct, shared - direct
