"""A version trained again: the same digest, or the name of what differs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.records.recipe import Recipe

if TYPE_CHECKING:
    from conftest import Project


def named(told: dict[str, Any]) -> set[tuple[str, str]]:
    return {(one["kind"], one["name"].partition(":")[0]) for one in told["differences"]}


def kept_recipe(project: Project) -> Path:
    """Where the registry keeps the recipe of its one version."""
    (path,) = (project.root / "mlartifacts").rglob("recipe.json")
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def rewrite_recipe(project: Project, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a recipe, of which the registry knows no digest: a version of an earlier release."""
    from mlflow import MlflowClient

    rewrite(kept_recipe(project), change)
    uri = f"sqlite:///{project.root / 'mlflow.db'}"
    MlflowClient(uri, uri).delete_model_version_tag("loans", "1", "kept_digests")


def train(project: Project, *more: str) -> dict[str, Any]:
    told = project.json("train", *more)
    assert told["version"] == 1, project.err
    return told


def test_a_version_comes_out_again_whatever_the_settings_are_now(project: Project, write_settings: Any) -> None:
    trained = train(project, "--epochs", "2", "--sample", "600")
    write_settings(seed=7, estimator={"kind": "linear", "epochs": 9})
    told = project.json("reproduce", "champion", "--output", "again")
    assert (told["exit_code"], told["same"], told["trained"]) == (0, True, trained["model_digest"])
    assert told["differences"] == []
    assert (project.root / "again" / "model.skops").is_file()
    assert len(list((project.root / "mlartifacts").rglob("recipe.json"))) == 1, "nothing is registered"
    assert project.run("reproduce", "1") == 0
    assert "bit for bit" in project.out


