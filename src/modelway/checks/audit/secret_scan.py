"""Looks for secrets in files: a program of its own, for a regular expression may take for ever on some line.

It is run as `python -P -m modelway.checks.audit.secret_scan QUESTION ANSWER`, both JSON files. What it finds leaves it
as rule, file and line; the value never does.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelway.checks.audit.scan import serve
from modelway.checks.audit.secret_rules import KEYWORD, Detectors

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK, _OVERLAP = 10_000, 500
"""Characters of a line that are looked at together; detectors' expressions may take the square of it."""
_ACCEPTED = re.compile(r"pragma:\s?(?:allow|white)list[ -]secret")
_SHELL = re.compile(r"^(\.env.*|.*\.(env|sh|bash|zsh|mk|txt)|Dockerfile.*|.*\.dockerfile|Makefile)$", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+|ENV\s+|ARG\s+)?([A-Za-z_]\w*)\s*[:+?]?=\s*([^\s\"'$][^\s\"']*)\s*$")
_TRANSFORMED = frozenset({".yaml", ".yml", ".ini", ".cfg", ".conf", ".cnf", ".properties", ".toml"})
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


def scan(question: dict[str, Any]) -> dict[str, Any]:
    """Look into files.

    Args:
        question: `root`, `files` relative to it, `max_bytes` of a file, and whether `comments` accept.

    Returns:
        `found` ([path, line, rule] each), `unreadable` paths, how many lines were `accepted` by a comment, and how many
        files are `large` or `binary`.
    """
    detectors = Detectors()
    answer: dict[str, Any] = {"found": [], "unreadable": [], "accepted": 0, "large": 0, "binary": 0}
    for name in question["files"]:
        path = Path(question["root"], name)
        try:
            if path.stat().st_size > question["max_bytes"]:
                answer["large"] += 1
                continue
            text = _decode(path.read_bytes())
        except FileNotFoundError:
            continue  # it went since the files were listed
        except OSError:
            answer["unreadable"].append(name)
            continue
        if text is None:
            answer["binary"] += 1
            continue
        _look(name, text, detectors, answer, comments=question["comments"])
    return answer


def _look(name: str, text: str, detectors: Detectors, answer: dict[str, Any], *, comments: bool) -> None:
    lines = text.splitlines()
    for number, rules in sorted(_rules_of(name, text, lines, detectors).items()):
        # A token in an assignment is found as a token already.
        named = rules if len(rules) == 1 else rules - {KEYWORD, "base64-high-entropy-string", "hex-high-entropy-string"}
        if comments and number <= len(lines) and _ACCEPTED.search(lines[number - 1]):
            answer["accepted"] += 1
            continue
        answer["found"] += [[name, number, rule] for rule in sorted(named or {sorted(rules)[-1]})]


def _rules_of(name: str, text: str, lines: list[str], detectors: Detectors) -> dict[int, set[str]]:
    """The rules that hold in each line, by its number from 1."""
    found: dict[int, set[str]] = {}
    for number, line in (*enumerate(lines, start=1), *_rewritten(name, text, lines)):
        for chunk in _chunks(line):
            if rules := set(detectors.rules(name, chunk)):
                found.setdefault(number, set()).update(rules)
    return found


def _rewritten(name: str, text: str, lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines that hold values without quotes, with quotes: most detectors look between quotes only."""
    if _SHELL.match(Path(name).name):
        for number, line in enumerate(lines, start=1):
            if assigned := _ASSIGNMENT.match(line):
                yield number, f'{assigned[1]} = "{assigned[2]}"'
    elif Path(name).suffix.lower() in _TRANSFORMED:
        yield from enumerate(_transformed(name, text), start=1)


def _transformed(name: str, text: str) -> list[str]:
    from detect_secrets.transformers import get_transformed_file

    stream: Any = io.StringIO(text)
    stream.name = name
    try:
        return cast("list[str]", get_transformed_file(stream) or [])
    except Exception:  # noqa: BLE001 - the parser's opinion of a file that is none of its kind; its lines are read anyway
        return []


def _chunks(line: str) -> Iterator[str]:
    if len(line) <= _CHUNK:
        yield line
        return
    for begin in range(0, len(line), _CHUNK - _OVERLAP):
        yield line[begin : begin + _CHUNK]


def _decode(content: bytes) -> str | None:
    """The text of a file, whatever its encoding; None for what is no text."""
    if content.startswith(_BYTE_ORDER_MARKS):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


if __name__ == "__main__":
    serve(scan)
