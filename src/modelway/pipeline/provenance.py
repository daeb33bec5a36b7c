"""Where a model comes from, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import modelway
from modelway.pipeline.prepare import data_digest

if TYPE_CHECKING:
    from modelway.records.data import Dataset
    from modelway.records.evaluate import Evaluation


def describe(dataset: Dataset, evaluation: Evaluation, commit: str | None) -> dict[str, str]:
    """Lines for the report."""
    lines = {
        "modelway": modelway.__version__,
        "model digest": evaluation.model_digest,
        "data digest": data_digest(dataset),
    }
    if commit:
        lines["commit"] = commit
    return lines
