"""Options of `smoke-train`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelway.records.base import Record

_Positive = Annotated[int, Field(ge=1)]


class SmokeTrainOptions(Record):
    """The `smoke_train` section of the settings: how small a training must do."""

    epochs: _Positive = 1
    """Passes over the training rows, or rounds of boosted trees; an estimator of your own decides by itself."""
    batch_size: _Positive = 32
    """Rows in each step of the optimiser, where the estimator has such steps."""
    rows: _Positive = 1000
    """Of the project's data, use no more than about so many rows, a fixed sample."""
