r"""Text from outside, written so that it stays text where it is shown: a terminal, a log, JSON, Markdown, Slack.

A column, a value, a file, a bundle or a commit is named by whoever made it. What a terminal, the log of a CI run or a
renderer of Markdown would obey is written as a visible escape: `\x1b`, `\n`, `\u202e`.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any, NewType
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Markdown = NewType("Markdown", str)
"""Text in which whatever came from outside is inert: the type keeps the rest out of tables and paragraphs."""

# Printable by Unicode's categories, and yet invisible: Default_Ignorable_Code_Point of Unicode's DerivedCoreProperties.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
# What the runner of GitHub Actions obeys: `::NAME PROPERTIES::` at the start of a line, `##[NAME]` anywhere in it
# (github.com/actions/runner, src/Runner.Common/ActionCommand.cs). Azure and TeamCity have their own after `##`.
_COMMANDS = (
    "add-mask|add-matcher|add-path|debug|echo|endgroup|error|group|internal-set-repo-path|notice|remove-matcher"
    "|save-state|set-env|set-output|stop-commands|warning"
)
_WORKFLOW_COMMAND = re.compile(rf":(?P<sign>:)(?=(?:{_COMMANDS})(?:\s[^\n]*)?::)|##\w*(?P<bracket>\[)", re.IGNORECASE)
_HTTP = re.compile("https?://", re.IGNORECASE)
_NEWLINES = re.compile(r"\r\n|\n")
_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
_UNSAFE_IN_JSON = re.compile(r"[^ -~\n]")


def printable(text: str) -> str:
    r"""Return text as one line that no terminal and no CI system obeys; what is not printable becomes an escape.

    Escaped are control characters (newlines and tabs too), format characters (bidirectional and zero-width ones),
    every space but U+0020, separators of lines, lone surrogates, invisible characters, and the marks of workflow
    commands. Escaping twice changes nothing.
    """
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else _escape(sign) for sign in text)
    if not text.isascii():
        text = _INVISIBLE.sub(lambda found: _escape(found[0]), text)
    if "::" in text or "##" in text:
        text = _WORKFLOW_COMMAND.sub(_disarmed, text)
    return text


def printable_lines(text: str) -> list[str]:
    """Return the lines of text that another program laid out, each as `printable` has it; its colours are dropped."""
    lines = _NEWLINES.split(_COLOURS.sub("", text.removesuffix("\n")))
    return [printable(line.replace("\t", "    ").rstrip("\r")) for line in lines]


def log_text(text: str) -> str:
    """Return text that another program laid out as a log holds it: `printable_lines`, each ended by a newline."""
    return "".join(f"{line}\n" for line in printable_lines(text))


def json_text(value: Any, *, indent: int | None = 2, ascii_only: bool = False) -> str:
    r"""Return a value as JSON that is safe to print: what `printable` would escape stands as `\uXXXX` in strings.

    Args:
        value: what `json.dumps` takes.
        indent: as of `json.dumps`; None for one line.
        ascii_only: escape everything that is not ASCII.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    return json_printable(text)


def json_printable(text: str) -> str:
    """Return JSON text with the characters that `printable` escapes as JSON's own escapes; its meaning is the same."""
    text = _UNSAFE_IN_JSON.sub(lambda found: found[0] if _harmless(found[0]) else _json_escape(found[0]), text)
    return _WORKFLOW_COMMAND.sub(lambda found: _disarmed(found, _json_escape), text)


class GuardedStream:
    """A text stream on which nothing arrives that a terminal obeys; newlines and tabs alone are laid out.

    The last line of defence, for what libraries and Python itself print: a column's newline is not told from theirs.
    What is ours goes through `cli/output.py`, which escapes newlines of data as well.
    """

    def __init__(self, stream: Any) -> None:
        self.unguarded = stream
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # whatever the terminal's encoding lacks

    def write(self, text: str) -> int:
        """Write text, escaped line by line."""
        self.unguarded.write("\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n")))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unguarded, name)


def guard_streams() -> None:
    """Guard this process's stdout and stderr, and have each of Python's warnings printed on one line."""
    warnings.formatwarning = _format_warning  # type: ignore[assignment]  # Python passes all by position
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, GuardedStream):
            setattr(sys, name, GuardedStream(stream))


def _format_warning(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> str:
    return printable(f"{filename}:{lineno}: {category.__name__}: {message}") + "\n"


def unguarded(stream: Any) -> Any:
    """Return the stream below the guard, for whoever escapes and colours the text itself."""
    return stream.unguarded if isinstance(stream, GuardedStream) else stream


def code(text: object) -> Markdown:
    """Return text as a code span of Markdown: there is no other place where every renderer leaves a name alone.

    Within it GitHub sees neither mentions nor references, and no renderer HTML, links or images (CommonMark 6.1).
    """
    shown = printable(str(text))
    if not shown:
        return Markdown("\N{EN DASH}")
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    pad = " " if shown[0] in "` " or shown[-1] in "` " else ""
    return Markdown(f"{fence}{pad}{shown}{pad}{fence}")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[Markdown]]) -> Markdown:
    """Return a table of GitHub's Markdown (GFM 4.10).

    Args:
        head: our own words.
        rows: cells, those with text from outside made by `code`.
    """
    lines = [head, ["---"] * len(head), *rows]
    return Markdown("\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines))


def comment(text: str) -> Markdown:
    """Return text as an HTML comment, which nothing in it ends; text without `<`, `>` and `--` stays as it is."""
    shown = printable(text).replace("<", "\\x3c").replace(">", "\\x3e").replace("--", "-\\x2d")
    return Markdown(f"<!-- {shown} -->")


def link_to(words: str, address: str) -> Markdown:
    """Return a link with words of ours; an address that is not of HTTP is shown and leads nowhere."""
    return Markdown(f"[{words}](<{link_address(address)}>)") if _HTTP.match(address) else code(address)


def link_address(address: str) -> str:
    """Return a URL in which only characters stand that URLs have (RFC 3986), for Markdown's `<>` and Slack's links."""
    return quote(address, safe="/:?#[]@!$&'()*+,;=%~", errors="backslashreplace")


def slack_text(text: str) -> str:
    """Return a line as Slack's mrkdwn shows it as it is; the section has to be `verbatim`.

    The three characters are Slack's control characters (docs.slack.dev/messaging/formatting-message-text).
    """
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(text: str) -> str:
    # Renderers differ on whether the backslash of `\\|` escapes the bar, so such a bar does not stay one.
    return text.replace("\\|", "\\\\x7c").replace("|", "\\|")


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


def _disarmed(found: re.Match[str], escape: Any = lambda sign: f"\\x{ord(sign):02x}") -> str:
    group = "sign" if found["sign"] else "bracket"
    return f"{found[0][:-1]}{escape(found[group])}"


def _harmless(sign: str) -> bool:
    return sign.isprintable() and not _INVISIBLE.match(sign)


def _json_escape(sign: str) -> str:
    return "".join(f"\\u{unit:04x}" for unit in memoryview(sign.encode("utf-16-le", "surrogatepass")).cast("H"))
