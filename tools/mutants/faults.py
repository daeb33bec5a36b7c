"""Faults: one change to one file of the project each, made by hand or by mutation."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

if TYPE_CHECKING:
    from pathlib import Path


class FaultError(Exception):
    """A list of faults that cannot be used."""


@dataclass(frozen=True)
class Fault:
    """A file's whole text with one change, and the lines that the change touches."""

    id: str
    capability: str
    file: str
    before: str
    after: str
    why: str

    @property
    def key(self) -> str:
        """A digest of what the fault is: its file's text and the change."""
        return hashlib.sha256(json.dumps([self.file, self.before, self.after]).encode()).hexdigest()[:32]

    @property
    def lines(self) -> set[int]:
        """The lines of the text before that are changed; next to an insertion, its neighbours."""
        found: set[int] = set()
        before, after = self.before.splitlines(), self.after.splitlines()
        for kind, first, last, *_ in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind == "insert":
                found |= {first, first + 1} & set(range(1, len(before) + 1))
            elif kind != "equal":
                found |= set(range(first + 1, last + 1))
        return found

    @property
    def diff(self) -> str:
        """The change, as a unified diff without context."""
        lines = difflib.unified_diff(
            self.before.splitlines(), self.after.splitlines(), self.file, self.file, "", "", 0, ""
        )
        return "\n".join(list(lines)[2:])


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    capability: str
    file: str
    old: str
    new: str
    why: str


def read_faults(path: Path, root: Path, names: set[str]) -> list[Fault]:
    """Read a JSON list of hand-made faults in files of the project.

    Raises:
        FaultError: not such a list; an id occurs twice; a file is not one of `names`; `old` does not occur exactly
            once, or what it becomes is not Python.
    """
    try:
        entries = TypeAdapter(list[_Entry]).validate_json(path.read_bytes())
    except OSError as error:
        raise FaultError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise FaultError(f"{path}: {'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from error
    faults: dict[str, Fault] = {}
    for entry in entries:
        where = f"{path}: fault {entry.id!r}"
        if entry.id in faults:
            raise FaultError(f"{where}: the id occurs twice")
        if entry.file not in names:
            raise FaultError(f"{where}: {entry.file} is not a file of the project")
        text = (root / entry.file).read_text(encoding="utf-8")
        count = text.count(entry.old)
        if count != 1:
            raise FaultError(f"{where}: `old` occurs {count} times in {entry.file}; it must occur exactly once")
        after = text.replace(entry.old, entry.new)
        if after == text:
            raise FaultError(f"{where}: `new` is the same as `old`")
        if PurePath(entry.file).suffix == ".py":
            try:
                compile(after, entry.file, "exec")
            except SyntaxError as error:
                raise FaultError(f"{where}: not valid Python afterwards: {error.msg}, line {error.lineno}") from error
        faults[entry.id] = Fault(entry.id, entry.capability, entry.file, text, after, entry.why)
    return list(faults.values())
