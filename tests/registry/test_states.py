"""The whole state table: how a model stands to the champion, times what is asked for."""

from __future__ import annotations

import pytest

from modelway.errors import GateError, InconclusiveError, ModelwayError
from modelway.records.data import Task
from modelway.records.evaluate import Evaluation, GateVerdict
from modelway.records.register import Alias
from modelway.records.verdict import Verdict
from modelway.registry.states import OUTCOMES, Act, Outcome, Standing, check_admitted, standing_of

CHALLENGER, CHAMPION = Alias.CHALLENGER, Alias.CHAMPION

# creates a version, aliases that move, exit code
TABLE = {
    ("first", "keep"): (False, (), 0),
    ("first", "register"): (True, (CHALLENGER, CHAMPION), 0),
    ("first", "promote"): (False, (CHAMPION,), 0),
    ("same", "keep"): (False, (), 0),
    ("same", "register"): (False, (), 0),
    ("same", "promote"): (False, (CHAMPION,), 0),
    ("worse", "keep"): (False, (), 4),
    ("worse", "register"): (False, (), 4),
    ("worse", "promote"): (False, (), 2),
    ("equal", "keep"): (False, (), 5),
    ("equal", "register"): (False, (), 5),
    ("equal", "promote"): (False, (), 2),
    ("better", "keep"): (False, (), 0),
    ("better", "register"): (True, (CHALLENGER,), 0),
    ("better", "promote"): (False, (CHAMPION,), 0),
}


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("act", Act)
def test_every_state_has_its_outcome(standing: Standing, act: Act) -> None:
    assert OUTCOMES[standing, act] == Outcome(*TABLE[standing.value, act.value])


@pytest.mark.parametrize("champion", [False, True])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("verdict", Verdict)
def test_the_standing_follows_from_verdict_digest_and_champion(verdict: Verdict, known: bool, champion: bool) -> None:
    if verdict in {Verdict.FAIL, Verdict.ERROR}:
        expected = "worse"
    elif known:
        expected = "same"
    elif verdict is Verdict.INCONCLUSIVE:
        expected = "equal"
    else:
        expected = "better" if champion else "first"
    assert standing_of(verdict, known=known, champion=champion) == expected


def test_only_promoting_and_the_first_version_move_the_champion() -> None:
    movers = {key for key, outcome in OUTCOMES.items() if CHAMPION in outcome.moves}
    assert {act for _, act in movers if act is not Act.PROMOTE} == {Act.REGISTER}
    assert [standing for standing, act in movers if act is Act.REGISTER] == [Standing.FIRST]


def gate(name: str, verdict: Verdict, *, waived: bool = False) -> GateVerdict:
    return GateVerdict(gate=name, verdict=verdict, reason=f"{name} says so", waived=waived)


EVERY = (
    gate("passes", Verdict.PASS),
    gate("fails", Verdict.FAIL),
    gate("errs", Verdict.ERROR),
    gate("lacks", Verdict.INCONCLUSIVE),
    gate("let_through", Verdict.INCONCLUSIVE, waived=True),
)


@pytest.mark.parametrize(
    ("standing", "gates", "kind", "words"),
    [
        (Standing.WORSE, EVERY, GateError, "fails: fails says so; errs: errs says so"),
        (Standing.EQUAL, EVERY, InconclusiveError, "lacks: lacks says so"),
        (Standing.WORSE, (), GateError, "its verdict is fail"),
        (Standing.EQUAL, (), InconclusiveError, "its verdict is fail"),
        *((standing, EVERY, None, "") for standing in (Standing.FIRST, Standing.SAME, Standing.BETTER)),
    ],
)
def test_a_refusal_names_the_gates_that_refuse(
    standing: Standing, gates: tuple[GateVerdict, ...], kind: type[ModelwayError] | None, words: str
) -> None:
    evaluation = Evaluation(
        task=Task.REGRESSION, primary="r2", rows=1, confidence=0.95, metrics={}, model_digest="d", champion_digest=None,
        size_bytes=1, gates=gates, verdict=Verdict.FAIL,
    )  # fmt: skip
    if kind is None:
        assert check_admitted(evaluation, standing) == OUTCOMES[standing, Act.REGISTER]
    else:
        with pytest.raises(kind) as caught:
            check_admitted(evaluation, standing)
        assert caught.value.what == f"the model is not registered: {words}"
