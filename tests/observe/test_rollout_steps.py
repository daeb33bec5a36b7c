"""Which outcomes a rollout's decision is given: those of the last step in which both arms answered, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelway.records.data import Task
from modelway.records.deploy import BundleRef
from modelway.records.observe import Baseline
from modelway.records.progress import silent
from modelway.records.rollout import AgreementGuard, CanaryStep, GuardOptions, OutcomeGuard, RolloutOptions, ShadowStep
from modelway.records.rollout_state import Rollout, RolloutStatus, ShareEpoch
from modelway.rollout.observing import LogObserver

from .rollout_fleet import NOON, S3, Fleet, Request

BASELINE = Baseline(
    rows=1, columns={}, predictions=None, metrics={}, task=Task.CLASSIFICATION, target="bad", classes=("no", "yes")
)
HOUR = 3600.0
EPOCHS = (
    ShareEpoch(epoch="shadow", step=0, share=0.0, shadow=1.0, began=NOON - 4 * HOUR),
    ShareEpoch(epoch="first", step=1, share=0.25, shadow=0.0, began=NOON - 3 * HOUR),
    ShareEpoch(epoch="second", step=2, share=0.5, shadow=0.0, began=NOON - 2 * HOUR),
    ShareEpoch(epoch="again", step=2, share=0.5, shadow=0.0, began=NOON - 1 * HOUR),
    ShareEpoch(epoch="all", step=3, share=1.0, shadow=0.0, began=NOON),
)
KEYS = {"shadow": (16, 0), "first": (8, 4), "second": (2, 1), "again": (32, 64), "all": (0, 128)}
"""Keys of each arm in each epoch, so that a sum says of which epochs it is."""
OPTIONS = RolloutOptions(
    steps=(
        ShadowStep(kind="shadow"), CanaryStep(kind="canary", share=0.25), CanaryStep(kind="canary", share=0.5),
    ),
    guards=GuardOptions(outcome=OutcomeGuard(alpha=0.1, uri="labels"), agreement=AgreementGuard(alpha=0.0)),
)  # fmt: skip


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A log with all epochs of a rollout, an hour each, and an outcome for every prediction."""
    fleet = Fleet(tmp_path_factory.mktemp("steps"))
    number, ids = 0, []
    for epoch in EPOCHS:
        for arm, count in zip(("champion", "challenger"), KEYS[epoch.epoch], strict=True):
            records: list[dict[str, Any]] = []
            for _ in range(count):
                number += 1
                request = Request(epoch.began + 10, key=number, arm=arm, epoch=epoch.epoch)
                records += request.records(number)
                ids.append(f"r{number}-0")
            if records:
                fleet.write("predictions", records, epoch.began + 10, epoch.began + 20)
    (fleet.root / "labels").mkdir()
    (fleet.root / "labels" / "labels.csv").write_text("id,bad\n" + "".join(f"{one},yes\n" for one in ids))
    return fleet


def rollout(step: int, epochs: tuple[ShareEpoch, ...]) -> Rollout:
    bundle = BundleRef(version=1, digest="a" * 64)
    return Rollout(
        id="1", model="loans", champion=bundle, challenger=bundle, release="r", plan="p",
        status=RolloutStatus.WATCHING if step == 3 else RolloutStatus.RUNNING, reason="", began=EPOCHS[0].began,
        step=step, step_began=epochs[-1].began, entered=True, resumed=0.0, observed_until=NOON + 60, ticks=0,
        epochs=epochs,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "epochs", "counted"),
    [
        pytest.param(0, ("shadow",), None, id="in shadow no one gets the challenger's answers"),
        pytest.param(1, ("shadow", "first"), ("first",), id="the first canary"),
        pytest.param(2, ("shadow", "first", "second"), ("second",), id="the second, and not the first"),
        pytest.param(2, ("first", "second", "again"), ("second", "again"), id="a step whose shares were set twice"),
        pytest.param(3, ("first", "second", "again", "all"), ("second", "again"), id="after all of the traffic"),
        pytest.param(3, ("first", "all"), ("first",), id="after the only canary"),
    ],
)
def test_outcomes_of_a_step(fleet: Fleet, step: int, epochs: tuple[str, ...], counted: Any, tmp_path: Path) -> None:
    observer = LogObserver(
        options=OPTIONS, log=fleet.log, outcomes=str(fleet.root / "labels"), segment_seconds=10.0,
        baseline=lambda _: BASELINE, s3=S3, cache=tmp_path, progress=silent,
    )  # fmt: skip
    chosen = tuple(one for one in EPOCHS if one.epoch in epochs)
    found = observer(rollout(step, chosen), (), NOON + 60).outcomes
    if counted is None:
        assert found is None
    else:
        assert found is not None
        sums = [sum(KEYS[epoch][arm] for epoch in counted) for arm in (0, 1)]
        assert [found.champion.keys, found.challenger.keys] == sums
