"""Every caller against every misbehaviour: it ends, with exit code 6 and a message that holds no secret."""

from __future__ import annotations

from typing import Any

import callers
import misbehaving
import pytest

from modelway.errors import OutsideError

MISBEHAVIOURS = (*misbehaving.NEVER_ENDING, *misbehaving.BROKEN, *misbehaving.WRONG, *misbehaving.REFUSING)
FINE = {
    # What a caller has no use for, and what says nothing against it.
    (caller, behave)
    for caller in ("slack_message", "image_registry")
    for behave in ("nests_deeply", "is_empty", "is_an_empty_list", "is_a_text", "is_no_text", "sends_a_bomb")
}


@pytest.mark.parametrize("caller", callers.CALLERS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("behave", MISBEHAVIOURS, ids=lambda one: one.__name__)
def test_it_ends_with_exit_code_6(caller: Any, behave: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fine = (caller.__name__, behave.__name__) in FINE
    callers.shorten(monkeypatch, 20.0 if fine else 1.0)
    with misbehaving.running(misbehaving.closes) as elsewhere, misbehaving.running(behave) as server:
        server.elsewhere = elsewhere.url
        outcome = misbehaving.ends(lambda: caller(server.url))
        if fine:
            assert not isinstance(outcome, Exception), repr(outcome)
            return
        assert isinstance(outcome, OutsideError), repr(outcome)
        assert outcome.exit_code == 6
        if behave.__name__.startswith("is_a_login") and caller is not callers.admin_status:
            assert "a login page or a proxy answered" in str(outcome)
        if (
            behave.__name__.startswith("redirects")
            and "admin" not in caller.__name__
            and "mlflow" not in caller.__name__
        ):
            target = server if behave is misbehaving.redirects_to_itself else elsewhere
            assert target.url in str(outcome).replace(f"{server.url}: ", ""), "where to is told, but not the whole link"
        assert callers.SECRET not in f"{outcome} {outcome!r}"
        assert "in-a-link" not in str(outcome)
        # MLflow follows redirects, without the token.
        assert not elsewhere.heads or caller is callers.mlflow_registry
        assert callers.SECRET.encode() not in b"".join(elsewhere.heads)
