"""Deploys with faults in them: the new release serves or the old one, never neither, and the exit code says which."""

from __future__ import annotations

import pytest
from drills import FAULTS, Outcome, drill


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("fault", FAULTS)
def test_one_of_the_two_serves_and_the_exit_code_says_which(fault: str, number: int) -> None:
    assert drill(fault, number).wrong(fault) == ""


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(0, 1, 0, 0, 2),
        Outcome(7, 2, 0, 0, 2),
        Outcome(0, 2, 1, 0, 2),
        Outcome(0, 2, 0, 6, 1),
        Outcome(6, 1, 0, 0, 2),
    ],
)
def test_what_is_wrong_is_noticed(outcome: Outcome) -> None:
    assert outcome.wrong("throttled")
