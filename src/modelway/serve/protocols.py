"""The two protocols, each as what reads a body and what writes an answer or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.serve.answers import write_answer, write_inference_refusal, write_refusal
from modelway.serve.inference import read_inference, write_inference
from modelway.serve.refusals import RefusedError
from modelway.serve.scoring import READERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.serve.answers import Answer
    from modelway.serve.release import ServedModel
    from modelway.serve.validation import Question, Validator


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol.

    Attributes:
        read: a body and its media type into what was asked, and whatever `write` needs of it.
        write: the answer's body.
        refuse: the body of a refusal, with the request's id.
    """

    read: Callable[[bytes, bytes, Validator], tuple[Question, Any]]
    write: Callable[[ServedModel, Answer, Any], dict[str, Any]]
    refuse: Callable[[RefusedError, str], dict[str, Any]]


def _read_scoring(body: bytes, media: bytes, validator: Validator) -> tuple[Question, None]:
    reader = READERS.get(media)
    if reader is None:
        known = " or ".join(name.decode() for name in READERS)
        raise RefusedError(415, "UNSUPPORTED_MEDIA_TYPE", f"the content type has to be {known}")
    return reader(body, validator), None


def _read_inference(body: bytes, media: bytes, validator: Validator) -> tuple[Question, Any]:
    if media not in {b"application/json", b""}:
        raise RefusedError(415, "UNSUPPORTED_MEDIA_TYPE", "the content type has to be application/json")
    request, question = read_inference(body, validator)
    return question, request


SCORING = Protocol(_read_scoring, lambda model, answer, _: write_answer(model, answer), write_refusal)
"""MLflow's, of `/predict` and `/invocations`."""
INFERENCE = Protocol(
    _read_inference, lambda model, answer, request: write_inference(request, model, answer), write_inference_refusal
)
"""The Open Inference Protocol's, of `/v2/models/NAME/infer`."""
