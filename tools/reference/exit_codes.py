"""The exit codes, and the errors behind them."""

from __future__ import annotations

from modelway import errors
from tools.reference.markdown import code, page, table

MADE_OF = "src/modelway/errors.py"


def exit_codes_page() -> str:
    """The page."""
    named = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    kinds = [kind for kind in named if issubclass(kind, errors.ModelwayError)]
    rows = (
        (str(number), means, ", ".join(code(kind.__name__) for kind in kinds if kind.exit_code == number))
        for number, means in errors.EXIT_CODES.items()
    )
    order = ", ".join(map(str, errors.SEVERITY))
    return page(
        "Exit codes",
        MADE_OF,
        "The same for every command, and for every function of the Dagger module.",
        table(("code", "means", "error in `modelway.errors`"), rows),
        f"A command of several parts ends with the first of {order} that any part has, and with 0 where none has one.",
        "[ADR 7](../adr/0007-ci-exit-codes.md) says why `ci` ends in another order.",
    )
