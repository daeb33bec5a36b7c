"""The bundle behind BentoML: rows come as objects, and no data frame is made of them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bentoml

from modelway.bundle import open_bundle

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@bentoml.service(workers=1)
class Loans:
    """Answers what the bare app answers."""

    def __init__(self) -> None:
        self._bundle = open_bundle(Path(os.environ["BENCH_BUNDLE"]))

    @bentoml.api(route="/invocations")
    def predict(self, dataframe_records: list[dict[str, Any]]) -> dict[str, Any]:
        """Answer one request."""
        rows, signature = dataframe_records, self._bundle.signature
        asked: dict[str, list[Any]] = {}
        for column in signature.columns:
            values = [row[column.name] for row in rows]
            if column.type == "date":
                moments = (datetime.fromisoformat(value).replace(tzinfo=UTC) - EPOCH for value in values)
                values = [int(moment.total_seconds() * 1e6) for moment in moments]
            asked[column.name] = values
        scores = self._bundle.predict(asked, len(rows))
        classes = signature.classes
        return {
            "predictions": [classes[number] for number in scores.prediction],
            "probabilities": [dict(zip(classes, row, strict=True)) for row in scores.probability.tolist()],
        }
