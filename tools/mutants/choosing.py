"""Chooses the tests near a fault: those that ran its lines, fastest files first."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.mutants.mapping import CODE, Map, Test

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# What a test is taken to need if no map run has seen it.
_UNKNOWN_SECONDS = 2.0


@dataclass(frozen=True)
class Chosen:
    """The tests to run against a fault, how they were chosen, and how many more there are."""

    tests: Sequence[Test]
    reason: str
    cut: int


class Chooser:
    """Chooses tests by the map, for code as it stands in a folder."""

    def __init__(self, root: Path, maps: Path) -> None:
        self._root = root
        self._map = Map(maps)
        self._texts = {
            str(path.relative_to(root)): path.read_text(encoding="utf-8")
            for folder in CODE
            for path in sorted((root / folder).rglob("*.py"))
        }

    def near(self, file: str, lines: Iterable[int], limit: float) -> Chosen:
        """Return tests near the lines of a file that take up to `limit` seconds together (0: all of them)."""
        text = self._texts.get(file, "")
        wanted = set(lines)
        inside = {line for line in wanted if line in _lines_in_functions(text)}
        direct, shared = self._map.tests_of(file, text, inside)
        reason = "run the line"
        if not direct | shared:
            direct, shared = self._by_name(file, text, wanted - inside)
            reason = "run lines that name what the line defines"
        if not direct | shared:
            direct, shared = self._map.tests_of(file, text, _lines_in_functions(text))
            reason = "run the file, and none the line"
        if not direct | shared:
            direct, reason = self._folder(file), "are of the folder, and none runs the line"
        parts = _parts(file)
        tests = sorted(
            (
                test
                for test in map(self._known, direct | shared)
                if test.passed and (self._root / _file(test)).is_file()
            ),
            key=lambda test: (test.name not in direct, _subject(test.name) not in parts, test.seconds, test.name),
        )
        kept: list[Test] = []
        seconds = 0.0
        for test in tests:
            seconds += test.seconds
            if not limit or seconds <= limit or not kept:
                kept.append(test)
        return Chosen(_grouped(kept), reason, len(tests) - len(kept))

    def _known(self, name: str) -> Test:
        return self._map.tests.get(name) or Test(name, _UNKNOWN_SECONDS, True, frozenset())

    def _by_name(self, file: str, text: str, lines: set[int]) -> tuple[set[str], set[str]]:
        # A file that is not Python, as a template, is named by the code that reads it.
        names = _defined_names(text, lines) if file in self._texts else {Path(file).name}
        direct: set[str] = set()
        shared: set[str] = set()
        if names:
            pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, sorted(names)))})(?!\w)")
            for other, content in self._texts.items():
                inside = _lines_in_functions(content) if pattern.search(content) else set()
                mentions = [n for n, line in enumerate(content.splitlines(), 1) if n in inside and pattern.search(line)]
                found = self._map.tests_of(other, content, mentions)
                direct |= found[0]
                shared |= found[1]
        return direct, shared - direct

    def _folder(self, file: str) -> set[str]:
        parts = _parts(file)
        return {name for name in self._map.tests if _subject(name) in parts}


def _file(test: Test) -> str:
    return test.name.partition("::")[0]


def _parts(file: str) -> set[str]:
    """Return the names of the folders of a file, and its own without the suffix."""
    return set(Path(file).with_suffix("").parts)


def _subject(test: str) -> str:
    """Return what a test is about: the folder below `tests`, or its file there."""
    return Path(test.partition("::")[0]).parts[1].removeprefix("test_").removesuffix(".py")


def _grouped(tests: Sequence[Test]) -> list[Test]:
    """Keep the tests of a file together, for the fixtures that they share; the fastest file comes first."""
    files: dict[str, list[Test]] = {}
    for test in tests:
        files.setdefault(_file(test), []).append(test)
    groups = sorted(files.values(), key=lambda group: sum(test.seconds for test in group))
    return [test for group in groups for test in sorted(group, key=lambda test: (test.seconds, test.name))]


def _lines_in_functions(text: str) -> set[int]:
    """Return the lines of function bodies; others run on import, for whichever test imports the module first."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.update(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
        elif isinstance(node, ast.Lambda):
            found.update(range(node.body.lineno, (node.end_lineno or 0) + 1))
    return found


def _defined_names(text: str, lines: set[int]) -> set[str]:
    """Return the names that the statements on the lines define: constants, fields, functions, classes."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.stmt) or not lines & set(range(node.lineno, (node.end_lineno or node.lineno) + 1)):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # Its decorators and defaults, not its body.
            if lines & set(range(node.lineno, node.body[0].lineno)) or lines & {
                one.lineno for one in node.decorator_list
            }:
                found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            if node.lineno in lines:
                found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update(one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
    return found
