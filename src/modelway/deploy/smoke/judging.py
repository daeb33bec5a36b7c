"""What is wrong with an answer: pure functions of a reply, each made for one question."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modelway.deploy.smoke.asking import Reply
    from modelway.deploy.smoke.expected import Expected

    Judge = Callable[[Reply], str | None]

_MOST_SAID = 200
_NAMED = 80
"""Characters of a column's name that a refusal shows at least."""


def status(wanted: int) -> Judge:
    """The status is this one."""
    return lambda reply: None if reply.status == wanted else f"status {reply.status}: {_said(reply)}"


def says(key: str, *, wanted: Any) -> Judge:
    """The body has this value under this key."""

    def judge(reply: Reply) -> str | None:
        if reply.status != 200:
            return f"status {reply.status}: {_said(reply)}"
        found = _object(reply).get(key)
        return None if found == wanted else f"{key} is {found!r}, not {wanted!r}"

    return judge


def lists(versions: Sequence[str], columns: Sequence[str]) -> Judge:
    """The metadata name exactly these versions and these columns."""

    def judge(reply: Reply) -> str | None:
        if reply.status != 200:
            return f"status {reply.status}: {_said(reply)}"
        found = _object(reply)
        if sorted(found.get("versions", [])) != sorted(versions):
            return f"it serves the versions {_words(found.get('versions', []))}, not {_words(versions)}"
        names = [one.get("name") for one in found.get("inputs", [])]
        return None if sorted(map(str, names)) == sorted(columns) else f"it wants the columns {_words(names)}"

    return judge


def answers(rows: int, versions: Sequence[str]) -> Judge:
    """A scoring request is answered by one of these versions, with a prediction for each row."""

    def judge(reply: Reply) -> str | None:
        if reply.status != 200:
            return f"status {reply.status}: {_said(reply)}"
        found = _object(reply)
        if found.get("model_version") not in versions:
            return f"version {found.get('model_version')} answered, not {_words(versions)}"
        predictions = found.get("predictions")
        if not isinstance(predictions, list) or len(predictions) != rows:
            return f"there are not {rows} predictions: {_said(reply)}"
        return None

    return judge


def infers(expected: Expected, rows: int) -> Judge:
    """An infer request is answered by the version it names: a prediction for each row, probabilities that are some."""

    def judge(reply: Reply) -> str | None:
        _, _, wrong = _outputs(reply, expected, rows)
        return wrong

    return judge


def agrees(expected: Expected, tolerance: float) -> Judge:
    """The answer is what the bundle expects for its reference rows."""

    def judge(reply: Reply) -> str | None:
        predictions, probabilities, wrong = _outputs(reply, expected, expected.rows)
        if wrong is not None:
            return wrong
        if expected.probabilities is None:
            return _compare(predictions, expected.predictions, tolerance)
        pairs = zip(probabilities, expected.probabilities, strict=True)
        for number, (found, wanted) in enumerate(pairs):
            if (far := _compare(found, wanted, tolerance)) is not None:
                return f"row {number}: {far}"
        # Where two classes are as good as equally likely, rounding may choose either.
        for number, (said, wanted_class) in enumerate(zip(predictions, expected.predictions, strict=True)):
            if said != wanted_class and not _torn(expected, number, tolerance):
                return f"row {number}: {said!r} was predicted, not {wanted_class!r}"
        return None

    return judge


def refuses(field: str | None) -> Judge:
    """The request is refused with a message and, where one is named, with the field at fault."""

    def judge(reply: Reply) -> str | None:
        if not 400 <= reply.status < 500:
            return f"it was not refused: status {reply.status}: {_said(reply)}"
        found = _object(reply)
        if not (found.get("message") or found.get("error")):
            return f"the refusal says nothing: {_said(reply)}"
        if field is not None and not any(field[:_NAMED] in text for text in _texts(found)):
            return f"the refusal does not name {field!r}: {_said(reply)}"
        return None

    return judge


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value: a name may be escaped in the body, and is not in these."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _outputs(reply: Reply, expected: Expected, rows: int) -> tuple[list[Any], list[list[float]], str | None]:
    """Predictions and probabilities of an infer answer, or what is wrong with it."""
    if reply.status != 200:
        return [], [], f"status {reply.status}: {_said(reply)}"
    found = _object(reply)
    if found.get("model_version") != expected.version:
        return [], [], f"version {found.get('model_version')} answered, not {expected.version}"
    try:
        outputs = {one["name"]: one["data"] for one in found["outputs"]}
        predictions: list[Any] = outputs["prediction"]
        flat: list[float] = outputs.get("probability", [])
    except (KeyError, TypeError):
        return [], [], f"the answer has no outputs: {_said(reply)}"
    width = len(expected.signature.classes)
    if len(predictions) != rows or len(flat) != rows * width:
        return [], [], f"{len(predictions)} predictions for {rows} rows"
    probabilities = [flat[at * width : (at + 1) * width] for at in range(rows)] if width else []
    return predictions, probabilities, _implausible(predictions, probabilities)


def _implausible(predictions: list[Any], probabilities: list[list[float]]) -> str | None:
    for number, row in enumerate(probabilities):
        if not all(0 <= value <= 1 for value in row) or not math.isclose(sum(row), 1, abs_tol=1e-3):
            return f"row {number}: {row} are no probabilities"
    if not probabilities and not all(isinstance(one, int | float) and math.isfinite(one) for one in predictions):
        return "a prediction is no finite number"
    return None


def _compare(found: Sequence[float], wanted: Sequence[float], tolerance: float) -> str | None:
    for said, expected in zip(found, wanted, strict=True):
        if not math.isclose(said, expected, rel_tol=tolerance, abs_tol=tolerance):
            return f"{said} was answered, {expected} expected"
    return None


def _torn(expected: Expected, number: int, tolerance: float) -> bool:
    """Whether a row's two likeliest classes, or the positive one and the threshold, are closer than the tolerance."""
    row = (expected.probabilities or [])[number]
    if len(row) == 2:
        return abs(row[1] - expected.signature.threshold) <= tolerance
    first, second = sorted(row, reverse=True)[:2]
    return first - second <= tolerance


def _object(reply: Reply) -> dict[str, Any]:
    found = reply.json()
    return found if isinstance(found, dict) else {}


def _said(reply: Reply) -> str:
    text = " ".join(reply.body.decode("utf-8", "replace").split())
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}..."


def _words(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values)) or "none"
