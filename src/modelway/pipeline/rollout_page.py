"""The page of an environment's rollout, where people and the environment's own servers find it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.deploy.state import ROLLOUT_PAGE, below
from modelway.report.rollout import render_rollout
from modelway.rollout.store import ROLLOUT
from modelway.storage import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.pipeline.environment import Environment
    from modelway.records.rollout import RolloutOptions
    from modelway.records.rollout_forecast import Forecast
    from modelway.records.rollout_state import Rollout, Tick


def leave_rollout_page(
    environment: Environment,
    rollout: Rollout,
    ticks: Sequence[Tick],
    options: RolloutOptions,
    forecast: Forecast | None = None,
    directory: Path | None = None,
) -> str:
    """Write the page beside the environment's state, and where a local target's servers read it.

    Args:
        environment: whose rollout it is.
        rollout: where it is.
        ticks: the records of its ticks, the oldest first.
        options: the settings' `rollout` by which it began.
        forecast: what the steps need, as far as it was said.
        directory: where page and `rollout.json` go besides, if anywhere.

    Returns:
        Its address.

    Raises:
        OutsideError: it can't be written.
    """
    page = render_rollout(rollout, ticks, options, forecast).encode()
    address = below(environment.state.uri, ROLLOUT_PAGE)
    for place in {address, environment.place.serve.rollout_page or address}:
        write_bytes(place, page, s3=environment.state.s3)
    if directory is not None:
        write_bytes(str(directory / ROLLOUT_PAGE), page)
        write_bytes(str(directory / ROLLOUT), rollout.to_json().encode())
    return address
