"""`modelway upgrade`: what nobody edited is brought up to date, what somebody did is shown and left alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import modelway
from modelway.adopt import rendering

if TYPE_CHECKING:
    from conftest import Project

MODULE = "github.com/octocat/modelway"
CI = ".github/workflows/ml-ci.yml"
BATCH = ".github/workflows/batch-inference.yml"


@pytest.fixture
def adopted(shop: Project) -> Project:
    """A project that this version's `init` has written to."""
    shop.json("init", "--target", "churned", "--module", MODULE)
    return shop


@pytest.fixture
def newer(adopted: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The same, and then came a version with another ML CI and one workflow more."""
    monkeypatch.setattr(modelway, "__version__", "0.2.0")
    known = rendering.templates()
    changed = {**known, "ml-ci.yml": known["ml-ci.yml"].replace("timeout-minutes: 60", "timeout-minutes: 90")}
    changed["added.yml"] = known["batch-inference.yml"]
    monkeypatch.setattr(rendering, "templates", lambda: changed)
    return adopted


def states(record: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["state"] for one in record["files"]}


def diff_of(record: dict[str, Any], path: str) -> str:
    return next(str(one["diff"]) for one in record["files"] if one["path"] == path)


def content(project: Project, path: str) -> str:
    return (project.root / path).read_text()


def test_nothing_is_to_be_done_right_after_init(adopted: Project) -> None:
    assert set(states(adopted.json("upgrade")).values()) == {"same"}


def test_what_nobody_edited_is_brought_up_to_date(newer: Project) -> None:
    record = newer.json("upgrade")
    assert record["exit_code"] == 0
    assert states(record)[CI] == states(record)["dagger.json"] == "written"
    assert "timeout-minutes: 90" in content(newer, CI)
    assert f"{MODULE}@v0.2.0" in content(newer, CI)
    assert f"{MODULE}@v0.2.0" in content(newer, "dagger.json")
    assert "-    timeout-minutes: 60\n+    timeout-minutes: 90\n" in diff_of(record, CI)
    assert set(states(newer.json("upgrade")).values()) == {"same", "missing"}


def test_what_is_new_is_for_init_to_write(newer: Project) -> None:
    assert states(newer.json("upgrade"))[".github/workflows/added.yml"] == "missing"
    assert not (newer.root / ".github/workflows/added.yml").exists()
    newer.json("init")
    assert (newer.root / ".github/workflows/added.yml").exists()


def test_diff_writes_nothing(newer: Project) -> None:
    before = content(newer, CI)
    record = newer.json("upgrade", "--diff")
    assert (record["exit_code"], states(record)[CI]) == (4, "differs")
    assert content(newer, CI) == before
    newer.json("upgrade")
    assert newer.json("upgrade", "--diff")["exit_code"] == 0


def test_the_diff_is_one_that_patch_takes(newer: Project, tmp_path: Path) -> None:
    import subprocess

    assert newer.run("upgrade", "--diff") == 4
    shown = newer.out[newer.out.index("--- a/") :]
    lines = [line for line in shown.splitlines() if line[:1] in {"-", "+", " ", "@", "\\"}]
    patch = tmp_path / "upgrade.patch"
    patch.write_text("\n".join(lines) + "\n")
    subprocess.run(["git", "apply", str(patch)], cwd=newer.root, check=True)
    assert newer.json("upgrade", "--diff")["exit_code"] == 0


def test_what_is_edited_is_shown_and_left_alone(newer: Project) -> None:
    path = newer.root / CI
    path.write_text(path.read_text().replace("name: ML CI", "name: Ours"))
    before = content(newer, CI)
    record = newer.json("upgrade")
    assert (record["exit_code"], states(record)[CI]) == (4, "edited")
    assert "+    timeout-minutes: 90" in diff_of(record, CI)
    assert content(newer, CI) == before
    assert "v0.2.0" in content(newer, BATCH)  # the others are not held up
    assert newer.json("upgrade", "--force")["exit_code"] == 0
    assert "name: ML CI" in content(newer, CI)


def test_what_is_edited_and_has_nothing_new_stays_quietly(adopted: Project) -> None:
    path = adopted.root / BATCH
    path.write_text(path.read_text().replace("0 2 * * *", "0 5 * * *"))
    record = adopted.json("upgrade")
    assert (record["exit_code"], states(record)[BATCH]) == (0, "kept")
    assert "0 5 * * *" in content(adopted, BATCH)


def test_a_file_without_our_marker_is_not_ours(newer: Project) -> None:
    path = newer.root / CI
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    before = content(newer, CI)
    assert CI not in states(newer.json("upgrade", "--force"))
    assert content(newer, CI) == before


def test_a_module_of_another_version_than_ours_stays(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.json("init", "--target", "churned", "--module", f"{MODULE}@main")
    monkeypatch.setattr(modelway, "__version__", "0.2.0")
    shop.json("upgrade")
    assert f'"{MODULE}@main"' in content(shop, CI)
    assert f"{MODULE}@main" in content(shop, "dagger.json")


def test_another_module_is_named(adopted: Project) -> None:
    commit = "a" * 40
    record = adopted.json("upgrade", "--module", f"{MODULE}@v9", "--pin", commit)
    assert states(record)[CI] == states(record)["dagger.json"] == "written"
    assert f'"{MODULE}@v9"' in content(adopted, CI)
    assert f'"pin": "{commit}"' in content(adopted, "dagger.json")


def test_without_a_workflow_of_ours_it_says_what_next(shop: Project) -> None:
    assert shop.run("upgrade") == 2
    assert "modelway init" in shop.err