def test_a_search_runs_its_trials_again(project: Project, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    secret = ("--set", f"fit.search.storage='{storage}?password=canary'")
    assert project.run("train", "--trials", "2", *secret) == 2
    assert "canary" not in project.err
    train(project, "--trials", "2", "--set", f"fit.search.storage='{storage}'")
    (tmp_path / "study.db").unlink(missing_ok=True)
    shutil.rmtree(project.root / ".modelway", ignore_errors=True)
    assert project.json("reproduce", "1")["same"]
    assert not (project.root / ".modelway" / "studies.db").exists()


def test_data_that_changed_are_named_and_not_trained_on(project: Project) -> None:
    train(project)
    with (project.root / "data" / "loans.csv").open("a") as file:
        file.write((project.root / "data" / "loans.csv").read_text().splitlines()[-1] + "\n")
    told = project.json("reproduce", "1", "--output", "again")
    assert (told["exit_code"], told["trained"], named(told)) == (4, None, {("data", "loans.csv")})
    assert not (project.root / "again").exists()


def test_data_that_moved_are_found_and_those_that_are_gone_are_told(project: Project) -> None:
    train(project)
    (project.root / "data" / "loans.csv").rename(project.root / "loans.csv")
    assert project.run("reproduce", "1") == 3
    assert "--data" in project.err
    assert project.json("reproduce", "1", "--data", "loans.csv")["same"]


def test_a_version_that_nobody_knows_is_wrong_usage(project: Project) -> None:
    assert project.run("reproduce", "1") == 2
    train(project)
    assert project.run("reproduce", "9") == 2


def test_a_version_without_a_recipe_says_how_to_go_on(project: Project) -> None:
    train(project)
    kept_recipe(project).unlink()
    assert project.run("reproduce", "1") == 3
    for words in ("no recipe", "a" * 40, "--no-register"):
        assert words in project.err


def test_settings_that_did_not_fit_the_model_are_no_recipe(project: Project) -> None:
    for argv in (
        ["prepare", "--output", "prepared"],
        ["fit", "--prepared", "prepared", "--output", "model", "--epochs", "2"],
        ["evaluate", "--prepared", "prepared", "--model", "model", "--output", "evaluated"],
        ["register", "evaluated"],
    ):
        assert project.run(*argv) == 0, project.err
    assert not list((project.root / "mlartifacts").rglob("recipe.json"))
    assert project.run("reproduce", "1") == 3


def test_parts_that_are_told_alike_leave_a_recipe(project: Project) -> None:
    # As the Dagger module does: `fit` sees its own keys and flags, `register` all keys with the flags put into them.
    (project.root / "slice.yaml").write_text("name: loans\nfit: {estimator: {kind: linear, epochs: 3}}\n")
    for argv in (
        ["prepare", "--sample", "600", "--output", "prepared"],
        ["fit", "--config", "slice.yaml", "--prepared", "prepared", "--output", "model", "--epochs", "2"],
        ["evaluate", "--prepared", "prepared", "--model", "model", "--output", "evaluated"],
        ["register", "evaluated", "--set", "prepare.sample=600", "--set", "fit.estimator.epochs=2"],
    ):
        assert project.run(*argv) == 0, project.err
    told = project.json("reproduce", "1")
    assert (told["exit_code"], told["same"], told["differences"]) == (0, True, [])


def test_another_seed_is_another_model_and_files_are_named(project: Project) -> None:
    train(project)

    def another(recipe: dict[str, Any]) -> None:
        recipe["fit"]["seed"] = 5

    rewrite_recipe(project, another)
    told = project.json("reproduce", "1")
    assert (told["exit_code"], named(told)) == (4, {("seed", "fit.seed")})
    assert told["files"] == ["model.skops"]


def test_another_library_is_named(project: Project) -> None:
    train(project)

    def older(recipe: dict[str, Any]) -> None:
        recipe["modelway"] = "0.0.1"

    rewrite_recipe(project, older)
    told = project.json("reproduce", "1")
    assert told["same"], "what changed and changed nothing is told all the same"
    assert told["differences"] == [{"kind": "library", "name": "modelway", "then": "0.0.1", "now": told_version()}]


def told_version() -> str:
    import modelway

    return modelway.__version__


def test_code_that_changed_is_named(project: Project, write_settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(estimator={"kind": "custom", "function": "plain:make", "params": {"strength": 1.0}})
    train(project)
    text = (project.root / "plain.py").read_text()
    (project.root / "plain.py").write_text(text.replace("C=strength", "C=strength / 100"))
    monkeypatch.setenv("MODELWAY_COMMIT", "b" * 40)
    monkeypatch.delitem(__import__("sys").modules, "plain")
    told = project.json("reproduce", "1")
    assert told["exit_code"] == 4
    assert named(told) == {("code", "plain"), ("code", "the commit")}
    assert project.run("reproduce", "1") == 4
    assert f"the commit was {'a' * 40}, and is {'b' * 40}" in project.out


def test_a_training_that_throws_dice_is_found_out(project: Project, write_settings: Any) -> None:
    write_settings(estimator={"kind": "custom", "function": "dice:make"})
    train(project)
    told = project.json("reproduce", "1")
    assert (told["exit_code"], named(told)) == (4, {("training", "not deterministic")})


def test_a_difference_that_nothing_explains_is_said_to_be_one(project: Project) -> None:
    train(project)

    def shorter(recipe: dict[str, Any]) -> None:
        recipe["fit"]["estimator"]["epochs"] = 1  # as if the machine had computed something else

    rewrite_recipe(project, shorter)
    told = project.json("reproduce", "1")
    assert (told["exit_code"], named(told)) == (4, {("machine", "something that is not recorded")})


def test_models_files_that_are_lost_do_not_keep_it_from_being_trained(project: Project) -> None:
    train(project)
    (path,) = (project.root / "mlartifacts").rglob("model.skops")
    path.write_bytes(b"torn")
    told = project.json("reproduce", "1", "--output", "again")
    assert told["same"]
    assert (project.root / "again" / "model.skops").read_bytes() != b"torn"


def test_a_recipe_comes_back_as_it_was(project: Project) -> None:
    train(project)
    text = kept_recipe(project).read_text()
    assert Recipe.from_json(text).to_json() == text


def test_a_recipe_that_names_functions_nobody_trusts_runs_nothing(project: Project) -> None:
    """Of a version that an earlier release registered, the registry's tags don't hold the recipe's digest."""
    train(project)
    mark = project.root / "ran"
    estimator = {"kind": "custom", "function": "os:system", "params": {"command": f"touch {mark}"}}

    def evil(recipe: dict[str, Any]) -> None:
        recipe["fit"].update(estimator=estimator)

    rewrite(kept_recipe(project), evil)
    assert project.run("reproduce", "1") == 3
    assert "the file recipe.json of version 1 is not the one that was registered" in project.err
    rewrite_recipe(project, evil)
    assert project.run("reproduce", "1") == 3
    assert "os:system" in project.err
    assert not mark.exists()
