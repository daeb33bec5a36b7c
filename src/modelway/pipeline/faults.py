"""What a user's code raised, as a check's result."""

from __future__ import annotations

import traceback
from pathlib import Path

from modelway.errors import ModelwayError
from modelway.records.checks import CheckResult, Finding
from modelway.records.verdict import Verdict

_LINES = 5
"""Last lines of a traceback that tell enough."""


def failed(check: str, doing: str, error: BaseException, root: Path) -> CheckResult:
    """A check that fails by what was raised, with the user's own line where there is one.

    Args:
        check: the check's name.
        doing: what was being done, such as `fit`.
        error: what it raised.
        root: the directory of the settings file; a frame below it is the user's.
    """
    said = _said(error)
    path, line = _own_line(error, root)
    last = "".join(traceback.format_exception(error)).rstrip().splitlines()[-_LINES:]
    finding = Finding(rule=type(error).__name__, message="\n".join(last), path=path, line=line)
    reason = f"{doing} raised {type(error).__name__}{f': {said}' if said else ''}"
    return CheckResult(check=check, verdict=Verdict.FAIL, reason=reason, findings=(finding,))


def _said(error: BaseException) -> str:
    if isinstance(error, ModelwayError):
        return f"{error.where}: {error.what}" if error.where else error.what
    return str(error).strip().partition("\n")[0]


def _own_line(error: BaseException, root: Path) -> tuple[str | None, int | None]:
    """File, relative to `root`, and line of the innermost frame below it, of the error or of what it came from."""
    own: tuple[str | None, int | None] = (None, None)
    cause: BaseException | None = error
    while cause is not None:
        for frame in traceback.extract_tb(cause.__traceback__):
            path = Path(frame.filename)
            if path.is_relative_to(root) and not {"site-packages", "dist-packages"} & set(path.parts):
                own = (path.relative_to(root).as_posix(), frame.lineno)
        cause = cause.__cause__
    return own
