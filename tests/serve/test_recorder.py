"""Which requests are recorded, what they count as, and how large ones wait for memory, without a server."""

from __future__ import annotations

import json
import os
import random
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelway.records.evaluate import Scores
from modelway.records.serve import HUNG_UP, LogOptions
from modelway.serve.answers import Answer, answer_of, write_answer
from modelway.serve.channel import Channel
from modelway.serve.children import Role, fork_child
from modelway.serve.metrics import Kept
from modelway.serve.recorder import Recorder, Served
from modelway.serve.validation import Question

FILES = Path("/dev/fd")


class Journal:
    """A journal with room where its script says so; keeps what it is asked and given."""

    dropped = 0

    def __init__(self, room: str = "") -> None:
        self._room = iter(room)
        self.calls: list[str] = []
        self.lines: list[dict[str, Any]] = []

    def append(self, stream: str, line: bytes, _moment: float, *, bulk: bool = False) -> bool:
        assert stream == "predictions"
        self.calls.append("bulk" if bulk else "append")
        taken = next(self._room, "+") == "+"
        self.lines += [json.loads(line)] * taken
        return taken

    def wait_for_room(self, _size: int, _seconds: float) -> bool:
        self.calls.append("wait")
        return next(self._room, "+") == "+"


class Model:
    """What a recorder reads of a model."""

    version, classes, signature = "3", ("no", "yes"), SimpleNamespace(columns=())


MODEL = Model()


def _served(status: int = 200, rows: int | None = None, **more: Any) -> Served:
    answer = None if rows is None else Answer(["no"] * rows, [[0.75, 0.25]] * rows)
    question = None if rows is None else Question({}, rows)
    return Served(
        "id", "request", 0.0, None, "champion", "3", "e", status, 1.0, MODEL, question=question, answer=answer, **more
    )


@pytest.mark.parametrize(
    ("room", "calls"),
    [
        ("++++++", ["wait", "bulk"] * 3),
        ("--" + "-" + "-" + "+" + "++", ["wait", "bulk", "bulk", "bulk", "bulk", "wait", "bulk"]),
        ("-+" + "++", ["wait", "bulk"] * 2),
        ("+-" + "++", ["wait", "bulk"] * 2),
        ("--+" + "--+" + "++", ["wait", "bulk", "bulk"] * 2 + ["wait", "bulk"]),
    ],
)
def test_large_requests_wait_for_memory_and_again_once_some_was_there(room: str, calls: list[str]) -> None:
    """`+` there is room, `-` there is none: of each wait and each record in turn."""
    journal = Journal(room)
    recorder = Recorder(LogOptions(), journal, Kept())
    for _ in range(calls.count("bulk")):
        recorder._append_bulk(b"{}", 0.0)
    assert journal.calls == calls
    recorder.close()


@pytest.mark.parametrize(("sample", "luck"), list(product([0.0, 0.3, 1.0], [0.0, 0.2999, 0.3, 0.9])))
@pytest.mark.parametrize("status", [200, 422, HUNG_UP, 500, 503])
@pytest.mark.parametrize("smoke", [False, True])
def test_request_is_logged_as_often_as_its_record_says(monkeypatch, sample, luck, status, smoke) -> None:
    monkeypatch.setattr(random, "random", lambda: luck)
    journal = Journal()
    recorder = Recorder(LogOptions(sample=sample), journal, Kept())
    served = _served(status, smoke=smoke)
    always = smoke or status >= 500
    assert recorder.wants(served) is (always or luck < sample)
    assert Recorder(LogOptions(sample=sample), None, Kept()).wants(served) is False
    recorder.record(served)
    assert journal.lines[0]["probability"] == (1.0 if always else sample)
    recorder.close()


