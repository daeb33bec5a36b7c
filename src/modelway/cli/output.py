"""What a command shows: text for people, or one JSON record."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from modelway.errors import ModelwayError

_PLAIN_INTERVAL = 5.0
"""Seconds between plain lines of progress, at the least."""

_PLAIN_WIDTH = 120
"""Characters of a line where there is no terminal that says so."""


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

    @property
    def console(self) -> Console:
        """The console for results; imported late, so that --help does without."""
        from rich.console import Console

        return Console(highlight=False, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)

    def record(self, record: dict[str, Any]) -> None:
        """Print the command's one record, if JSON is asked for."""
        if self.json:
            print(json.dumps(record, indent=2, ensure_ascii=False))

    def note(self, text: str) -> None:
        """Say something that is no result."""
        self.close()
        print(text, file=sys.stderr)

    def error(self, error: ModelwayError) -> None:
        """Say what is wrong."""
        self.close()
        print(f"modelway: {error}", file=sys.stderr)
        self.record(
            {
                "exit_code": error.exit_code,
                "error": {"what": error.what, "where": error.where, "remedy": error.remedy},
            }
        )

    def progress(self, step: str, done: int, total: int, note: str = "") -> None:
        """Show how far a step is: a bar on a terminal, a line now and then elsewhere."""
        if sys.stderr.isatty() and not self.json:
            self._show_bar(step, done, total, note)
        elif done >= total or time.monotonic() - self._last_line >= _PLAIN_INTERVAL:
            self._last_line = time.monotonic()
            print(f"{step}: {done}/{total} {note}".rstrip(), file=sys.stderr)

    def waiting(self, text: str) -> None:
        """Show that something outside is waited for; bars stay."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
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

        if self._bar is None:
            columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            self._bar = Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True))
            self._bar.start()
        if step not in self._tasks:
            self._tasks[step] = self._bar.add_task(step, total=total, note=note)
        self._bar.update(self._tasks[step], completed=done, total=total, note=note)
