"""The base images that a Dockerfile names.

Source: Docker's Dockerfile reference: `FROM`, `ARG` before it, and the substitutions `$NAME`, `${NAME}`,
`${NAME:-word}` and `${NAME:+word}`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FROM = re.compile(r"FROM\s+(?:--platform=\S+\s+)?(?P<image>\S+)(?:\s+AS\s+(?P<name>\S+))?\s*", re.IGNORECASE)
_ARG = re.compile(r"ARG\s+(?P<rest>.+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})")


@dataclass(frozen=True)
class BaseImage:
    """An image that a stage is built on.

    Attributes:
        image: its name, with tag and digest as written; None where an argument without a default decides.
        written: what the Dockerfile says.
        line: from 1.
    """

    image: str | None
    written: str
    line: int


def is_dockerfile(path: str) -> bool:
    """Whether a file is a Dockerfile by its name."""
    name = path.rpartition("/")[2].lower()
    return name.startswith(("dockerfile", "containerfile")) or name.endswith((".dockerfile", ".containerfile"))


def base_images(text: str) -> list[BaseImage]:
    """The images that the stages of a Dockerfile are built on, but for its own stages and `scratch`."""
    arguments: dict[str, str] = {}
    stages = {"scratch"}
    found: list[BaseImage] = []
    for number, line in _instructions(text):
        if not found and len(stages) == 1 and (given := _ARG.fullmatch(line)):
            pairs = (word.partition("=") for word in given["rest"].split())
            arguments |= {
                name: _unquoted(_substituted(value, arguments) or "") for name, equals, value in pairs if equals
            }
        elif named := _FROM.fullmatch(line):
            image = _substituted(_unquoted(named["image"]), arguments)
            if image is None or image.lower() not in stages:
                found.append(BaseImage(image, named["image"], number))
            stages.add((named["name"] or "scratch").lower())
    return found


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Each instruction in one line, with the number of its first."""
    begun: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        start = number if not begun else start
        begun.append(stripped.removesuffix("\\").strip())
        if not stripped.endswith("\\"):
            yield start, " ".join(begun)
            begun = []
    if begun:
        yield start, " ".join(begun)


def _substituted(text: str, arguments: Mapping[str, str]) -> str | None:
    """The text with its variables' values; None where one has none."""
    unknown = False

    def value(match: re.Match[str]) -> str:
        nonlocal unknown
        plain, braced, kind, word = match.groups()
        known = arguments.get(plain or braced, "")
        if kind == "+":
            return str(word) if known else ""
        unknown |= not known and not word
        return known or word or ""

    done = _VARIABLE.sub(value, text)
    return None if unknown or not done else done


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
