"""Parts side by side, and the checkout that they look at."""

from __future__ import annotations

from pathlib import PurePosixPath

import anyio
import pytest

from modelway.checks.changes import CI
from modelway.records.audit import SKIPPED_FOLDERS
from modelway_ci import check, checkout
from modelway_ci.refusal import RefusalError
from modelway_ci.stage import Outcome


def test_the_parts_are_those_of_the_host():
    assert checkout.PARTS == CI


@pytest.mark.parametrize(
    ("only", "skip", "parts"),
    [
        ([], [], CI),
        (["test", "audit"], [], ("test", "audit")),
        (["audit", "test"], [], ("test", "audit")),
        ([], ["test"], ("check-code", "check-data", "audit", "smoke-train")),
    ],
)
def test_parts_are_chosen_and_run_in_their_order(only, skip, parts):
    assert tuple(check.chosen(only, skip)) == parts


@pytest.mark.parametrize(
    ("only", "skip", "says"),
    [(["test"], ["audit"], "give one"), (["tests"], [], "tests is no part"), ([], [*CI], "no part is left")],
)
def test_a_choice_that_makes_no_sense_is_wrong_usage(only, skip, says):
    with pytest.raises(RefusalError, match=says) as caught:
        check.chosen(only, skip)
    assert caught.value.exit_code == 2


def test_every_part_is_collected_whatever_becomes_of_the_others():
    finished = []

    async def fails():
        raise RefusalError(2, "it lies outside of the source")

    async def fails_in_a_group():
        async with anyio.create_task_group() as group:
            group.start_soon(fails)

    async def slow():
        await anyio.sleep(0.05)
        finished.append("slow")
        return Outcome("test", 4, said="one failed")

    works = {"smoke-train": fails_in_a_group, "test": slow, "check-data": fails}
    ended = anyio.run(check.ci, works)
    assert [(one.outcome.stage, one.outcome.exit_code) for one in ended] == [
        ("check-data", 2), ("test", 4), ("smoke-train", 2)
    ]  # fmt: skip
    assert finished == ["slow"]
    assert "it lies outside of the source" in ended[0].record["reason"]


def test_a_bug_of_the_module_is_no_parts_result():
    async def broken():
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup):
        anyio.run(check.ci, {"test": broken})


class Directory:
    """A directory of which only the content counts."""

    def __init__(self, content, how=None):
        self.content, self.how = content, how

    async def digest(self):
        return self.content


class Workspace:
    """A workspace whose directories hold what they are told to; counts how often it was asked."""

    def __init__(self, **contents):
        self.contents, self.asked = contents, []

    def directory(self, place, **how):
        self.asked.append((place, how))
        return Directory(self.contents["here" if place == "." else "top"], (place, how))


SENT = ("*", "!**/*.py")


def tree_of(workspace, source):
    found = checkout.Checkout(workspace, Directory(source), SENT)
    return anyio.run(found.tree).how


@pytest.mark.parametrize(("source", "place"), [("a", "."), ("b", "/")])
def test_the_checkout_is_where_the_source_is(source, place):
    workspace = Workspace(here="a", top="b")
    assert tree_of(workspace, source) == (place, {"exclude": checkout.SKIPPED, "gitignore": True})
    assert workspace.asked[0] == (".", {"exclude": [*SENT]})


def test_a_source_that_is_elsewhere_is_refused():
    with pytest.raises(RefusalError, match="another project") as caught:
        tree_of(Workspace(here="a", top="b"), "c")
    assert caught.value.exit_code == 2


def test_named_files_are_there_whether_or_not_git_ignores_them():
    found = checkout.Checkout(Workspace(here="a", top="b"), Directory("a"), SENT)
    include = ["x.json", "x.json/**", "s/y", "s/y/**"]
    assert anyio.run(found.named, ["x.json", "s/y"]).how == (".", {"include": include})


def test_the_checkout_is_looked_for_once():
    workspace = Workspace(here="a", top="b")
    found = checkout.Checkout(workspace, Directory("b"), SENT)

    async def several():
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(found.tree)

    anyio.run(several)
    assert len([how for _, how in workspace.asked if how == {"exclude": [*SENT]}]) == 2


def skipped(path):
    """Whether the list leaves this path out: of the patterns that fit it or a folder above it, the last one decides."""
    above = [PurePosixPath("x") / path, *(PurePosixPath("x") / path).parents]
    decided = False
    for pattern in checkout.SKIPPED:
        glob = pattern.removeprefix("!").removeprefix("**/").removesuffix("/**")
        places = above[1:] if pattern.endswith("/**") else above
        if any(one.match(glob) for one in places):
            decided = not pattern.startswith("!")
    return decided


def test_what_the_audit_skips_everywhere_is_not_sent():
    assert all(skipped(f"a/{folder}/b.py") for folder in SKIPPED_FOLDERS)


@pytest.mark.parametrize("path", ["reports/summary.json", "reports/check-code/checks.json", "a/reports/test.log"])
def test_what_an_earlier_call_left_is_no_change(path):
    assert skipped(path)


@pytest.mark.parametrize("path", ["reports/revenue.py", "tests/test_a.py", ".env", "audit/a.py", "reports/test_a.py"])
def test_the_projects_own_files_are_looked_at(path):
    assert not skipped(path)
