"""`modelway init`: what it finds, what it asks, what it writes, and that nothing of anybody's is lost."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from modelway.adopt.rendering import templates
from modelway.records.data import ColumnType
from modelway.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Project

MODULE = "github.com/octocat/modelway"
ALL = ("--target", "churned", "--module", MODULE)
WORKFLOWS = sorted(f".github/workflows/{name}" for name in templates())


def states(record: dict[str, Any]) -> dict[str, str]:
    return {one["path"]: one["state"] for one in record["files"]}


def tree(root: Path) -> dict[str, str]:
    """Every file but git's own."""
    paths = [path for path in root.rglob("*") if path.is_file() and ".git/" not in f"{path.relative_to(root)}/"]
    return {path.relative_to(root).as_posix(): path.read_text() for path in paths if path.parts[-2] != ".git"}


def test_all_that_is_lacking_is_written(shop: Project) -> None:
    record = shop.json("init", *ALL)
    assert states(record) == dict.fromkeys(["modelway.yaml", *WORKFLOWS, "dagger.json", ".gitignore"], "written")
    assert (record["name"], record["target"], record["task"], record["rows"]) == (
        "shop",
        "churned",
        "classification",
        600,
    )
    settings = load_settings(shop.root / "modelway.yaml")
    assert settings.prepare.positive == "yes"
    assert settings.prepare.data.uri == "customers.csv"
    assert {name: column.type for name, column in settings.prepare.columns.items()} == {
        "plan": ColumnType.CATEGORY,
        "visits": ColumnType.INTEGER,
        "spent": ColumnType.NUMBER,
        "remark": ColumnType.TEXT,
        "churned": ColumnType.CATEGORY,
    }
    assert settings.prepare.columns["spent"].nullable
    assert not settings.prepare.columns["visits"].nullable
    assert settings.prepare.ignore == ("customer_id", "joined")
    assert any("customer_id" in note and "key" in note for note in record["notes"])
    assert any("joined" in note and "date" in note for note in record["notes"])
    assert json.loads((shop.root / "dagger.json").read_text()) == {
        "name": "shop",
        "engineVersion": "v0.21.8",
        "dependencies": [{"name": "modelway", "source": f"{MODULE}@v0.1.0"}],
    }


def test_it_prepares_what_it_described(shop: Project) -> None:
    shop.json("init", *ALL)
    assert shop.run("prepare", "--output", "prepared") == 0, shop.err


def test_the_engine_is_the_modules_own(repository: Path) -> None:
    from pathlib import Path

    from modelway.adopt.dagger_json import ENGINE

    ours = json.loads((Path(__file__).resolve().parents[2] / "dagger.json").read_text())
    assert ours["engineVersion"] == ENGINE


def test_a_commit_pins_the_dependency(shop: Project) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    shop.json("init", "--target", "churned", "--module", f"{MODULE}@{commit}")
    (dependency,) = json.loads((shop.root / "dagger.json").read_text())["dependencies"]
    assert dependency == {"name": "modelway", "source": f"{MODULE}@{commit}", "pin": commit}


def test_what_is_there_is_kept_and_named(shop: Project) -> None:
    theirs = {
        ".github/workflows/ml-ci.yml": "name: theirs\n",
        "dagger.json": '{"name": "theirs", "dependencies": []}\n',
        ".gitignore": "*.log",
    }
    for name, text in theirs.items():
        (shop.root / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.root / name).write_text(text)
    record = shop.json("init", *ALL)
    assert states(record)[".github/workflows/ml-ci.yml"] == "kept"
    assert states(record)["dagger.json"] == "differs"
    assert f"dagger install {MODULE}@v0.1.0" in next(
        one["reason"] for one in record["files"] if one["path"] == "dagger.json"
    )
    for name in (".github/workflows/ml-ci.yml", "dagger.json"):
        assert (shop.root / name).read_text() == theirs[name]
    assert (shop.root / ".gitignore").read_text().startswith("*.log\n")


def test_twice_is_once(shop: Project) -> None:
    shop.json("init", *ALL)
    first = tree(shop.root)
    record = shop.json("init")
    assert set(states(record).values()) == {"kept", "same"}
    assert tree(shop.root) == first


def test_settings_that_are_there_stay_and_name_the_model(shop: Project) -> None:
    shop.json("init", *ALL, "--name", "churn")
    (shop.root / "dagger.json").unlink()
    before = (shop.root / "modelway.yaml").read_text() + "# mine\n"
    (shop.root / "modelway.yaml").write_text(before)
    record = shop.json("init", "--name", "other")
    assert record["name"] == "churn"
    assert json.loads((shop.root / "dagger.json").read_text())["name"] == "churn"
    assert (shop.root / "modelway.yaml").read_text() == before


