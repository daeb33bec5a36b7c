"""What a smoke test finds wrong with an answer: each judge of its own, called with answers as servers give them."""

from __future__ import annotations

import json
import statistics
from types import SimpleNamespace
from typing import Any

import pytest

from modelway.deploy.smoke import run as run_module
from modelway.deploy.smoke.asking import Reply
from modelway.deploy.smoke.expected import Expected
from modelway.deploy.smoke.judging import agrees, answers, infers, lists, refuses, says, status
from modelway.deploy.smoke.questions import Question
from modelway.deploy.smoke.settings import check_settings
from modelway.records.bundle import Signature
from modelway.records.data import Task
from modelway.records.environment import SmokeOptions
from modelway.records.verdict import Verdict


def _reply(body: Any, status: int = 200) -> Reply:
    return Reply(status, body if isinstance(body, bytes) else json.dumps(body).encode(), 1.0)


def _expected(*classes: str, threshold: float = 0.5, **more: Any) -> Expected:
    task = Task.CLASSIFICATION if classes else Task.REGRESSION
    signature = Signature(task=task, target="y", columns=(), outputs=(), classes=classes, threshold=threshold)
    return Expected("loans", "3", signature, {}, {}, **more)


def _infer(predictions: list[Any], flat: list[float] | None = None, version: str = "3", **more: Any) -> Reply:
    outputs = [{"name": "prediction", "data": predictions}]
    outputs += [] if flat is None else [{"name": "probability", "data": flat}]
    return _reply({"model_version": version, "outputs": outputs, **more})


METADATA = {"versions": ["1", "2"], "inputs": [{"name": "a"}, {"name": "b"}]}
JUDGED: dict[str, tuple[Any, Reply, str | None]] = {
    "status": (status(200), _reply({}), None),
    "another status": (status(200), _reply({}, 204), "status 204"),
    "ready": (says("ready", wanted=True), _reply({"ready": True}), None),
    "not ready": (says("ready", wanted=True), _reply({"ready": False}), "ready is False"),
    "ready as an error": (says("ready", wanted=True), _reply({"ready": True}, 503), "status 503"),
    "versions in any order": (lists(["2", "1"], ["b", "a"]), _reply(METADATA), None),
    "a version more": (lists(["1"], ["a", "b"]), _reply(METADATA), "versions 1, 2, not 1"),
    "a version less": (lists(["1", "2", "3"], ["a", "b"]), _reply(METADATA), "versions 1, 2, not 1, 2, 3"),
    "another version": (lists(["1", "3"], ["a", "b"]), _reply(METADATA), "versions 1, 2, not 1, 3"),
    "a column more": (lists(["1", "2"], ["a"]), _reply(METADATA), "it wants the columns a, b"),
    "a column less": (lists(["1", "2"], ["a", "b", "c"]), _reply(METADATA), "it wants the columns a, b"),
    "metadata as an error": (lists(["1", "2"], ["a", "b"]), _reply(METADATA, 500), "status 500"),
    "any version answers": (answers(2, ["1", "2"]), _reply({"model_version": "2", "predictions": [1, 2]}), None),
    "none of them answers": (answers(2, ["1"]), _reply({"model_version": "2", "predictions": [1, 2]}), "version 2"),
    "too few predictions": (answers(2, ["1"]), _reply({"model_version": "1", "predictions": [1]}), "not 2 predictions"),
    "too many": (answers(2, ["1"]), _reply({"model_version": "1", "predictions": [1, 2, 3]}), "not 2 predictions"),
    "predictions as an error": (answers(1, ["1"]), _reply({"model_version": "1", "predictions": [1]}, 202), "202"),
    "refused": (refuses(None), _reply({"message": "no"}, 400), None),
    "refused in other words": (refuses(None), _reply({"error": "no"}, 499), None),
    "refused without words": (refuses(None), _reply({}, 422), "says nothing"),
    "not refused": (refuses(None), _reply({"message": "no"}, 200), "not refused"),
    "failed": (refuses(None), _reply({"message": "no"}, 500), "not refused"),
    "refused by name": (refuses("age"), _reply({"message": "x", "faults": [{"field": "age"}]}, 422), None),
    "refused by another name": (refuses("age"), _reply({"message": "x", "faults": [{"field": "a"}]}, 422), "'age'"),
    "refused by a long name": (refuses("n" * 200), _reply({"message": "n" * 80}, 422), None),
    "refused by too short a name": (refuses("n" * 200), _reply({"message": "n" * 79}, 422), "does not name"),
}
TWO, THREE, NUMBER = _expected("no", "yes", predictions=[], probabilities=[]), _expected("a", "b", "c", predictions=[],
    probabilities=[]), _expected(predictions=[], probabilities=None)  # fmt: skip
