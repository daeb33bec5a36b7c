"""The main job, as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from modelway.artifacts import artifact_digest, read_manifest
from modelway.locks import locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Project

QUICK = ("--epochs", "20")


@pytest.fixture(autouse=True)
def empty_registry(project: Project, empty_database: Path) -> None:
    shutil.copy(empty_database, project.root / "mlflow.db")


def test_train_leaves_model_metrics_baseline_and_report_and_registers(project: Project) -> None:
    assert project.run("train", *QUICK) == 0
    for words in ("roc_auc", "95% interval", "champion", "let through", "loans version 1 (champion, challenger)"):
        assert words in project.out
    left = {path.name for path in (project.root / "model-artifacts").iterdir()}
    asked_for = {"model", "metrics.json", "baseline.json", "report.html", "plots"}
    assert left == asked_for | {"signature.json", "reference.parquet", "timings.json", "manifest.json"}
    read_manifest(project.root / "model-artifacts", "training")


def test_the_same_again_is_not_registered_twice(project: Project) -> None:
    first = project.json("train", *QUICK)
    assert (first["version"], first["created"]) == (1, True)
    again = project.json("train", *QUICK)
    assert (again["exit_code"], again["version"], again["created"]) == (0, 1, False)
    assert again["model_digest"] == first["model_digest"]
    kept = project.json("train", *QUICK, "--no-register")
    assert (kept["exit_code"], kept["version"]) == (0, 1)


def test_a_worse_model_is_refused_and_leaves_its_report(project: Project) -> None:
    project.run("train", *QUICK)
    worse = project.json("train", "--epochs", "1", "--set", "fit.estimator.num_leaves=2")
    assert worse["exit_code"] == 4
    assert worse["version"] is None
    assert next(gate for gate in worse["gates"] if gate["gate"] == "champion")["verdict"] == "fail"
    assert (project.root / "model-artifacts" / "report.html").is_file()
    assert project.run("pull", "2", "--output", "two") == 2
    assert not (project.root / "two").exists()


def test_a_margin_too_small_to_tell_is_inconclusive(project: Project) -> None:
    project.run("train", *QUICK)
    other = ("--set", "fit.estimator.subsample=0.9", "--set", "evaluate.gates.champion.margin=0.0")
    narrow = project.json("train", *QUICK, *other)
    assert narrow["exit_code"] == 5
    assert narrow["verdict"] == "inconclusive"


def test_promote_moves_the_champion(project: Project) -> None:
    project.run("train", *QUICK)
    wide = ("--set", "evaluate.gates.champion.margin=0.5")
    assert project.json("train", "--epochs", "15", *wide)["version"] == 2
    assert "already version 1" in (project.run("train", *QUICK, *wide), project.out)[1]
    assert project.json("promote", "challenger")["version"]["aliases"] == ["champion", "challenger"]
    assert project.json("pull", "champion", "--output", "champion")["version"]["number"] == 2
    assert project.run("promote", "9") == 2
    assert "9" in project.err


def test_the_parts_give_what_train_gives(project: Project) -> None:
    project.run("train", *QUICK, "--no-register")
    assert project.run("prepare", "--output", "prepared") == 0
    assert project.run("fit", "--prepared", "prepared", *QUICK, "--output", "model") == 0
    assert project.run("evaluate", "--prepared", "prepared", "--model", "model", "--output", "evaluated") == 0
    whole, parts = (read_manifest(project.root / name, "training") for name in ("model-artifacts", "evaluated"))
    assert artifact_digest(whole) == artifact_digest(parts)
    assert whole.inputs == parts.inputs
    assert project.json("register", "evaluated")["version"]["number"] == 1
    assert project.run("pull", "champion", "--output", "champion") == 0
    again = project.json(
        "evaluate", "--prepared", "prepared", "--model", "model", "--champion", "champion", "--output", "evaluated"
    )
    assert again["exit_code"] == 5


def test_a_stage_takes_settings_that_hold_its_key_alone(project: Project) -> None:
    project.run("prepare", "--output", "prepared")
    (project.root / "slice.yaml").write_text("name: loans\nfit: {estimator: {kind: linear, epochs: 2}}\n")
    assert project.run("fit", "--config", "slice.yaml", "--prepared", "prepared", "--output", "model") == 0
    assert json.loads((project.root / "model" / "fit.json").read_text())["estimator"]["kind"] == "linear"


def test_a_fixed_sample_of_the_rows_can_do(project: Project) -> None:
    assert project.json("prepare", "--sample", "300", "--output", "few")["rows"]["train"] < 300
    few, again = json.loads(project.out)["rows"], project.json("prepare", "--sample", "300", "--output", "few")["rows"]
    assert few == again
    assert 150 < sum(few.values()) < 450


def test_the_settings_can_say_not_to_register(project: Project) -> None:
    (project.root / "mlflow.db").unlink()
    never = ("--set", "register.by_default=false")
    assert project.json("train", *QUICK, *never)["version"] is None
    assert not (project.root / "mlflow.db").exists()
    assert project.json("train", *QUICK, *never, "--register")["version"] == 1


def test_pull_says_which_models_are_registered(project: Project) -> None:
    digest = project.json("train", *QUICK)["model_digest"]
    assert project.json("pull", "champion", "--output", "champion")["known"] == {digest: 1}


def test_pull_may_find_nothing(project: Project) -> None:
    told = project.json("pull", "champion", "--output", "champion", "--allow-missing")
    assert (told["exit_code"], told["known"]) == (0, {})
    assert not (project.root / "champion").exists()


@pytest.mark.parametrize("name", ["prepared", "model"])
def test_what_was_tampered_with_is_refused(project: Project, name: str) -> None:
    project.run("prepare", "--output", "prepared")
    project.run("fit", "--prepared", "prepared", *QUICK, "--output", "model")
    victim = next(path for path in sorted((project.root / name).iterdir()) if path.suffix in {".parquet", ".skops"})
    victim.write_bytes(victim.read_bytes() + b"x")
    assert project.run("evaluate", "--prepared", "prepared", "--model", "model", "--output", "evaluated") == 3
    assert victim.name in project.err
    assert not (project.root / "evaluated").exists()


def test_the_commit_is_kept_with_the_version(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    (project.root / ".gitignore").write_text("*.db\nmlartifacts\nmodel-artifacts\n.modelway\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "begin"]):
        subprocess.run([*git, *command], cwd=project.root, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project.root, check=True, capture_output=True, text=True)
    project.run("train", *QUICK)
    assert project.json("promote", "1")["version"]["tags"]["commit"] == head.stdout.strip()


def test_named_benchmarks_are_scored_besides(project: Project) -> None:
    project.run("sample", "--output", "late", "--rows", "400", "--seed", "1", "--drift", "concept")
    late = ("--set", "prepare.benchmarks={late: {uri: late/loans.csv}}")
    assert project.run("train", *QUICK, "--no-register", *late) == 0
    metrics = json.loads((project.root / "model-artifacts" / "metrics.json").read_text())
    assert [(part["name"], part["rows"]) for part in metrics["benchmarks"]] == [("late", 400)]
    assert metrics["benchmarks"][0]["metrics"]["roc_auc"]["value"] < metrics["metrics"]["roc_auc"]["value"]
    assert "late" in (project.root / "model-artifacts" / "report.html").read_text()


def test_a_slip_in_what_is_measured_shows_before_the_fitting(project: Project) -> None:
    assert project.run("train", "--set", "evaluate.primary=macro_f1") == 2
    assert "macro_f1" in project.err
    assert "fit:" not in project.err


def test_one_search_is_run_by_one_process_at_a_time(project: Project) -> None:
    project.run("prepare", "--output", "prepared")
    search = ("fit", "--prepared", "prepared", "--epochs", "5", "--trials", "2", "--output", "model")
    assert project.run(*search) == 0
    lock = next((project.root / ".modelway").glob("fit-*.lock"))
    with locked(lock, "the test"):
        assert project.run(*search) == 6
    assert "another process" in project.err
    assert project.run(*search) == 0


def _drop_note(project: Project) -> None:
    """The column leaves the data set, and with it all that the settings say of it."""
    path = project.root / "modelway.yaml"
    kept = [line for line in path.read_text().splitlines() if not line.strip().startswith("note:")]
    path.write_text("\n".join(kept).replace("prepare:", "prepare:\n  ignore: [note]"))


def _turn_round(project: Project) -> None:
    path = project.root / "modelway.yaml"
    path.write_text(path.read_text().replace('positive: "yes"', 'positive: "no"'))


@pytest.mark.parametrize(
    ("change", "words"),
    [(_drop_note, "'note' is missing"), (_turn_round, "it knows the classes no, yes; these are yes, no")],
)
def test_a_champion_that_cannot_score_these_rows_is_an_error(
    project: Project, change: Callable[[Project], None], words: str
) -> None:
    project.run("train", *QUICK)
    change(project)
    record = project.json("train", *QUICK)
    champion = next(gate for gate in record["gates"] if gate["gate"] == "champion")
    assert (record["exit_code"], champion["verdict"]) == (4, "error")
    assert words in champion["reason"]
