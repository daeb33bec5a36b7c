"""What a command shows: text for people, or one JSON record. Nothing else prints, so that everything is escaped."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from modelway.escaping import guard_streams, json_text, printable, printable_lines, unguarded
from modelway.redaction import hide_password

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.progress import Progress as Bar
    from rich.progress import TaskID
    from rich.text import Text

    from modelway.errors import ModelwayError

_PLAIN_INTERVAL = 5.0
"""Seconds between plain lines of progress, at the least."""

VERDICT_STYLES = {"pass": "green", "fail": "red", "error": "red", "inconclusive": "yellow"}

_PLAIN_WIDTH = 120
"""Characters of a line where there is no terminal that says so."""


class Styled(NamedTuple):
    """Text of a cell in a colour of ours."""

    text: str
    style: str


Cell = str | Styled | tuple[str, ...]
"""What stands in a cell of a table; of several lines, a tuple."""


@dataclass(frozen=True)
class Column:
    """A column of a table, as rich lays it out."""

    title: str
    justify: Literal["left", "right"] = "left"
    fold: bool = False
    no_wrap: bool = False
    ratio: int | None = None


def show(*lines: str) -> None:
    """Print lines of a result to stdout; a line break within one is data and shown as an escape."""
    for line in lines:
        print(printable(line))


def show_block(text: str) -> None:
    """Print text that another program laid out, each of its lines as one."""
    show(*printable_lines(text))


def clear() -> None:
    """Empty the terminal on stdout, if it is one."""
    if sys.stdout.isatty():
        terminal = unguarded(sys.stdout)
        terminal.write("\x1b[2J\x1b[H")
        terminal.flush()


def show_table(
    columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, title: str | None = None, box: bool = True
) -> None:
    """Print a table to stdout.

    Args:
        columns: their titles and layout.
        rows: the cells; nothing in them is markup.
        title: above it.
        box: whether lines are drawn.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=None if title is None else Text(printable(title)), title_justify="left")
    if not box:
        table.box, table.pad_edge = None, False
    for one in columns:
        overflow: Literal["fold", "ellipsis"] = "fold" if one.fold else "ellipsis"
        table.add_column(Text(one.title), justify=one.justify, overflow=overflow, no_wrap=one.no_wrap, ratio=one.ratio)
    for row in rows:
        table.add_row(*map(_cell, row))
    sys.stdout.flush()
    width = None if sys.stdout.isatty() else _PLAIN_WIDTH
    Console(file=unguarded(sys.stdout), highlight=False, markup=False, emoji=False, width=width).print(table)


def _cell(cell: Cell) -> Text:
    from rich.text import Text

    if isinstance(cell, Styled):
        return Text(printable(cell.text), cell.style)
    return Text("\n".join(map(printable, (cell,) if isinstance(cell, str) else cell)))


class Output:
    """Where a command's words go: results to stdout; progress, notes and errors to stderr.

    Args:
        json: print one JSON record to stdout, and nothing else there.
        verbose: also show notes.
    """

    def __init__(self, *, json: bool = False, verbose: bool = False) -> None:
        self.json = json
        self.verbose = verbose
        self._bar: Bar | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_line = 0.0

    def record(self, record: dict[str, Any]) -> None:
        """Print the command's one record, if JSON is asked for."""
        if self.json:
            encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
            print(json_text(record, ascii_only=not encoding.startswith("utf")))

    def note(self, *lines: str) -> None:
        """Say something that is no result."""
        self.close()
        for line in lines:
            print(printable(hide_password(line)), file=sys.stderr)

    def error(self, error: ModelwayError) -> None:
        """Say what is wrong."""
        self.failure("modelway", error)
        told: dict[str, Any] = {"what": error.what, "where": error.where, "remedy": error.remedy}
        if error.further:
            told["further"] = [str(one) for one in error.further]
        self.record({"exit_code": error.exit_code, "error": told})

    def failure(self, of: str, error: ModelwayError) -> None:
        """Note what went wrong with something, and what to do."""
        self.note(*f"{of}: {error}".split("\n"))

    def block(self, text: str) -> None:
        """Note text that another program laid out, a traceback maybe; a bar tells its lines from ours."""
        self.note(*(f"  | {line}" for line in printable_lines(text)))

    def ask(self, question: str, options: Sequence[str]) -> str:
        """Ask a person on stderr, and give the line that comes on stdin; the first option stands as its default."""
        self.note(question, *(f"  {number}  {option}" for number, option in enumerate(options, 1)))
        print(printable(f"[{options[0]}] ") if options else "> ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip()

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        """Show how far a step is: a bar on a terminal, a line now and then elsewhere."""
        if sys.stderr.isatty() and not self.json:
            self._show_bar(step, done, total, note)
        elif done >= total or time.monotonic() - self._last_line >= _PLAIN_INTERVAL:
            self._last_line = time.monotonic()
            print(printable(f"{step}: {done}/{total} {note}".rstrip()), file=sys.stderr)

    def waiting(self, text: str) -> None:
        """Show whom a call waits for; called by any thread. Bars stay."""
        text, bar = printable(hide_password(text)), self._bar
        if bar is not None:
            bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the progress bars, so that what follows stands below them."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._tasks = {}

    def _show_bar(self, step: str, done: int, total: int, note: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        note = printable(note)
        if self._bar is None:
            words = TextColumn("{task.description:<10}", markup=False)
            columns = (words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            console = Console(file=unguarded(sys.stderr), markup=False, emoji=False, highlight=False)
            self._bar = Progress(
                *columns,
                TextColumn("{task.fields[note]}", markup=False),
                console=console,
                redirect_stdout=sys.stdout.isatty(),
            )
            self._bar.start()
            guard_streams()  # while bars are shown rich prints what others write, above them, and passes escapes on
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(printable(step), total=total, note=note)
        self._bar.update(self._tasks[step], completed=done, total=total, note=note)
