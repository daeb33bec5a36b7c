"""Mutants of a file, by the operators of mutmut: each is a fault with one node of the syntax tree changed."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

from tools.mutants.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# Without these arguments a call only crashes.
_NEVER = ("len", "isinstance", "cast", "super")
_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """A change that can be made to a file; the text with it is only made when it is needed."""

    file: str
    line: int
    number: int
    _module: cst.Module
    _node: cst.CSTNode
    _instead: cst.CSTNode

    def fault(self) -> Fault | None:
        """Return the mutant as a fault, or None if the change leaves the text as it is or makes it invalid."""
        before, changed = self._module.code, self._module.deep_replace(self._node, self._instead)
        after = changed.code if isinstance(changed, cst.Module) else before
        try:
            compile(after, self.file, "exec")
        except SyntaxError:
            return None
        parts = PurePath(self.file).parts
        capability = parts[2] if len(parts) > 3 else PurePath(self.file).stem
        name = f"{self.file}:{self.line}:{self.number}"
        return None if after == before else Fault(name, capability, self.file, before, after, "")


class _Finder(cst.CSTVisitor):
    """Collects a module's nodes with what mutmut puts instead of them."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[int, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Collect the changes of a node; return whether its children are visited."""
        if isinstance(node, cst.Annotation | cst.Decorator | cst.FormattedString | cst.ConcatenatedString):
            return False
        if isinstance(node, cst.If) and isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING":
            return False
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString):
            return False  # a docstring
        if isinstance(node, cst.Call) and isinstance(node.func, cst.Name) and node.func.value in _NEVER:
            return True
        if _is_prose(node):
            return False
        line = self.get_metadata(PositionProvider, node).start.line
        for kind, operator in mutation_operators:
            if isinstance(node, kind):
                self.found += [(line, node, one) for one in operator(node) if not _changes_prose_only(node, one)]
        return True


def _is_prose(node: cst.CSTNode) -> bool:
    """Return whether a node is text for people: mutants of it say nothing about what the code does."""
    if isinstance(node, cst.SimpleString):
        return " " in node.value
    return isinstance(node, cst.FormattedString | cst.ConcatenatedString)


def _changes_prose_only(node: cst.CSTNode, instead: cst.CSTNode) -> bool:
    if not isinstance(node, cst.Call) or not isinstance(instead, cst.Call):
        return False
    gone = [arg for arg in node.args if not any(arg is other for other in instead.args)]
    return bool(gone) and all(_is_prose(arg.value) for arg in gone)


def mutants_of(file: str, text: str) -> Iterator[Mutant]:
    """Yield the mutants of a file's text, outside annotations, decorators, docstrings and prose."""
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    finder = _Finder()
    wrapper.visit(finder)
    for number, (line, node, instead) in enumerate(finder.found):
        yield Mutant(file, line, number, wrapper.module, node, instead)


def files_below(paths: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the Python files of the project that are one of the paths or lie below it."""
    wanted = [path.rstrip("/") for path in paths]
    return [
        name
        for name in names
        if name.endswith(".py") and any(name == path or name.startswith(f"{path}/") for path in wanted)
    ]


def changed_lines(root: Path, reference: str, file: str) -> set[int]:
    """Return the lines of a file that differ from where the branch left the reference.

    Raises:
        subprocess.CalledProcessError: git does not know the reference.
    """
    base = _git(root, "merge-base", reference, "HEAD").strip()
    tracked = _git(root, "ls-files", "--", file)
    if not tracked:
        return set(range(1, len((root / file).read_text(encoding="utf-8").splitlines()) + 1))
    found: set[int] = set()
    for first, count in _HUNK.findall(_git(root, "diff", "--unified=0", "--no-ext-diff", base, "--", file)):
        found.update(range(int(first), int(first) + int(count or 1)))
    return found


def _git(root: Path, *argv: str) -> str:
    return subprocess.run(["git", *argv], cwd=root, check=True, capture_output=True, text=True).stdout
