"""Markdown that GitHub and MkDocs read alike."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CODE = re.compile(r"(`[^`]*`)")


def page(title: str, made_of: str, *parts: str) -> str:
    """A page; says that it was made, and of what."""
    made = f"<!-- Made by `make reference` from {made_of}; edit that, not this. -->"
    return "\n\n".join([f"# {title}", made, *filter(None, parts)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing where it has no rows."""
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines])


def prose(docstring: str | None) -> str:
    """A docstring as paragraphs, without its sections of arguments, attributes and errors."""
    text = inspect.cleandoc(docstring or "")
    kept = re.split(r"^(?:Args|Attributes|Raises|Returns|Example)s?:", text, maxsplit=1, flags=re.MULTILINE)[0]
    return plain(kept.strip())


def plain(text: str) -> str:
    """Text with what Markdown would take for HTML escaped, except in code."""
    parts = CODE.split(text)
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;").replace("*", r"\*") for part in parts)


def code(text: str) -> str:
    """Text as code."""
    return f"`{text}`"


def anchor(heading: str) -> str:
    """What GitHub and MkDocs both make of a heading."""
    return re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")
