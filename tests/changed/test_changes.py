"""From paths to what has to run, without git."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.checks.changes import (
    CI,
    NEW_VERSION,
    classify,
    commands_for,
    data_globs,
    matches,
    reasons,
    train_parts_for,
)
from modelway.cli.main import COMMANDS
from modelway.records.changed import Category, ChangedOptions
from modelway.records.settings import SettingsSlice

EVERYTHING = (*CI, "train")


@pytest.mark.parametrize(
    ("glob", "claimed", "not_claimed"),
    [
        ("*.py", ["a.py", ".py"], ["a/b.py", "a.pyc", "a.py/b"]),
        ("**/*.py", ["a.py", "a/b.py", "a/b/c.py", "a\nb.py"], ["a.pyc", "../a.py"]),
        ("data/**", ["data/a", "data/a/b", "data/.x"], ["data", "other/data/a", "database/a"]),
        ("**/data/**", ["data/a", "x/data/a/b"], ["xdata/a"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["a/bz", "z"]),
        ("**.js", ["a.js", "a/b.js"], ["a.jsx"]),
        ("?.txt", ["a.txt", "ä.txt"], ["ab.txt", "/.txt"]),
        ("a+[b].txt", ["a+[b].txt"], ["aab.txt", "ab.txt"]),
        ("../lib/**", ["../lib/a.py"], ["lib/a.py", "../../lib/a.py"]),
    ],
)
def test_a_glob_claims_what_it_says(glob: str, claimed: list[str], not_claimed: list[str]) -> None:
    assert [path for path in [*claimed, *not_claimed] if matches([glob], path)] == claimed


def test_of_several_globs_the_last_that_matches_decides() -> None:
    globs = ["src/**", "!src/**/*.md", "src/keep.md"]
    assert [matches(globs, path) for path in ("src/a.py", "src/a.md", "src/keep.md", "a.md")] == [
        True,
        False,
        True,
        False,
    ]


def _classified(*paths: str, **options: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found = classify(paths, ChangedOptions(**options), "modelway.yaml")
    return {category.value: claimed for category, claimed in found.items() if claimed}


@pytest.mark.parametrize(
    ("path", "categories"),
    [
        ("src/shop/model.py", {"code"}),
        ("tests/data/rows.csv", {"code", "data"}),
        ("requirements.lock", {"code"}),
        (".github/workflows/ml-ci.yml", {"code"}),
        ("data/orders.parquet", {"data"}),
        ("orders.csv.dvc", {"data"}),
        ("notebooks/look.ipynb", {"docs"}),
        ("README.md", {"docs"}),
        ("models/price.onnx", {"model"}),
        ("modelway.yaml", {"settings"}),
        ("sub/modelway.yaml", {"other"}),
        ("what.ever", {"other"}),
        ("reports/ci/summary.json", set()),
        ("mlflow.db", set()),
        ("../elsewhere.py", set()),
    ],
)
def test_what_a_path_is_unless_the_settings_say_otherwise(path: str, categories: set[str]) -> None:
    assert set(_classified(path)) == categories


def test_what_is_ignored_and_claimed_counts() -> None:
    assert set(_classified("reports/a.html", docs=("reports/**",))) == {"docs"}


def test_data_lie_where_the_settings_say(tmp_path: Path) -> None:
    globs = data_globs(
        ["in/a.csv", "./rows/", str(tmp_path / "abs"), "s3://bucket/x", "../up.csv", "day-*.csv"], tmp_path
    )
    for path in ("in/a.csv", "rows/x/y.csv", "abs/b", "../up.csv", "day-1.csv"):
        assert matches(globs, path)
    assert not matches(globs, "in/b.csv")


@pytest.mark.parametrize(
    ("reason", "commands", "parts"),
    [
        ("code", ("check-code", "test", "audit", "smoke-train", "train"), "prepare fit evaluate register"),
        ("data", ("check-data", "train"), "prepare fit evaluate register"),
        ("model", ("audit",), ""),
        ("docs", (), ""),
        ("other", EVERYTHING, "prepare fit evaluate register"),
        ("settings", EVERYTHING, "prepare fit evaluate register"),
        ("settings.prepare", ("check-data", "smoke-train", "train"), "prepare fit evaluate register"),
        ("settings.fit", ("smoke-train", "train"), "fit evaluate register"),
        ("settings.evaluate", ("smoke-train", "train"), "evaluate register"),
        ("settings.register", ("train",), "register"),
        ("settings.check_data", ("check-data",), ""),
        ("settings.changed", EVERYTHING, "prepare fit evaluate register"),
        ("settings.of_a_later_version", EVERYTHING, "prepare fit evaluate register"),
        (NEW_VERSION, ("package", "deploy"), ""),
    ],
)
def test_what_asks_for_what(reason: str, commands: tuple[str, ...], parts: str) -> None:
    assert tuple(commands_for([reason])) == commands
    assert train_parts_for([reason]) == tuple(parts.split())


def test_several_reasons_are_put_together_in_order() -> None:
    assert commands_for(["settings.evaluate", "data"]) == {
        "check-data": ("data",),
        "smoke-train": ("settings.evaluate",),
        "train": ("settings.evaluate", "data"),
    }
    assert train_parts_for(["settings.register", "settings.fit", "docs"]) == ("fit", "evaluate", "register")
    assert train_parts_for(["docs", "settings.audit"]) == ()


def test_settings_count_by_their_keys_and_others_as_a_whole() -> None:
    changed = dict.fromkeys(Category, ()) | {Category.SETTINGS: ("modelway.yaml",)}
    assert reasons(changed, "modelway.yaml", ("fit",), new_version=False) == ["settings.fit"]
    assert reasons(changed, "modelway.yaml", (), new_version=True) == [NEW_VERSION]
    assert reasons(changed, "modelway.yaml", None, new_version=False) == ["settings"]
    changed[Category.SETTINGS] = ("modelway.yaml", "rules.yaml")
    assert reasons(changed, "modelway.yaml", (), new_version=False) == ["settings"]


def test_every_key_of_the_settings_asks_for_something_of_its_own() -> None:
    from modelway.checks.changes import _BY_KEY

    assert set(_BY_KEY) == {field.alias or name for name, field in SettingsSlice.model_fields.items()}


def test_the_parts_of_ci_are_commands() -> None:
    assert {"ci", "train"} <= set(COMMANDS)
