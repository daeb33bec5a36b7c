"""The blocks of code in the documents."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))  # for `tools`, which is no part of the package

DOCUMENTS = [
    ROOT / "README.md",
    *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "adr"),
]
_FENCE = re.compile(r"^ *```(\S*)$")
_HERE = re.compile(r"<<-?\s*['\"]?(\w+)")
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        document: below the root.
        heading: the nearest one above.
        line: where it begins, from 1.
        language: behind the fence.
        text: what it holds.
    """

    document: str
    heading: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"


def blocks_of(path: Path) -> list[Block]:
    """The blocks of a document."""
    found: list[Block] = []
    heading, language, start, held = "", None, 0, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if fence := _FENCE.match(line):
            if language is None:
                language, start, held = fence[1], number, []
            else:
                found.append(Block(path.relative_to(ROOT).as_posix(), heading, start, language, "\n".join(held)))
                language = None
        elif language is not None:
            held.append(line)
        elif line.startswith("#"):
            heading = line.strip("# ")
    assert language is None, f"{path}:{start} is not closed"
    return found


BLOCKS = [block for path in DOCUMENTS for block in blocks_of(path)]


def commands_in(text: str) -> list[list[str]]:
    """The commands of a script, without comments, redirections, here-documents and what is set before them."""
    found: list[list[str]] = []
    held, until = "", None
    for line in text.replace("\\\n", " ").splitlines():
        if until is not None:
            until = None if line.strip() == until else until
            continue
        held = f"{held}\n{line}" if held else line
        try:
            words = _words(held)
        except ValueError:
            continue  # a quotation goes on in the next line
        if begins := _HERE.search(held):
            until = begins[1]
        held = ""
        found += _split(words)
    assert not held, f"a quotation has no end: {held}"
    return [command for command in found if command]


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _split(words: list[str]) -> list[list[str]]:
    """Commands that are joined by `&&`, `|`, `;`; what is set before one and where it is redirected to is left out."""
    commands: list[list[str]] = [[]]
    redirected = False
    for word in words:
        if set(word) <= set("&|;()"):
            commands.append([])
        elif set(word) <= set("<>&"):
            redirected = True
            continue
        elif not redirected and (commands[-1] or not _ASSIGNED.fullmatch(word)):
            commands[-1].append(word)
        redirected = False
    return commands
