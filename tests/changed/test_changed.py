"""`modelway changed` in real repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.changed.conftest import Repo

EVERYTHING = ["check-code", "check-data", "test", "audit", "smoke-train", "train"]


def test_nothing_changed_and_nothing_has_to_run(repo: Repo) -> None:
    record = repo.changed("--base", "HEAD")
    assert (record["changed"], record["run"], record["head"]) == ({}, [], None)
    assert repo.project.run("changed", "--base", "HEAD") == 0
    assert "to run: nothing" in repo.project.out


def test_code_and_data_are_told_apart(repo: Repo) -> None:
    repo.write("shop.py", "second\n")
    code = repo.commit()
    repo.write("sales/orders.csv", "second\n")
    repo.commit()
    first = repo.changed("--base", "HEAD~2", "--head", code)
    assert first["changed"] == {"code": ["shop.py"]}
    assert first["run"] == ["check-code", "test", "audit", "smoke-train", "train"]
    assert first["head"] == code
    second = repo.changed("--base", code, "--head", "HEAD")
    assert (second["changed"], second["run"]) == ({"data": ["sales/orders.csv"]}, ["check-data", "train"])
    assert second["because"]["check-data"] == ["data"]
    both = repo.changed("--base", "main~2")
    assert set(both["changed"]) == {"code", "data"}


def test_documents_run_nothing(repo: Repo) -> None:
    repo.write("README.md", "second\n")
    record = repo.changed("--base", "HEAD")
    assert (record["changed"], record["run"]) == ({"docs": ["README.md"]}, [])


def test_what_nobody_knows_runs_everything(repo: Repo) -> None:
    repo.write("what.ever")
    record = repo.changed("--base", "HEAD")
    assert (record["changed"], record["run"]) == ({"other": ["what.ever"]}, EVERYTHING)


def test_files_as_they_lie_there_count_unless_a_head_is_named(repo: Repo) -> None:
    repo.write("shop.py", "changed\n")
    repo.write("README.md", "staged\n")
    repo.git("add", "README.md")
    repo.write("new.py")
    repo.write(".gitignore", "*.log\n")
    repo.write("run.log")
    found = repo.changed("--base", "HEAD")["changed"]
    assert found == {"code": ["new.py", "shop.py"], "docs": [".gitignore", "README.md"]}
    assert repo.changed("--base", "HEAD", "--head", "HEAD")["changed"] == {}


def test_a_renamed_file_counts_under_both_names_and_a_deleted_one_under_its_own(repo: Repo) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.git("mv", "data/more.csv", "more.py")
    (repo.top / "README.md").unlink()
    for _ in range(2):  # in the index, then committed
        found = repo.changed("--base", base)["changed"]
        assert found == {"code": ["more.py"], "data": ["data/more.csv"], "docs": ["README.md"]}
        repo.commit()


def test_names_with_anything_in_them(repo: Repo) -> None:
    names = ["data/Größe 1.csv", "data/two\nlines.csv", 'data/"quoted".csv', "data/-n", "data/tab\t.csv"]
    for name in names:
        repo.write(name)
    (Path(os.fsencode(repo.top).decode()) / "data" / os.fsdecode(b"caf\xe9.csv")).write_text("")
    assert repo.changed("--base", "HEAD")["changed"] == {"data": sorted([*names, "data/caf\\xe9.csv"])}
    repo.commit()
    assert repo.changed("--base", "HEAD~1", "--head", "HEAD")["changed"] == {
        "data": sorted([*names, "data/caf\\xe9.csv"])
    }
    assert repo.project.run("changed", "--base", "HEAD~1") == 0
    assert "data/two\\nlines.csv" in repo.project.out


@pytest.mark.parametrize(
    ("old", "new", "keys", "run", "parts"),
    [
        ("name: shop", "name: shop  # a remark", [], [], []),
        ("name: shop", "name: shop\nevaluate: {resamples: 1000}", [], [], []),  # what it is anyway
        ("name: shop", "name: shop\nevaluate: {resamples: 500}", ["evaluate"], ["smoke-train", "train"], 2),
        ("name: shop", "name: shop\nfit: {seed: 1}", ["fit"], ["smoke-train", "train"], 3),
        ("number}\n    price", "number, min: 0}\n    price", ["prepare"], ["check-data", "smoke-train", "train"], 4),
        ("name: shop", "name: shop\nregister: {by_default: false}", ["register"], ["train"], 1),
        ("name: shop", "name: shop\nsmoke_train: {rows: 5}", ["smoke_train"], ["smoke-train"], []),
        ("name: shop", 'name: shop\nchanged: {docs: ["**"]}', ["changed"], EVERYTHING, 4),
    ],
)
def test_settings_are_compared_key_by_key(
    repo: Repo, old: str, new: str, keys: list[str], run: list[str], parts: int | list[str]
) -> None:
    repo.write("modelway.yaml", repo.settings.replace(old, new))
    record = repo.changed("--base", "HEAD")
    assert (record["settings_keys"], record["run"]) == (keys, run)
    assert record["train_parts"] == (["prepare", "fit", "evaluate", "register"][-parts:] if parts else [])
    assert "modelway.yaml" in record["changed"]["settings"]
    repo.commit()
    assert repo.changed("--base", "HEAD~1", "--head", "HEAD")["run"] == run


@pytest.mark.parametrize("before", ["name: [", "name: shop\nprepaer: {}\n", "\x00\xff"], ids=["YAML", "key", "binary"])
def test_settings_that_could_not_be_read_before_run_everything(repo: Repo, before: str) -> None:
    repo.write("modelway.yaml", before)
    repo.commit()
    repo.write("modelway.yaml", repo.settings)
    record = repo.changed("--base", "HEAD")
    assert record["run"] == EVERYTHING
    assert "can't be read in both" in record["notes"][0]


def test_settings_under_another_name_are_compared_too(repo: Repo) -> None:
    repo.write("other.yaml", repo.settings)
    repo.commit()
    repo.write("other.yaml", repo.settings + "smoke_train: {epochs: 2}\n")
    record = repo.changed("--base", "HEAD", "--config", "other.yaml")
    assert (record["changed"], record["run"]) == ({"settings": ["other.yaml"]}, ["smoke-train"])


def test_the_settings_say_what_is_what(repo: Repo) -> None:
    lists = '{code: ["src/**", "!src/**/*.md"], docs: ["src/**/*.md"], ignore: ["*.py"]}'
    repo.write("modelway.yaml", repo.settings + f"changed: {lists}\n")
    repo.commit()
    for path in ("src/a.txt", "src/b.md", "shop.py"):
        repo.write(path, "second\n")
    assert repo.changed("--base", "HEAD")["changed"] == {"code": ["src/a.txt"], "docs": ["src/b.md"]}


def test_in_a_repository_of_many_projects_only_ones_own_counts(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = 'changed: {code: ["**/*.py", "../lib/**"]}\n'
    repo.write("teams/shop/modelway.yaml", repo.settings + lists)
    repo.write("teams/shop/model.py")
    repo.commit()
    monkeypatch.chdir(repo.top / "teams" / "shop")
    for path in ("teams/shop/model.py", "teams/lib/x.c", "teams/other/y.py", "z.py", "README.md"):
        repo.write(path, "second\n")
    record = repo.changed("--base", "HEAD")
    assert record["changed"] == {"code": ["../lib/x.c", "model.py"]}
    repo.write("teams/shop/modelway.yaml", repo.settings + lists + "fit: {seed: 1}\n")
    repo.commit()
    assert repo.changed("--base", "HEAD~1", "--head", "HEAD")["settings_keys"] == ["fit"]


def test_a_branchs_first_push_has_nothing_before_it(repo: Repo) -> None:
    record = repo.changed("--base", "0" * 40)
    assert set(record["changed"]) == {"code", "data", "docs", "model", "settings"}
    assert record["run"] == EVERYTHING


@pytest.mark.parametrize("base", ["no-such-branch", "deadbeef", "--help", "", "HEAD~99", "HEAD:shop.py"])
def test_an_unknown_revision_is_wrong_usage(repo: Repo, base: str) -> None:
    assert repo.project.run("changed", f"--base={base}") == 2
    assert f"no revision {base!r}" in repo.project.err
    assert repo.project.run("changed", "--base", "HEAD", f"--head={base}") == 2


def test_a_shallow_clone_says_how_to_get_the_rest(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = repo.git("rev-parse", "HEAD")
    repo.write("shop.py", "second\n")
    repo.commit()
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", repo.top.as_uri(), str(clone)], check=True)
    monkeypatch.chdir(clone)
    assert repo.project.run("changed", "--base", base) == 2
    assert "fetch-depth: 0" in repo.project.err


def test_outside_of_a_repository_there_is_nothing_to_ask(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    shutil.rmtree(repo.top / ".git")
    assert repo.project.run("changed", "--base", "HEAD") == 2
    assert "no working tree of git" in repo.project.err


def test_without_git_it_is_said(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert repo.project.run("changed", "--base", "HEAD") == 6
    assert "git is not installed" in repo.project.err


def test_the_registry_is_asked_only_where_a_version_is_named_and_not_made(repo: Repo) -> None:
    assert repo.changed("--base", "HEAD")["registry"] is None
    record = repo.changed("--base", "HEAD", "--model-version", "3")
    assert record["registry"] == {"known": 3, "challenger": None, "champion": None}
    assert "holds no version" in record["notes"][0]
    assert record["run"] == []
    assert not list(repo.top.glob("mlflow.db*"))


@pytest.mark.slow
def test_a_new_version_in_the_registry_is_a_changed_model(repo: Repo) -> None:
    from modelway.data.sample import write_sample

    root = Path(__file__).resolve().parents[2]
    write_sample(repo.top / "data", rows=600)
    repo.write("modelway.yaml", (root / "modelway.yaml").read_text())
    repo.commit()
    gates = "evaluate.gates={trivial: {enabled: false}, bias: {enabled: false}}"
    assert repo.project.run("train", "--epochs", "20", "--set", gates) == 0, repo.project.err
    new = repo.changed("--base", "HEAD", "--model-version", "0")
    assert new["registry"] == {"known": 0, "challenger": 1, "champion": 1}
    assert {"package", "deploy"} <= set(new["run"])
    assert repo.changed("--base", "HEAD", "--model-version", "1")["because"].get("deploy") is None
    older = repo.changed("--base", "HEAD", "--model-version", "2")
    assert "older than 2" in older["notes"][0]


def test_a_registry_that_does_not_answer_is_an_outside_failure(repo: Repo) -> None:
    flags = ("--model-version", "1", "--tracking-uri", "http://127.0.0.1:9")
    assert repo.project.run("changed", "--base", "HEAD", *flags) == 6
