"""A release is there whole or not at all, once, whatever happens on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelway.errors import InputError, OutsideError, UsageError
from modelway.github import publish
from modelway.github import release as release_module

RELEASES = r"/api/v3/repos/octocat/loans/releases"
UPLOAD = r"/api/uploads/repos/octocat/loans/releases/\d+/assets"
NAMES = ("loans-v3.zip", "metrics.json", "report.html")


def check_whole(standin: Any, plan: Any, files: list[Path]) -> None:
    (release,) = standin.releases.values()
    assert not release["draft"]
    assert (release["tag_name"], release["name"], release["body"]) == (plan.tag, plan.title, plan.notes)
    assert standin.assets(plan.tag) == {file.name: file.read_bytes() for file in files}
    assert all(asset["state"] == "uploaded" for asset in release["assets"])
    assert standin.tags == {plan.tag: plan.commit}


def test_a_release_has_the_files_the_notes_and_a_tag_at_the_commit(
    standin: Any, client: Any, plan: Any, files: list[Path]
) -> None:
    published = publish(client.github, plan, files)
    check_whole(standin, plan, files)
    assert (published.created, published.uploaded, published.kept) == (True, NAMES, ())
    assert published.page == f"{standin.url}/octocat/loans/releases/tag/loans-v3"


def test_nobody_sees_a_release_before_all_its_files_are_there(
    standin: Any, client: Any, plan: Any, files: list[Path]
) -> None:
    publish(client.github, plan, files)
    writes = [method for method, path in standin.asked if method != "GET"]
    assert writes == ["POST", "POST", "POST", "POST", "PATCH"]


def test_a_second_run_writes_nothing(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    publish(client.github, plan, files)
    standin.asked.clear()
    published = publish(client.github, plan, files)
    assert standin.asked == [("GET", f"{RELEASES}/tags/loans-v3")]
    assert (published.created, published.uploaded, published.kept) == (False, (), NAMES)


def test_only_a_file_that_differs_is_replaced(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    publish(client.github, plan, files)
    files[2].write_text("<h1>another</h1>")
    published = publish(client.github, plan, files)
    assert (published.uploaded, published.kept) == (("report.html",), NAMES[:2])
    check_whole(standin, plan, files)


def test_a_file_of_the_same_size_is_told_apart(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    publish(client.github, plan, files)
    files[1].write_text("[]")
    assert publish(client.github, plan, files).uploaded == ("metrics.json",)
    check_whole(standin, plan, files)


def test_files_that_a_person_added_stay(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    publish(client.github, plan, files)
    (release,) = standin.releases.values()
    standin.upload(release["id"], {"name": "notes.pdf"}, b"by hand")
    publish(client.github, plan, files)
    assert standin.assets(plan.tag)["notes.pdf"] == b"by hand"


def test_other_notes_are_brought_up_to_date(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    publish(client.github, plan, files)
    later = plan.model_copy(update={"notes": f"{plan.marker}\n\nother notes\n"})
    publish(client.github, later, files)
    check_whole(standin, later, files)


def test_line_ends_that_a_browser_changed_are_no_difference(
    standin: Any, client: Any, plan: Any, files: list[Path]
) -> None:
    publish(client.github, plan, files)
    (release,) = standin.releases.values()
    release["body"] = plan.notes.replace("\n", "\r\n").strip()
    standin.asked.clear()
    publish(client.github, plan, files)
    assert [method for method, _ in standin.asked] == ["GET"]


def test_a_server_that_tells_no_digests_gets_the_files_again(
    standin: Any, client: Any, plan: Any, files: list[Path]
) -> None:
    standin.digests = False
    publish(client.github, plan, files)
    assert publish(client.github, plan, files).uploaded == NAMES
    check_whole(standin, plan, files)


@pytest.mark.parametrize("kind", [500, 502, "drop", "lost", "failed"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{RELEASES}/tags/loans-v3"),
        ("GET", RELEASES),
        ("POST", RELEASES),
        ("POST", UPLOAD),
        ("PATCH", rf"{RELEASES}/\d+"),
    ],
)
def test_a_failure_that_passes_leaves_no_trace(
    standin: Any, client: Any, plan: Any, files: list[Path], fault: Any, method: str, path: str, kind: int | str
) -> None:
    standin.faults = [fault(method, path, kind)]
    publish(client.github, plan, files)
    check_whole(standin, plan, files)
    assert standin.faults[0].times == 0
    assert len(client.slept) == 1


@pytest.mark.parametrize("kind", ["starter", "torn"])
def test_half_a_file_is_replaced(
    standin: Any, client: Any, plan: Any, files: list[Path], fault: Any, kind: str
) -> None:
    standin.faults = [fault("POST", UPLOAD, kind)]
    publish(client.github, plan, files)
    check_whole(standin, plan, files)


@pytest.mark.parametrize("kind", [500, "drop", "lost"])
def test_deleting_twice_is_no_harm(
    standin: Any, client: Any, plan: Any, files: list[Path], fault: Any, kind: int | str
) -> None:
    publish(client.github, plan, files)
    files[0].write_bytes(b"another model")
    standin.faults = [fault("DELETE", rf"{RELEASES}/assets/\d+", kind)]
    publish(client.github, plan, files)
    check_whole(standin, plan, files)


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [("POST", UPLOAD, 500), ("POST", UPLOAD, "starter"), ("PATCH", rf"{RELEASES}/\d+", "drop")],
)
def test_the_run_after_an_interruption_completes_the_draft(
    standin: Any, client: Any, plan: Any, files: list[Path], fault: Any, method: str, path: str, kind: int | str
) -> None:
    standin.faults = [fault(method, path, kind, times=100)]
    with pytest.raises(OutsideError):
        publish(client.github, plan, files)
    (release,) = standin.releases.values()
    assert release["draft"]
    assert standin.tags == {}
    standin.faults = []
    assert not publish(client.github, plan, files).created
    check_whole(standin, plan, files)


def test_a_person_who_interrupts_leaves_a_draft(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    def interrupt(step: str, done: int, total: int, note: str = "") -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(client.github, plan, files, interrupt)
    published = publish(client.github, plan, files)
    assert (published.uploaded, published.kept) == (NAMES[1:], NAMES[:1])
    check_whole(standin, plan, files)


def test_a_draft_is_found_behind_many_releases(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    standin.create({"tag_name": plan.tag, "name": plan.title, "body": plan.notes, "draft": True})
    for number in range(230):
        standin.create({"tag_name": f"v{number}"})
    publish(client.github, plan, files)
    assert len(standin.releases) == 231
    assert standin.assets(plan.tag).keys() == set(NAMES)


@pytest.mark.parametrize("draft", [True, False])
@pytest.mark.parametrize("notes", [None, "by hand", "<!-- modelway: loans another-digest -->"])
def test_what_is_not_this_models_is_not_touched(
    standin: Any, client: Any, plan: Any, files: list[Path], notes: str | None, draft: bool
) -> None:
    standin.create({"tag_name": plan.tag, "body": notes, "draft": draft})
    with pytest.raises(UsageError, match="not of this model"):
        publish(client.github, plan, files)
    assert {method for method, _ in standin.asked} == {"GET"}


def test_an_immutable_release_is_left_alone(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    publish(client.github, plan, files)
    (release,) = standin.releases.values()
    release["immutable"] = True
    assert publish(client.github, plan, files).kept == NAMES
    files[0].write_bytes(b"another model")
    with pytest.raises(OutsideError, match="immutable"):
        publish(client.github, plan, files)
    assert standin.assets(plan.tag).keys() == set(NAMES)


def test_of_two_runs_at_once_one_wins_and_no_draft_is_left(
    standin: Any, client: Any, plan: Any, files: list[Path]
) -> None:
    def other_run(step: str, done: int, total: int, note: str = "") -> None:
        if note == "loans-v3.zip":
            standin.create({"tag_name": plan.tag, "name": plan.title, "body": plan.notes})

    with pytest.raises(OutsideError, match="already"):
        publish(client.github, plan, files, other_run)
    assert [release["draft"] for release in standin.releases.values()] == [False]
    publish(client.github, plan, files)
    assert standin.assets(plan.tag).keys() == set(NAMES)


def test_a_commit_that_was_not_pushed_is_named(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    standin.commits = set()
    with pytest.raises(OutsideError, match="Push the commit"):
        publish(client.github, plan, files)


def test_a_file_too_large_for_github_is_refused_first(
    standin: Any, client: Any, plan: Any, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_module, "LARGEST", files[0].stat().st_size)
    with pytest.raises(InputError, match=r"loans-v3\.zip"):
        publish(client.github, plan, files)
    assert standin.asked == []


def test_of_two_drafts_every_run_takes_the_oldest(standin: Any, client: Any, plan: Any, files: list[Path]) -> None:
    told = {"tag_name": plan.tag, "name": plan.title, "body": plan.notes, "draft": True}
    (_, oldest), (_, newest) = standin.create(told), standin.create(told)
    publish(client.github, plan, files)
    assert (oldest["draft"], newest["draft"], newest["assets"]) == (False, True, [])


def test_a_name_that_is_taken_by_what_was_not_seen_is_looked_at_again(
    standin: Any, client: Any, plan: Any, files: list[Path], fault: Any
) -> None:
    errors = [{"resource": "ReleaseAsset", "code": "already_exists", "field": "name"}]
    standin.faults = [fault("POST", UPLOAD, 422, {}, {"message": "Validation Failed", "errors": errors})]
    publish(client.github, plan, files)
    check_whole(standin, plan, files)