JUDGED |= {
    "probabilities": (infers(TWO, 2), _infer(["no", "yes"], [0.6, 0.4, 0.0, 1.0]), None),
    "of another version": (infers(TWO, 1), _infer(["no"], [0.6, 0.4], version="2"), "version 2 answered, not 3"),
    "infer as an error": (infers(TWO, 1), Reply(500, _infer(["no"], [0.6, 0.4]).body, 1.0), "status 500"),
    "they sum to more": (infers(TWO, 2), _infer(["no", "yes"], [0.6, 0.4, 0.5, 0.502]), "row 1"),
    "they sum to less": (infers(TWO, 2), _infer(["no", "yes"], [0.5, 0.498, 0.5, 0.5]), "row 0"),
    "they sum to about one": (infers(TWO, 1), _infer(["no"], [0.5, 0.5009]), None),
    "a negative one": (infers(THREE, 1), _infer(["a"], [1.1, -0.1, 0.0]), "no probabilities"),
    "one too few": (infers(THREE, 1), _infer(["a"], [0.5, 0.5]), "predictions for"),
    "rows too few": (infers(THREE, 2), _infer(["a"], [0.5, 0.5, 0.0]), "1 predictions for 2 rows"),
    "no probabilities": (infers(TWO, 1), _infer(["no"]), "predictions for"),
    "no outputs": (infers(TWO, 1), _reply({"model_version": "3"}), "no outputs"),
    "numbers": (infers(NUMBER, 2), _infer([1, 2.5]), None),
    "text for a number": (infers(NUMBER, 2), _infer([1, "2.5"]), "no finite number"),
    "not a number": (infers(NUMBER, 1), _infer([float("nan")]), "version None"),  # invalid JSON
    "infinity": (infers(NUMBER, 1), _infer([float("inf")]), "version None"),
}  # fmt: skip


@pytest.mark.parametrize("name", JUDGED)
def test_judge_finds_what_is_wrong(name: str) -> None:
    judge, reply, wrong = JUDGED[name]
    found = judge(reply)
    assert (found is None) if wrong is None else (found is not None and wrong in found), found


AGREES: dict[str, tuple[Expected, float, list[Any], list[float] | None, str | None]] = {
    "the same": (
        _expected("no", "yes", predictions=["no", "yes"], probabilities=[[0.7, 0.3], [0.2, 0.8]]), 0.01,
        ["no", "yes"], [0.7, 0.3, 0.2, 0.8], None,
    ),
    "within the tolerance": (
        _expected("no", "yes", predictions=["no"], probabilities=[[0.7, 0.3]]), 0.011, ["no"], [0.69, 0.31], None,
    ),
    "beyond it": (
        _expected("no", "yes", predictions=["no"], probabilities=[[0.7, 0.3]]), 0.009, ["no"], [0.69, 0.31], "row 0",
    ),
    "beyond it in the last row": (
        _expected("no", "yes", predictions=["no", "no"], probabilities=[[0.7, 0.3], [0.7, 0.3]]), 0.01,
        ["no", "no"], [0.7, 0.3, 0.6, 0.4], "row 1",
    ),
    "rows exchanged": (
        _expected("no", "yes", predictions=["no", "no"], probabilities=[[0.9, 0.1], [0.7, 0.3]]), 0.01,
        ["no", "no"], [0.7, 0.3, 0.9, 0.1], "row 0",
    ),
    "another class": (
        _expected("no", "yes", predictions=["no"], probabilities=[[0.7, 0.3]]), 0.01, ["yes"], [0.7, 0.3], "'yes' was",
    ),
    "another class at the threshold": (
        _expected("no", "yes", threshold=0.3, predictions=["no"], probabilities=[[0.695, 0.305]]), 0.01, ["yes"],
        [0.695, 0.305], None,
    ),
    "another class at one half where the threshold is another": (
        _expected("no", "yes", threshold=0.3, predictions=["no"], probabilities=[[0.5, 0.5]]), 0.01, ["yes"],
        [0.5, 0.5], "'yes' was",
    ),
    "another of the two likeliest classes": (
        _expected("a", "b", "c", predictions=["b"], probabilities=[[0.2, 0.401, 0.399]]), 0.01, ["c"],
        [0.2, 0.401, 0.399], None,
    ),
    "another of two unlikely classes": (
        _expected("a", "b", "c", predictions=["a"], probabilities=[[0.6, 0.2, 0.2]]), 0.01, ["b"], [0.6, 0.2, 0.2],
        "'b' was",
    ),
    "a number": (_expected(predictions=[1.0, 200.0], probabilities=None), 0.01, [1.009, 201.9], None, None),
    "another number": (_expected(predictions=[1.0, 200.0], probabilities=None), 0.01, [1.0, 202.1], None, "202.1"),
    "a number near zero": (_expected(predictions=[0.0], probabilities=None), 0.01, [0.009], None, None),
    "a row too few": (_expected(predictions=[1.0, 2.0], probabilities=None), 0.01, [1.0], None, "1 predictions"),
}  # fmt: skip