@pytest.mark.parametrize(
    ("changes", "room", "outcome"),
    [
        ({}, "+", "logged"),
        ({}, "-", "dropped"),
        ({"rows": 3}, "+++", "logged"),
        ({"rows": 3}, "++-", "dropped"),
        ({"rows": 3}, "-++", "dropped"),
        ({"status": HUNG_UP}, "+", "hung_up"),
        ({"status": HUNG_UP, "smoke": True}, "+", "smoke"),
        ({"smoke": True}, "-", "smoke"),
        ({"status": 500}, "+", "logged"),
        ({"hung_up": "response"}, "+", "logged"),
    ],
)
@pytest.mark.parametrize("weight", [1, 64, 65])
def test_request_counts_once_by_what_became_of_its_records(changes, room: str, outcome: str, weight: int) -> None:
    many = weight > 64
    journal, kept = Journal(room if not many else "".join(f"+{one}" for one in room)), Kept()
    recorder = Recorder(LogOptions(), journal, kept)
    recorder.record(_served(**changes, weight=weight))
    recorder.close()
    assert {name: count for name, count in kept.outcomes.items() if count} == {outcome: 1}
    rows = changes.get("rows", 1)
    assert journal.calls == (["wait", "bulk"] if many else ["append"]) * rows
    numbers = [row for row, one in enumerate(room) if one == "+"]
    assert [line["row"] for line in journal.lines] == numbers
    assert [line["id"] for line in journal.lines] == [f"id-{row}" if rows > 1 else "id" for row in numbers]
    assert recorder._rows == recorder._written == (weight if many else 0)


@pytest.mark.parametrize(
    ("changes", "outcome"), [({}, "sampled_out"), ({"smoke": True}, "smoke"), ({"status": HUNG_UP}, "hung_up")]
)
def test_request_that_is_not_logged_counts_as_that(changes, outcome: str) -> None:
    kept = Kept()
    recorder = Recorder(LogOptions(), None, kept)
    recorder.skip(_served(**changes))
    assert {name: count for name, count in kept.outcomes.items() if count} == {outcome: 1}
    recorder.close()


def test_answers_of_rows_that_were_scored_together_are_each_their_own() -> None:
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7]])
    prediction = np.array([0, 1, 0, 1])
    model = SimpleNamespace(classes=("no", "yes"), name="loans", version="3")
    whole = list(zip(["no", "yes", "no", "yes"], probability.tolist(), strict=True))
    for start, stop in [(0, 1), (0, 4), (1, 3), (3, 4), (2, None), (0, None)]:
        answer = answer_of(model, Scores(prediction, probability), start, stop)
        assert list(zip(answer.predictions, answer.probabilities or (), strict=True)) == whole[start:stop]
        assert write_answer(model, answer) == {
            "predictions": [name for name, _ in whole[start:stop]],
            "probabilities": [{"no": row[0], "yes": row[1]} for _, row in whole[start:stop]],
            "model_name": "loans",
            "model_version": "3",
        }
        number = answer_of(model, Scores(np.array([1.5, 2.5, 3.5, 4.5])), start, stop)
        assert (number.predictions, number.probabilities) == ([1.5, 2.5, 3.5, 4.5][start:stop], None)
        assert "probabilities" not in write_answer(model, number)


@pytest.mark.parametrize("others", [0, 1, 3])
def test_process_keeps_no_channel_of_the_others_open(others: int) -> None:
    """Nor the supervisor's end of its own: where the supervisor is killed, each process has to notice."""
    pairs = [Channel.pair() for _ in range(others)]
    closing = [ours for ours, _ in pairs]
    before = len(list(FILES.iterdir()))

    def run(channel: Channel) -> int:
        opened = len(list(FILES.iterdir()))
        channel.send({"slot": 7})
        still = sum(one.fileno() != -1 for one in closing)
        return 40 + still + 10 * (opened != before + 1 - others)

    child = fork_child((Role.WORKER, 2), run, closing)
    assert child.channel.receive() == [{"slot": 7}]
    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 40
    assert child.channel.receive() is None
    assert (child.role, child.slot, child.ready) == (Role.WORKER, 2, False)
    assert all(one.fileno() != -1 for one in closing)
    child.kill()  # it has ended; nothing is raised
    for channel in (child.channel, *(one for pair in pairs for one in pair)):
        channel.close()


def test_process_that_fails_ends_with_1_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    def run(_: Channel) -> int:
        raise KeyError("bug")

    child = fork_child((Role.ADMIN, 1), run, ())
    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 1
    assert '"process_failed"' in capfd.readouterr().err
    child.channel.close()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_channel_gives_messages_whole_wherever_their_bytes_are_cut(size: int) -> None:
    ours, theirs = Channel.pair()
    messages = [{"a": 1}, {"text": "Köln\n"}, {}]
    content = b'{"a":1}\n{"text":"K\xc3\xb6ln\\n"}\n{}\n'
    found: list[Any] = []
    for start in range(0, len(content), size):
        ours.socket.sendall(content[start : start + size])
        found += theirs.receive() or []
    assert found == messages
    theirs.close()
    assert ours.send({}) is False
    ours.close()
