"""What registering and promoting do, by how a model stands to the champion. Pure: a table and its readers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from modelway.errors import GateError, InconclusiveError, UsageError
from modelway.records.register import Alias
from modelway.records.verdict import Verdict

if TYPE_CHECKING:
    from modelway.records.evaluate import Evaluation


class Standing(StrEnum):
    """How a model stands to the champion."""

    FIRST = "first"
    """There is no champion, and the gates passed."""
    SAME = "same"
    """This very model is registered already, by its digest."""
    WORSE = "worse"
    """A gate failed, or could not be computed."""
    EQUAL = "equal"
    """The evidence does not tell it from the champion, or is not there, and no setting lets that through."""
    BETTER = "better"
    """The gates passed: it is better than the champion, or not worse by more than the margin."""


class Act(StrEnum):
    """What is asked for."""

    KEEP = "keep"
    """`train --no-register`."""
    REGISTER = "register"
    PROMOTE = "promote"
    """Promote the version that registering this model gave."""


@dataclass(frozen=True)
class Outcome:
    """What happens.

    Attributes:
        creates: whether a version comes into being.
        moves: the aliases that move to the model's version.
        exit_code: how the command ends.
    """

    creates: bool = False
    moves: tuple[Alias, ...] = ()
    exit_code: int = 0


_NOTHING = Outcome()
_FAILED = Outcome(exit_code=GateError.exit_code)
_UNDECIDED = Outcome(exit_code=InconclusiveError.exit_code)
_UNKNOWN = Outcome(exit_code=UsageError.exit_code)
_PROMOTED = Outcome(moves=(Alias.CHAMPION,))

OUTCOMES: dict[tuple[Standing, Act], Outcome] = {
    (Standing.FIRST, Act.KEEP): _NOTHING,
    (Standing.FIRST, Act.REGISTER): Outcome(creates=True, moves=(Alias.CHALLENGER, Alias.CHAMPION)),
    (Standing.FIRST, Act.PROMOTE): _PROMOTED,
    (Standing.SAME, Act.KEEP): _NOTHING,
    (Standing.SAME, Act.REGISTER): _NOTHING,
    (Standing.SAME, Act.PROMOTE): _PROMOTED,
    (Standing.WORSE, Act.KEEP): _FAILED,
    (Standing.WORSE, Act.REGISTER): _FAILED,
    (Standing.WORSE, Act.PROMOTE): _UNKNOWN,
    (Standing.EQUAL, Act.KEEP): _UNDECIDED,
    (Standing.EQUAL, Act.REGISTER): _UNDECIDED,
    (Standing.EQUAL, Act.PROMOTE): _UNKNOWN,
    (Standing.BETTER, Act.KEEP): _NOTHING,
    (Standing.BETTER, Act.REGISTER): Outcome(creates=True, moves=(Alias.CHALLENGER,)),
    (Standing.BETTER, Act.PROMOTE): _PROMOTED,
}
"""The whole table. An alias that is at the version already stays there, so promoting the champion changes nothing;
a model whose gates did not pass never became a version, so there is nothing to promote."""


def standing_of(verdict: Verdict, *, known: bool, champion: bool) -> Standing:
    """How a model stands.

    A failed gate counts before all else, so that a model registered under laxer gates is not waved through; a model
    that is registered already needs no evidence against itself.

    Args:
        verdict: the gates' verdict.
        known: whether a version with the model's digest is registered.
        champion: whether there is a champion.
    """
    if verdict in {Verdict.FAIL, Verdict.ERROR}:
        return Standing.WORSE
    if known:
        return Standing.SAME
    if verdict is Verdict.INCONCLUSIVE:
        return Standing.EQUAL
    return Standing.BETTER if champion else Standing.FIRST


def check_admitted(evaluation: Evaluation, standing: Standing) -> Outcome:
    """What registering a model of this standing does.

    Raises:
        GateError: a gate failed or could not be computed.
        InconclusiveError: a gate lacks evidence, and no setting lets that through.
    """
    outcome = OUTCOMES[standing, Act.REGISTER]
    if outcome.exit_code == GateError.exit_code:
        raise GateError(
            f"the model is not registered: {_reasons(evaluation, Verdict.FAIL, Verdict.ERROR)}",
            remedy="Train a better model, or change the gate in the settings if it asks too much.",
        )
    if outcome.exit_code == InconclusiveError.exit_code:
        raise InconclusiveError(
            f"the model is not registered: {_reasons(evaluation, Verdict.INCONCLUSIVE)}",
            remedy="Give more held-out rows, or change the gate in the settings.",
        )
    return outcome


def _reasons(evaluation: Evaluation, *verdicts: Verdict) -> str:
    """The gates with these verdicts, with what they say."""
    named = [f"{gate.gate}: {gate.reason}" for gate in evaluation.gates if gate.verdict in verdicts and not gate.waived]
    return "; ".join(named) or f"its verdict is {evaluation.verdict.value}"
