r"""Text from outside, written so that the log of a run shows it and obeys none of it.

As `escaping.py` of modelway has it, which the module does not import: a test holds the two together.
"""

from __future__ import annotations

import re

_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_COMMANDS = (
    "add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|internal-set-repo-path|notice|remove-matcher"
    "|save-state|set-env|set-output|stop-commands|warning"
)
_WORKFLOW_COMMAND = re.compile(rf":(?P<sign>:)(?=(?:{_COMMANDS})(?:\s[^\n]*)?::)|##\w*(?P<bracket>\[)", re.IGNORECASE)
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")


def printable(text: str) -> str:
    r"""Text as one line; what a terminal or GitHub's runner would obey is a visible escape, such as `\x1b` or `\n`."""
    text = "".join(sign if sign.isprintable() else _escape(sign) for sign in text)
    text = _INVISIBLE.sub(lambda found: _escape(found[0]), text)
    return _WORKFLOW_COMMAND.sub(lambda found: f"{found[0][:-1]}\\x{ord(found[0][-1]):02x}", text)


def printable_lines(text: str) -> str:
    """Text that another program laid out, line by line; its colours are dropped."""
    lines = _COLOURS.sub("", text).split("\n")
    return "\n".join(printable(line.rstrip("\r").replace("\t", "    ")) for line in lines)


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode()