def test_settings_that_are_torn_are_refused_and_not_written_anew(shop: Project) -> None:
    (shop.root / "modelway.yaml").write_text("name: [\n")
    assert shop.run("init", *ALL) == 2
    assert tree(shop.root).keys() == {"customers.csv", "modelway.yaml"}


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (("--target", "churned"), "--module"),
        (("--module", MODULE), "--target"),
        (("--target", "gone", "--module", MODULE), "customer_id, joined, plan"),
        (("--target", "churned", "--module", "somewhere"), "github.com/OWNER/REPO@VERSION"),
        (("--target", "churned", "--module", "github.com/o/r@v1;rm"), "github.com/OWNER/REPO@VERSION"),
        (("--target", "churned", "--positive", "maybe", "--no-workflows"), "no, yes"),
        (("--target", "churned", "--task", "regression", "--no-workflows"), "--task"),
        (("--name", "a b", *ALL), "--name"),
        (("--no-workflows", "--module", MODULE), "--module"),
        (("--set", "name=x", *ALL), "--set"),
    ],
)
def test_what_has_to_be_said_is_asked_for_and_nothing_is_written(
    shop: Project, argv: tuple[str, ...], named: str
) -> None:
    assert shop.run("init", *argv) == 2
    assert named in shop.err
    assert tree(shop.root).keys() == {"customers.csv"}


def test_several_data_sets_are_named(customers: Any, shop: Project) -> None:
    (shop.root / "data").mkdir()
    (shop.root / "data" / "more.csv").write_text(customers(60))
    assert shop.run("init", *ALL) == 2
    assert "customers.csv, data/more.csv" in shop.err
    shop.json("init", *ALL, "--data", "data/more.csv")
    assert load_settings(shop.root / "modelway.yaml").prepare.data.uri == "data/more.csv"


def test_no_data_set_is_said(shop: Project) -> None:
    (shop.root / "customers.csv").unlink()
    assert shop.run("init", *ALL) == 2
    assert "--data" in shop.err
    assert shop.run("init", *ALL, "--data", "gone.csv") == 3


def test_a_target_with_missing_values_is_refused(shop: Project) -> None:
    assert shop.run("init", "--target", "spent", "--no-workflows") == 3
    assert "no value in" in shop.err


def test_yes_takes_what_is_proposed(shop: Project) -> None:
    assert shop.json("init", "--yes", "--no-workflows")["target"] == "churned"


