"""The two protocols, each as what reads a body and what writes an answer or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.serve import tensors
from modelway.serve.answers import to_json, write_answer, write_inference_refusal, write_refusal
from modelway.serve.inference import read_inference, write_inference
from modelway.serve.refusals import RefusedError
from modelway.serve.scoring import READERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelway.serve.answers import Answer
    from modelway.serve.release import ServedModel
    from modelway.serve.validation import Question, Validator

    Headers = Mapping[bytes, bytes]
    Content = tuple[bytes, list[tuple[bytes, bytes]]]

JSON = (b"content-type", b"application/json")
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})


@dataclass(frozen=True, slots=True)
class Protocol:
    """One protocol.

    Attributes:
        read: a body and its headers into what was asked, and whatever `write` needs of it.
        write: the answer's body and headers.
        refuse: the body of a refusal, with the request's id.
    """

    read: Callable[[bytes, Headers, Validator], tuple[Question, Any]]
    write: Callable[[ServedModel, Answer, Any], Content]
    refuse: Callable[[RefusedError, str], dict[str, Any]]


def _read_scoring(body: bytes, headers: Headers, validator: Validator) -> tuple[Question, None]:
    reader = READERS.get(_media_type(headers))
    if reader is None:
        raise _unsupported(f"the content type has to be {' or '.join(name.decode() for name in READERS)}")
    return reader(body, validator), None


def _read_inference(body: bytes, headers: Headers, validator: Validator) -> tuple[Question, Any]:
    media, head_length = _media_type(headers), headers.get(tensors.HEADER)
    if media not in {b"application/json", b""} and (head_length is None or media != b"application/octet-stream"):
        raise _unsupported(
            "the content type has to be application/json; binary tensors need the header"
            " Inference-Header-Content-Length"
        )
    request, question = read_inference(body, head_length, validator)
    return question, request


def _write_scoring(model: ServedModel, answer: Answer, _: None) -> Content:
    return to_json(write_answer(model, answer)), [JSON]


def _media_type(headers: Headers) -> bytes:
    media, *parameters = headers.get(b"content-type", b"").lower().split(b";")
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"charset" and value.strip(b" \t\"'").decode("latin-1") not in _CHARSETS:
            raise _unsupported("the charset has to be UTF-8")
    return media.strip()


def _unsupported(message: str) -> RefusedError:
    return RefusedError(415, "UNSUPPORTED_MEDIA_TYPE", message)


SCORING = Protocol(_read_scoring, _write_scoring, write_refusal)
"""MLflow's, of `/predict` and `/invocations`."""
INFERENCE = Protocol(
    _read_inference, lambda model, answer, request: write_inference(request, model, answer), write_inference_refusal
)
"""The Open Inference Protocol's, of `/v2/models/NAME/infer`."""
