"""A model's scores in the words of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from modelway.records.evaluate import Scores
    from modelway.serve.refusals import RefusedError
    from modelway.serve.release import ServedModel

_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True)
class Answer:
    """What a model says of a request's rows.

    Attributes:
        predictions: each row's class or value.
        probabilities: each row's probability of each class; None for regression.
    """

    predictions: list[Any]
    probabilities: list[list[float]] | None


def answer_of(model: ServedModel, scores: Scores, start: int = 0, stop: int | None = None) -> Answer:
    """The answer for some of the rows that were scored together."""
    predictions: list[Any] = scores.prediction[start:stop].tolist()
    if scores.probability is None:
        return Answer(predictions, None)
    classes = model.classes
    return Answer([classes[place] for place in predictions], scores.probability[start:stop].tolist())


def write_answer(model: ServedModel, answer: Answer) -> dict[str, Any]:
    """The body of the answer to a scoring request."""
    body: dict[str, Any] = {"predictions": answer.predictions}
    if answer.probabilities is not None:
        classes = model.classes
        body["probabilities"] = [dict(zip(classes, row, strict=True)) for row in answer.probabilities]
    body["model_name"] = model.name
    body["model_version"] = model.version
    return body


def write_refusal(refusal: RefusedError, request: str) -> dict[str, Any]:
    """The body for a request that got no answer: MLflow's two words, the faults, and the request's id."""
    body: dict[str, Any] = {"error_code": refusal.code, "message": refusal.message, "request_id": request}
    if refusal.faults:
        body["faults"] = refusal.faults
        body["more_faults"] = refusal.more
    return body


def write_inference_refusal(refusal: RefusedError, request: str) -> dict[str, Any]:
    """The same in the words of the Open Inference Protocol."""
    body = write_refusal(refusal, request)
    return {"error": body.pop("message"), **body}


def to_json(body: Any) -> bytes:
    """JSON, as UTF-8."""
    return _ENCODER.encode(body)