def test_a_person_is_asked(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = io.StringIO("github.com/octocat/ours@v9\n2\n")
    monkeypatch.setattr(answers, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", answers)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert shop.run("init") == 0, shop.err
    assert "Which column is to be predicted?" in shop.err
    settings = load_settings(shop.root / "modelway.yaml")
    assert settings.prepare.target == "visits"  # the second proposal
    assert "github.com/octocat/ours@v9" in (shop.root / ".github/workflows/train-model.yml").read_text()


def test_data_outside_of_the_project_are_named(customers: Any, shop: Project, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.csv").write_text(customers(60))
    record = shop.json("init", *ALL, "--data", "../elsewhere.csv")
    assert load_settings(shop.root / "modelway.yaml").prepare.data.uri == "../elsewhere.csv"
    assert any("outside of the project" in note for note in record["notes"])


def test_the_folder_may_be_named_from_elsewhere(shop: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shop.json("init", "shop", "--data", "shop/customers.csv", *ALL)
    assert load_settings(shop.root / "modelway.yaml").prepare.data.uri == "customers.csv"


def test_other_delimiters_and_encodings_are_found(customers: Any, shop: Project) -> None:
    text = customers().replace(",", ";").replace("family", "größe")
    (shop.root / "customers.csv").write_bytes(text.encode("latin-1"))
    shop.json("init", *ALL)
    data = load_settings(shop.root / "modelway.yaml").prepare.data
    assert (data.delimiter, data.encoding) == (";", "latin-1")
    assert shop.run("prepare", "--output", "prepared") == 0, shop.err


@pytest.mark.parametrize("value", ["1e-3", "yes", "no", "Null", "~", "2025-01-01", "<=50K", "a: b", "# x", "'", "ü"])
def test_values_are_written_as_the_text_that_they_are(shop: Project, value: str) -> None:
    rows = [f"{number % 7},{number % 5},{value if number % 3 else 'other'}" for number in range(90)]
    (shop.root / "customers.csv").write_text("a,on,it\n" + "\n".join(rows) + "\n")
    shop.json("init", "--target", "it", "--no-workflows")
    column = load_settings(shop.root / "modelway.yaml").prepare.columns["it"]
    assert column.values == tuple(sorted([value, "other"]))
    assert "on" in load_settings(shop.root / "modelway.yaml").prepare.columns


def test_a_model_of_ones_own_is_named(shop: Project) -> None:
    (shop.root / "mine.py").write_text("def build():\n    return None\n")
    record = shop.json("init", *ALL, "--model", "mine:build", "--trusted", "mine.Net")
    assert states(record)["mine.py"] == "kept"
    estimator = load_settings(shop.root / "modelway.yaml").fit.estimator
    assert (estimator.kind, estimator.function, estimator.trusted) == ("custom", "mine:build", ("mine.Net",))


def test_a_function_that_is_not_there_is_refused(shop: Project) -> None:
    (shop.root / "mine.py").write_text("def other():\n    return None\n")
    assert shop.run("init", *ALL, "--model", "mine:build") == 2
    assert "has no 'build'" in shop.err
    assert tree(shop.root).keys() == {"customers.csv", "mine.py"}


def test_without_being_asked_there_is_no_module(shop: Project) -> None:
    shop.json("init", *ALL)
    assert not list(shop.root.glob("*.py"))


def test_tools_of_ones_own_are_taken_over(shop: Project) -> None:
    (shop.root / "pyproject.toml").write_text('[project]\nname = "My Shop"\n[tool.black]\nline-length = 100\n')
    (shop.root / ".flake8").write_text("[flake8]\n")
    shop.json("init", *ALL)
    settings = load_settings(shop.root / "modelway.yaml")
    assert settings.name == "My-Shop"
    assert settings.check_code.format is not None
    assert settings.check_code.format.command == ("black", "--check", ".")
    assert settings.check_code.lint is not None
    assert settings.check_code.lint.command == ("flake8", ".")


def test_gitignore_gets_what_git_does_not_ignore_yet(shop: Project) -> None:
    (shop.root / ".gitignore").write_text("mlruns/\nreports/\n*.db*\n")
    (shop.root / "predictions").mkdir()
    (shop.root / "predictions" / "README.md").write_text("ours\n")
    subprocess.run(["git", "add", "predictions"], cwd=shop.root, check=True)
    shop.json("init", *ALL)
    added = (shop.root / ".gitignore").read_text().splitlines()[3:]
    assert [line for line in added if line.startswith("/")] == ["/.modelway/", "/mlartifacts/", "/model-artifacts/"]


def test_check_says_what_is_missing(shop: Project) -> None:
    record = shop.json("init", "--check")
    assert record["exit_code"] == 4
    assert states(record) == {"modelway.yaml": "missing", ".github/workflows": "missing", ".gitignore": "missing"}
    assert tree(shop.root).keys() == {"customers.csv"}
    shop.json("init", *ALL)
    assert shop.json("init", "--check")["exit_code"] == 0
    (shop.root / ".github/workflows/ml-ci.yml").unlink()
    assert states(shop.json("init", "--check"))[".github/workflows/ml-ci.yml"] == "missing"
    assert shop.json("init", "--check")["exit_code"] == 4


def test_check_tells_another_module_in_dagger_json(shop: Project) -> None:
    shop.json("init", *ALL)
    path = shop.root / "dagger.json"
    path.write_text(path.read_text().replace("v0.1.0", "v0.0.9"))
    record = shop.json("init", "--check")
    assert record["exit_code"] == 4
    assert states(record)["dagger.json"] == "differs"


def test_a_workflow_of_ones_own_edits_is_no_lack(shop: Project) -> None:
    shop.json("init", *ALL)
    path = shop.root / ".github/workflows/batch-inference.yml"
    path.write_text(path.read_text().replace("0 2 * * *", "0 5 * * *"))
    record = shop.json("init", "--check")
    assert (record["exit_code"], states(record)[".github/workflows/batch-inference.yml"]) == (0, "kept")


def test_without_git_it_says_so(
    customers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Any
) -> None:
    (tmp_path / "customers.csv").write_text(customers(60))
    monkeypatch.chdir(tmp_path)
    record = in_project(tmp_path).json("init", *ALL)
    assert any("git init" in note for note in record["notes"])
    assert (tmp_path / ".github/workflows/train-model.yml").is_file()
    assert yaml.safe_load((tmp_path / "modelway.yaml").read_text())["name"]
