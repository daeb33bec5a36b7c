"""The one error of the module's own: a call that can't be carried out."""

from __future__ import annotations


class RefusalError(Exception):
    """A call that can't be carried out.

    Args:
        exit_code: how the call ends; the design's codes.
        message: what is wrong and what to do.
    """

    def __init__(self, exit_code: int, message: str) -> None:
        self.exit_code = exit_code
        super().__init__(message)


def only_refusal(error: Exception) -> RefusalError:
    """The refusal that came out of a task group, or as it is; any other error is raised, without its group."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, RefusalError):
        return error
    raise error
