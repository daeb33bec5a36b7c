"""The one base error, its kinds and their exit codes.

An error says what is wrong, where, and what to do next; `cli/` alone turns it into a message and an exit code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from modelway.escaping import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

from modelway.redaction import hide_password

EXIT_CODES = {
    0: "done",
    1: "a bug",
    2: "wrong usage or settings",
    3: "input refused: missing, torn, not what the settings say",
    4: "a check or gate failed",
    5: "not enough evidence to decide",
    6: "an outside system failed, the disk is full, another process holds the lock",
    7: "deployed, then rolled back",
    130: "interrupted",
}
"""What each exit code means, the same for every command."""


class ModelwayError(Exception):
    """Base of every error that a user can meet.

    As text it is safe to print: each part is one line, in which control characters of names are escaped. Passwords in
    addresses are hidden in all parts.

    Args:
        what: what is wrong, in one sentence without a full stop.
        where: the file, key, column, row or address concerned.
        remedy: what to do next; a sequence where it takes several lines.
        further: errors of the same input that are reported with this one.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        remedy: str | Sequence[str] | None = None,
        further: Sequence[ModelwayError] = (),
    ) -> None:
        # Here, because messages of libraries quote addresses whole, and an error ends in reports and logs, too.
        self.what = hide_password(what)
        self.where = where and hide_password(where)
        self.advice = tuple(map(hide_password, (remedy,) if isinstance(remedy, str) else remedy or ()))
        self.further = tuple(further)
        super().__init__(self.what, self.where, self.advice, self.further)

    @property
    def remedy(self) -> str | None:
        """What to do next, as one text."""
        return "\n".join(self.advice) or None

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = (f"  {line}" for line in map(printable, self.advice) if line)
        return "\n".join([printable(f"{place}{self.what}"), *advice, *map(str, self.further)])


class UsageError(ModelwayError):
    """Wrong usage of a command: an unknown name, a negative epoch, flags that contradict each other."""

    exit_code = 2


class SettingsError(UsageError):
    """A settings file, or a value in it, that can't be used."""


class InputError(ModelwayError):
    """An input that is missing, torn, or not what the schema says."""

    exit_code = 3


class NoScoreError(InputError):
    """A model gave a score that is not finite."""


class GateError(ModelwayError):
    """A check or gate failed."""

    exit_code = 4


class InconclusiveError(ModelwayError):
    """The evidence is not enough to decide."""

    exit_code = 5


class OutsideError(ModelwayError):
    """An outside system failed, the disk is full, or another process holds the lock."""

    exit_code = 6


class RefusedError(OutsideError):
    """An outside system refused a request and did nothing; the same request again is refused again."""


class RolledBackError(ModelwayError):
    """A release was deployed and then rolled back."""

    exit_code = 7


INTERRUPTED = 130
"""Exit code of a command that a person interrupted."""

SEVERITY = (1, 7, 6, 3, 4, 5)
"""Exit codes from the worst on: a command of several parts ends with the first that any part has."""


def combine_exit_codes(codes: list[int]) -> int:
    """The exit code of a command whose parts ended with `codes`; 0 when all are 0.

    A code outside `SEVERITY` (wrong usage, an interrupt) ends a command at once and is no part's own.
    """
    return next((code for code in SEVERITY if code in codes), 0)
