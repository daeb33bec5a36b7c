"""The least that serves the bundle over HTTP: Starlette, uvicorn and ONNX; it checks, counts and records nothing."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from modelway.bundle import open_bundle

if TYPE_CHECKING:
    from starlette.requests import Request

bundle = open_bundle(Path(sys.argv[1]))
columns = bundle.signature.columns
classes = bundle.signature.classes
epoch = datetime(1970, 1, 1, tzinfo=UTC)


def micros(text: str) -> int:
    """A date as the features read it."""
    return int((datetime.fromisoformat(text).replace(tzinfo=UTC) - epoch).total_seconds() * 1e6)


async def predict(request: Request) -> Response:
    """Answer one request."""
    rows: list[dict[str, Any]] = msgspec.json.decode(await request.body())["dataframe_records"]
    asked = {
        column.name: [micros(row[column.name]) if column.type == "date" else row[column.name] for row in rows]
        for column in columns
    }
    scores = bundle.predict(asked, len(rows))
    answer = {
        "predictions": [classes[number] for number in scores.prediction],
        "probabilities": [dict(zip(classes, row, strict=True)) for row in scores.probability.tolist()],
    }
    return Response(msgspec.json.encode(answer), media_type="application/json")


app = Starlette(routes=[Route("/invocations", predict, methods=["POST"])])
uvicorn.run(app, port=int(sys.argv[2]), http="httptools", loop="uvloop", access_log=False, log_level="warning")
