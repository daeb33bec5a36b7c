"""Tells people what went wrong with an environment, where a webhook is set; that never changes how a command ends."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelway.cli.environment import run_link
from modelway.errors import GateError, InputError, ModelwayError, OutsideError, RolledBackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelway.cli.output import Output

WEBHOOK = "SLACK_WEBHOOK"
_TOLD = (RolledBackError, GateError, OutsideError, InputError)


@contextmanager
def telling(environment: str, what: str, output: Output, *, quiet: bool = False) -> Iterator[None]:
    """Tell of a failure or a rollback that leaves the block.

    Args:
        environment: where it happens.
        what: what is done there.
        output: where a webhook that fails is noted.
        quiet: tell nobody.
    """
    try:
        yield
    except _TOLD as error:
        if not quiet:
            tell(f"{environment}: {what} {_word(error)}", (error.what, *error.advice), output)
        raise


def tell(title: str, lines: Sequence[str], output: Output) -> None:
    """Tell people, if anybody is to be told."""
    webhook = os.environ.get(WEBHOOK, "").strip()
    if not webhook:
        return
    from modelway.notify import post_to_slack

    fault = post_to_slack(webhook, title, lines, run_link())
    if fault is not None:
        output.note(f"Slack was not told: {fault}")


def _word(error: ModelwayError) -> str:
    return "was rolled back" if isinstance(error, RolledBackError) else f"failed (exit {error.exit_code})"
