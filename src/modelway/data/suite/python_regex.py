"""Python's regular expressions in the syntax of Rust's regex crate, which the checks use for its linear time."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field

_GROUPS = {
    "(?=": "look-ahead",
    "(?!": "look-ahead",
    "(?<=": "look-behind",
    "(?<!": "look-behind",
    "(?P=": "a backreference",
    "(?(": "a conditional group",
    "(?>": "an atomic group",
    "(?#": "a comment",
}
_PIECE = re.compile(r"\\.|\(\?(?:P=|<=|<!|[=!(>#])|[*+?}]\+|&&|--|~~|.", re.DOTALL)
"""What has to be looked at in one piece; a possessive quantifier ends with a plus after another quantifier."""


@dataclass
class _Scan:
    """Where in a pattern the scan is."""

    whole_end: bool
    inside: bool = False
    first: bool = False
    out: list[str] = field(default_factory=list)

    def take(self, piece: str) -> None:
        """Take the pattern's next piece; raises `ValueError` where Rust has no such thing."""
        if self.inside:
            self._in_class(piece)
        elif piece == "[":
            self.inside = self.first = True
            self.out.append(piece)
        else:
            self.out.append(self._translate(piece))

    def _in_class(self, piece: str) -> None:
        # Rust reads [a[b]], && and the like as sets of sets, Python as plain characters.
        if piece == "[" or piece in {"&&", "--", "~~"}:
            raise ValueError(f"{piece!r} in a class of characters means something else to Rust")
        if piece == "^" and self.out[-1] == "[":
            self.out.append(piece)
            return
        closes = piece == "]" and not self.first
        self.out.append(r"\]" if piece == "]" and self.first else piece)
        self.inside, self.first = not closes, False

    def _translate(self, piece: str) -> str:
        if piece in _GROUPS:
            raise ValueError(f"{_GROUPS[piece]} is nothing that runs in linear time")
        if re.fullmatch(r"\\[1-9]", piece):
            raise ValueError("a backreference is nothing that runs in linear time")
        if len(piece) == 2 and piece.endswith("+") and piece[0] in "*+?}":
            raise ValueError("a possessive quantifier is nothing that Rust knows")
        if piece == r"\Z":
            return r"\z"
        # Python's $ also matches before a last line break. Where finding the pattern is the fault, that must not be
        # overlooked; where it has to be found, the end alone is the stricter reading.
        return r"(?:\n?\z)" if piece == "$" and self.whole_end else piece


def to_rust(pattern: str, *, negate: bool = False) -> str:
    """The same pattern for Rust's regex crate.

    Args:
        pattern: as Python's `re` has it.
        negate: whether the pattern must not be found.

    Raises:
        ValueError: where Python does not compile it, or Rust has no such thing; its text says what.
    """
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            flags = re.compile(pattern).flags
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if flags & re.VERBOSE:
        raise ValueError("spaces in classes of a verbose pattern mean something else to Rust")
    scan = _Scan(whole_end=negate and not flags & re.MULTILINE)
    for piece in _PIECE.findall(pattern):
        if scan.inside and len(piece) == 2 and piece.endswith("+") and piece[0] in "*+?}":
            for character in piece:
                scan.take(character)
        else:
            scan.take(piece)
    translated = "".join(scan.out)
    _compile(translated, pattern)
    return translated


def _compile(translated: str, pattern: str) -> None:
    import polars as pl

    try:
        pl.Series([""]).str.contains(translated, strict=True)
    except pl.exceptions.ComputeError as error:
        why = re.search(r"error: (?P<why>.*)", str(error).replace("regex parse error:", ""))
        raise ValueError(f"Rust does not compile {pattern!r}{': ' + why['why'] if why else ''}") from None