@pytest.mark.parametrize("name", AGREES)
def test_agrees_compares_each_row_with_what_the_bundle_expects(name: str) -> None:
    expected, tolerance, predictions, flat, wrong = AGREES[name]
    found = agrees(expected, tolerance)(_infer(predictions, flat))
    assert (found is None) if wrong is None else (found is not None and wrong in found), found


@pytest.mark.parametrize(
    ("times", "bound", "passes"),
    [
        ([1, 5, 9], 5.0, True),
        ([1, 5, 9], 4.999, False),
        ([1, 4, 6, 999], 5.0, True),
        ([1, 4, 6.1, 7], 5.0, False),
        ([9], 9.0, True),
    ],
)
def test_latency_is_the_median_of_as_many_answers_as_the_settings_say(times, bound: float, passes: bool) -> None:
    replies = iter([Reply(200, b"", milliseconds) for milliseconds in times])
    asker = SimpleNamespace(ask=lambda *_: next(replies))
    question = Question("input example", "POST", "/predict", b"{}", status(200))
    check = run_module._time(asker, question, SmokeOptions(requests=len(times), latency_ms=bound))
    assert (check.verdict, check.attempts) == (Verdict.PASS if passes else Verdict.FAIL, len(times))
    assert check.milliseconds == statistics.median(times)
    assert next(replies, None) is None


@pytest.mark.parametrize("wrong", [1, 2, 3])
def test_latency_with_a_wrong_answer_fails_at_that(wrong: int) -> None:
    replies = iter([Reply(500 if number == wrong else 200, b"", 1.0) for number in (1, 2, 3)])
    asker = SimpleNamespace(ask=lambda *_: next(replies))
    question = Question("input example", "POST", "/predict", b"{}", status(200))
    check = run_module._time(asker, question, SmokeOptions(requests=3))
    assert (check.verdict, check.attempts) == (Verdict.FAIL, wrong)
    assert f"answer {wrong} of 3" in check.detail


class Waiting:
    """Stands in for a wait: so many rests fit into it."""

    def __init__(self, rests: int) -> None:
        self.left = rests * 0.5 + 0.5
        self.rests = 0

    def sleep(self, seconds: float) -> None:
        self.left -= seconds
        self.rests += 1


OLD, NEW = "0" * 12, "a" * 12


@pytest.mark.parametrize(
    ("wanted", "reports", "rests", "verdict", "attempts", "says"),
    [
        (NEW, [NEW], 3, Verdict.PASS, 1, f"digest {NEW}"),
        (NEW, [OLD, OLD, NEW], 3, Verdict.PASS, 3, f"digest {NEW}"),
        (NEW, [OLD] * 4, 3, Verdict.FAIL, 4, f"reports {OLD}, not {NEW}"),
        (NEW, [None], 0, Verdict.FAIL, 1, f"reports none, not {NEW}"),
        (NEW, ["<script>"], 0, Verdict.FAIL, 1, "reports none"),
        (None, [None], 3, Verdict.PASS, 1, "nothing is set"),
        (None, [OLD] * 2, 1, Verdict.FAIL, 2, f"reports {OLD}, not none"),
        (NEW, [500], 3, Verdict.PASS, 1, "not verified: GET /v2 was answered with status 500"),
        (NEW, [0], 3, Verdict.PASS, 1, "not verified: nobody"),
        (NEW, [[1]], 3, Verdict.PASS, 1, "not verified: GET /v2"),
    ],
)
def test_settings_are_compared_until_the_server_reports_those_of_its_release(
    wanted, reports, rests: int, verdict: Verdict, attempts: int, says: str
) -> None:
    def answer(one: Any) -> Reply:
        if isinstance(one, int):
            return Reply(one, b"nobody" if not one else b"{}", 1.0)
        return _reply(one if isinstance(one, list) else {"name": "modelway", "settings_digest": one})

    asked = iter(map(answer, reports))
    wait = Waiting(rests)
    check = check_settings(SimpleNamespace(ask=lambda *_: next(asked)), wanted, wait)
    assert (check.verdict, check.attempts, wait.rests) == (verdict, attempts, attempts - 1)
    assert says in check.detail
