"""What a reload makes of the workers' answers, whichever order they come in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from modelway.serve.release import ReleasePaths
from modelway.serve.reloading import Reload

NEW = ReleasePaths("new", ())
LOADED = {"reload": 2, "loaded": True, "name": "loans", "version": "4", "challengers": []}
COMMITTED = {"reload": 2, "committed": True}


class Line(list):
    """The supervisor's end of a line to a worker."""

    def send(self, message):
        self.append(message["do"])


@pytest.fixture
def reload():
    """The second reload, begun; `answers` has what was answered to whoever asked for it."""
    answers = []
    workers = [SimpleNamespace(pid=pid, channel=Line()) for pid in (1, 2)]
    begun = Reload(
        2, NEW, workers, lambda status, body: answers.append((status, body.get("version", body.get("error"))))
    )
    assert not begun.begin()
    return SimpleNamespace(hear=begun.hear, lost=begun.lost, answers=answers, lines=[one.channel for one in workers])


def test_all_take_it_when_all_have_loaded_it(reload) -> None:
    assert not reload.hear(1, LOADED)
    assert reload.lines == [["load"], ["load"]]
    assert not reload.hear(2, LOADED)
    assert reload.lines == [["load", "commit"], ["load", "commit"]]
    assert not reload.hear(2, COMMITTED)
    assert reload.hear(1, COMMITTED)
    assert reload.answers == [(200, "4")]


def test_one_that_can_not_load_it_leaves_the_old_one_everywhere(reload) -> None:
    reload.hear(1, LOADED)
    assert reload.hear(2, {"reload": 2, "loaded": True, "error": "torn"})
    assert reload.lines == [["load", "discard"], ["load", "discard"]]
    assert reload.answers == [(422, "torn")]


@pytest.mark.parametrize("late", [{"loaded": True, "error": "torn"}, {"loaded": True, "version": "3"}])
def test_an_answer_to_the_reload_before_is_none_to_this_one(reload, late) -> None:
    for pid in (1, 2):
        assert not reload.hear(pid, {"reload": 1, **late})
    assert reload.lines == [["load"], ["load"]]
    for message in (LOADED, COMMITTED):
        for pid in (1, 2):
            done = reload.hear(pid, message)
    assert done
    assert reload.answers == [(200, "4")]
