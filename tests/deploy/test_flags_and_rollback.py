"""An environment's shares by what is given of them, and which release a rollback goes to."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.deploy.flagging import set_flags, show_flags
from modelway.deploy.planner import plan_rollback
from modelway.errors import UsageError
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Live, LiveState, Release
from modelway.records.environment import EnvironmentOptions
from modelway.records.releases import Attempt, Releases


def _release(version: int, *challengers: int) -> Release:
    refs = [BundleRef(version=one, digest=f"{one}" * 64) for one in (version, *challengers)]
    return Release(name="loans", champion=refs[0], challengers=tuple(refs[1:]))


class TestFlags:
    BEFORE = (None, (0.0, 0.0, ""), (0.25, 0.5, "4"))

    @pytest.mark.parametrize(
        ("before", "new_model", "shadow", "version"),
        list(product(BEFORE, [None, 0.0, 0.75], [None, 0.0, 1.0], [None, "", "5"])),
    )
    def test_shares_that_are_given_change_and_others_stay(self, tmp_path: Path, before, new_model, shadow, version):
        place = _place(tmp_path)
        known = Releases(history=(_release(3, 4, 5),))
        if before is not None:
            set_flags(place, known, new_model=before[0], shadow=before[1], version=before[2])
        given = (new_model, shadow, version)
        told = set_flags(place, known, new_model=new_model, shadow=shadow, version=version)
        expected = [old if new is None else new for old, new in zip(before or (0.0, 0.0, ""), given, strict=True)]
        assert list(told["shares"].values()) == expected
        assert show_flags(place) == told

    @pytest.mark.parametrize("known", [Releases(), Releases(history=(_release(3),))])
    @pytest.mark.parametrize(("new_model", "shadow"), [(0.1, None), (None, 0.1), (0.0, 0.1), (0.0, 0.0), (None, None)])
    def test_share_is_refused_where_no_challenger_is(self, tmp_path: Path, known, new_model, shadow) -> None:
        place = _place(tmp_path)
        if new_model or shadow:
            with pytest.raises(UsageError, match="no challenger"):
                set_flags(place, known, new_model=new_model, shadow=shadow, version=None)
            assert show_flags(place)["shares"] is None
        else:
            assert set_flags(place, known, new_model=new_model, shadow=shadow, version=None)["shares"]


def _place(root: Path) -> Any:
    options = SimpleNamespace(target=None, s3=S3Options())
    return SimpleNamespace(environment="local", options=options, flags=str(root / "flags.json"))


class TestRollback:
    @pytest.mark.parametrize(
        ("history", "attempt", "goal"),
        [
            ([], None, None),
            ([1], None, None),
            ([1, 2], None, 1),
            ([1, 2, 3], None, 2),
            ([1, 2, 2], None, 1),  # the same one twice
            ([2, 1, 2], None, 1),
            ([1, 2], ("deploy", 3), 2),  # a deploy that was cut off: the last good one
            ([1, 2, 3], ("rollback", 1), 1),  # a rollback that was cut off continues
            ([1], ("deploy", 1), 1),
            ([], ("deploy", 1), None),
        ],
    )
    def test_rollback_goes_to_the_release_before_flags_first(self, history, attempt, goal) -> None:
        known = Releases(history=tuple(map(_release, history)))
        if attempt is not None:
            tried = Attempt(kind=attempt[0], release=_release(attempt[1]), started="", owner="")
            known = known.model_copy(update={"attempt": tried})
        place = SimpleNamespace(environment="local", options=EnvironmentOptions())
        target: Any = SimpleNamespace(plan=lambda release, live: ())
        plan = plan_rollback(place, target, known, Live(state=LiveState.ABSENT))
        assert (None if plan is None else plan.release.champion.version) == goal
        if plan is not None:
            assert [(step.room, step.action) for step in plan.steps] == [
                ("flags", "off"), ("state", "begin rollback"), ("wait", "stable"), ("smoke", "ask"),
                ("state", "withdraw"),
            ]  # fmt: skip
