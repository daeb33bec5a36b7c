"""Which flags are in force after any order of documents and releases."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.flags import update_flags, with_shares
from modelway.records.flags import Shares
from modelway.records.serve import RoutingOptions, ServeOptions
from modelway.serve.steering import Steering


def release(*challengers: str) -> Any:
    return SimpleNamespace(champion=SimpleNamespace(version="3"), challengers=dict.fromkeys(challengers, ()))


BAD = "{"
ALONE, WITH_4, WITH_5 = release(), release("4"), release("5")
TO_4, TO_5, OFF = Shares(new_model=1, version="4"), Shares(new_model=1, version="5"), Shares()
CASES: list[tuple[list[Any], str, bool]] = [
    ([TO_4, WITH_4], "4", False),
    ([WITH_4, TO_4], "4", False),
    ([TO_4], "3", True),
    ([WITH_4, TO_4, ALONE], "3", True),
    ([WITH_4, TO_4, ALONE, WITH_4], "4", False),
    ([WITH_4, TO_4, ALONE, OFF], "3", False),
    ([WITH_4, TO_4, WITH_5], "3", True),
    ([WITH_4, TO_4, TO_5], "4", True),
    ([WITH_4, TO_4, TO_5, WITH_5], "5", False),
    ([WITH_4, TO_4, BAD], "4", True),
    ([WITH_4, TO_4, BAD, WITH_4], "4", True),
    ([WITH_4, TO_4, BAD, OFF], "3", False),
    ([WITH_4, TO_4, OFF, BAD, TO_4], "4", False),
]
"""Documents and releases in order, the version that answers at the end, and whether a fault is reported."""


@pytest.mark.parametrize("polls_between", [True, False])
@pytest.mark.parametrize(("events", "version", "faulty"), CASES)
def test_steering_after_documents_and_releases_has_the_last_good_pair(
    tmp_path: Path, events: list[Any], version: str, faulty: bool, polls_between: bool
) -> None:
    path = tmp_path / "flags.json"
    options = ServeOptions(routing=RoutingOptions(flags=str(path), poll_seconds=3600.0))
    update_flags(str(path), lambda found: with_shares(found, OFF))
    steering = Steering(ALONE, {}, options, None, lambda _: None)
    try:
        for event in events:
            if isinstance(event, Shares):
                path.unlink()
                update_flags(str(path), lambda found, shares=event: with_shares(found, shares))
            elif event is BAD:
                path.write_text(BAD)
            else:
                steering.take(event)
            if polls_between or isinstance(event, Shares | str):
                _poll(steering)
        _poll(steering)
        assert steering.plan.router.route("k").version == version
        assert (steering.fault is not None) is faulty
    finally:
        steering.close()


def _poll(steering: Steering) -> None:
    watch = steering._watch
    assert watch is not None
    steering._look(watch)
