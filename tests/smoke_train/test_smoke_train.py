"""A small training on a user's project, whatever their model does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from modelway.artifacts import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

    OwnModel = Callable[[str], tuple[str, ...]]

CHECKS = ["trains", "loads", "shape", "finite", "not_constant", "input_example"]
LINEAR = ("--set", "fit.estimator={kind: linear}")
OWN = """
import numpy as np
class Own:
    def fit(self, rows, target):
        self.classes_ = np.unique(target)
        return self
    def predict_proba(self, rows):
        {body}
def make():
    return Own()
"""


def _verdicts(record: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["verdict"] for check in record["checks"]}


def _reason(record: dict[str, Any], check: str) -> str:
    return next(found["reason"] for found in record["checks"] if found["check"] == check)


def _fit(project: Project) -> dict[str, Any]:
    fit: dict[str, Any] = json.loads((project.root / "reports" / "smoke-train" / "model" / "fit.json").read_text())
    return fit


def test_a_small_training_leaves_model_metrics_and_report_and_nothing_else(project: Project) -> None:
    before = set(project.root.iterdir())
    record = project.json("smoke-train")
    assert (record["exit_code"], record["verdict"]) == (0, "pass"), record
    assert [check["check"] for check in record["checks"]] == [*CHECKS, "gates"]
    assert set(project.root.iterdir()) - before == {project.root / "reports"}
    directory = project.root / "reports" / "smoke-train"
    read_manifest(directory, "smoke-train")
    for name in ("model/model.skops", "metrics.json", "report.html", "checks.json", "junit.xml"):
        assert (directory / name).is_file()
    for name in record["reports"].values():
        assert (directory / name).exists()
    cases = ET.parse(directory / "junit.xml").findall(".//testcase")
    assert [case.get("name") for case in cases] == [*CHECKS, "gates"]


def test_it_takes_the_flags_of_other_training_scripts(project: Project) -> None:
    flags = ("--max-epochs", "2", "--batch-size", "32", "--sample-data", "--output-dir", "test-run")
    assert project.run("smoke-train", *LINEAR, *flags) == 0
    fit = json.loads((project.root / "test-run" / "model" / "fit.json").read_text())
    assert (fit["epochs"], fit["estimator"]["batch_size"]) == (2, 32)


def test_one_epoch_in_batches_of_32_unless_told_otherwise(project: Project) -> None:
    assert project.run("smoke-train", *LINEAR) == 0
    fit = _fit(project)
    assert (fit["epochs"], fit["estimator"]["epochs"], fit["estimator"]["batch_size"]) == (1, 1, 32)
    flags = ("--epochs", "3", "--batch-size", "64", "--sample", "300")
    record = project.json("smoke-train", *LINEAR, *flags)
    assert record["exit_code"] == 0
    fit = _fit(project)
    assert (fit["estimator"]["epochs"], fit["estimator"]["batch_size"]) == (3, 64)
    assert "3 epochs of linear in batches of 64" in _reason(record, "trains")
    metrics = json.loads((project.root / "reports" / "smoke-train" / "metrics.json").read_text())
    assert 20 < metrics["rows"] < 120  # of 300 rows the test rows, not of 600


def test_a_model_of_one_epoch_may_fail_its_gates(project: Project) -> None:
    record = project.json("smoke-train", "--set", "evaluate.gates.minimum={roc_auc: 0.99999}")
    assert (record["exit_code"], record["verdict"]) == (0, "pass")
    gates = record["checks"][-1]
    assert (gates["check"], gates["verdict"], gates["severity"]) == ("gates", "fail", "warn")
    assert "minimum.roc_auc: fail" in gates["reason"]


def test_search_and_benchmarks_are_left_out(project: Project) -> None:
    settings = ("--set", "fit.search.trials=50", "--set", "prepare.benchmarks={far: {uri: s3://nowhere/far.csv}}")
    assert project.run("smoke-train", *settings) == 0
    assert _fit(project)["search"] is None


def test_a_regression_is_checked_as_well(project: Project) -> None:
    values = {"task": "regression", "target": "income", "positive": "null"}
    changes = [word for key, value in values.items() for word in ("--set", f"prepare.{key}={value}")]
    changes += ["--set", "evaluate={}", "--set", "fit={features: {drop: [group]}}"]
    record = project.json("smoke-train", *changes)
    assert record["exit_code"] == 0, record
    assert "a value each" in _reason(record, "shape")


def test_without_data_there_is_nothing_to_train_on(project: Project) -> None:
    (project.root / "data" / "loans.csv").unlink()
    assert project.run("smoke-train") == 3
    for words in ("loans.csv", "--data", "--sample-data"):
        assert words in project.err
    assert not (project.root / "reports").exists()


def test_the_sample_data_are_made_where_the_project_is_about_them(project: Project) -> None:
    (project.root / "data" / "loans.csv").unlink()
    assert project.run("smoke-train", "--sample-data") == 0
    assert not list((project.root / "data").iterdir())


def test_the_sample_data_are_refused_where_the_project_has_other_columns(project: Project) -> None:
    path = project.root / "modelway.yaml"
    text = path.read_text().replace(" age:", " years:")
    path.write_text(text)
    assert project.run("smoke-train", "--sample-data") == 2
    assert "other columns" in project.err
    (project.root / "data" / "loans.csv").unlink()
    assert project.run("smoke-train") == 3
    assert "--sample-data" not in project.err


def test_data_that_prepare_refuses_are_an_error_with_a_report(project: Project) -> None:
    path = project.root / "data" / "loans.csv"
    path.write_text(path.read_text().replace("mortgage", "igloo"))
    record = project.json("smoke-train")
    assert record["exit_code"] == 4
    assert set(_verdicts(record).values()) == {"error"}
    assert list(_verdicts(record)) == CHECKS
    assert "igloo" in _reason(record, "trains")
    read_manifest(project.root / "reports" / "smoke-train", "smoke-train")


def test_an_estimator_that_raises_fails_with_the_line_that_did(project: Project, own_model: OwnModel) -> None:
    text = "class Own:\n  predict_proba = print\n  def fit(self, *_):\n    raise ValueError('no way')\nmake = Own\n"
    record = project.json("smoke-train", *own_model(text))
    assert (record["exit_code"], record["verdict"]) == (4, "fail")
    assert _verdicts(record) == {"trains": "fail", **dict.fromkeys(CHECKS[1:], "error")}
    assert "fit raised ValueError: no way" in _reason(record, "trains")
    (finding,) = record["checks"][0]["findings"]
    assert (finding["path"], finding["line"], finding["rule"]) == (
        next(project.root.glob("own_*.py")).name,
        4,
        "ValueError",
    )
    assert "no way" in (project.root / "reports" / "smoke-train" / record["reports"]["traceback"]).read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "import sys\nclass Own:\n  predict_proba = print\n  def fit(self, *_): sys.exit(0)\nmake = Own\n",
            "SystemExit",
        ),
        ("def make():\n  raise ValueError('no way')\n", "making the estimator raised ValueError"),
        ("import no_such_module_anywhere\n", "can't be imported"),
    ],
    ids=["exits with 0", "can't be made", "can't be imported"],
)
def test_an_estimator_that_never_comes_to_be_fails(
    project: Project, own_model: OwnModel, text: str, words: str
) -> None:
    record = project.json("smoke-train", *own_model(text))
    assert (record["exit_code"], _verdicts(record)["trains"]) == (4, "fail")
    assert words in _reason(record, "trains")


def test_an_estimator_of_ones_own_that_is_fine_passes(project: Project, own_model: OwnModel) -> None:
    body = "high = 1 / (1 + np.exp(-rows.sum(axis=1) / 1e6)); return np.column_stack([1 - high, high])"
    record = project.json("smoke-train", *own_model(OWN.format(body=body)))
    assert record["exit_code"] == 0, record
    assert ":make was fitted on" in _reason(record, "trains")


@pytest.mark.parametrize(
    ("body", "check", "words"),
    [
        ("return np.full((len(rows), 2), 0.5)", "not_constant", "one prediction, 0.5"),
        ("return np.full((len(rows), 2), np.nan)", "finite", "NaN"),
        ("return np.column_stack([rows.sum(axis=1)] * 2)", "finite", "outside 0 to 1"),
        ("return np.full((2, 2), 0.5)", "shape", "ValueError"),
        (
            "high = np.linspace(0, 1, n) if (n := len(rows)) > 1 else np.r_[np.nan]; return np.c_[1 - high, high]",
            "input_example",
            "NaN, which is no JSON",
        ),
    ],
    ids=["constant", "NaN", "no probabilities", "another shape", "NaN in the answer"],
)
def test_a_model_that_predicts_nonsense_fails(
    project: Project, own_model: OwnModel, body: str, check: str, words: str
) -> None:
    record = project.json("smoke-train", *own_model(OWN.format(body=body)))
    assert (record["exit_code"], _verdicts(record)[check]) == (4, "fail"), record
    assert words in _reason(record, check)
    assert _verdicts(record)["loads"] == "pass"


def test_a_model_that_works_only_where_it_was_fitted_does_not_load(project: Project, own_model: OwnModel) -> None:
    text = "import multiprocessing, os\nif multiprocessing.parent_process():\n  os._exit(9)\n"
    body = "high = np.linspace(0, 1, len(rows)); return np.column_stack([1 - high, high])"
    record = project.json("smoke-train", *own_model(text + OWN.format(body=body)))
    assert record["exit_code"] == 4
    verdicts = _verdicts(record)
    assert (verdicts["trains"], verdicts["loads"], verdicts["input_example"]) == ("pass", "fail", "error")
    assert "ended with code 9" in _reason(record, "loads")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--epochs", "0"], "--epochs"),
        (["--sample", "0"], "--sample"),
        (["--output", "data"], "not a modelway artifact"),
        (["--set", "smoke_train.epoch=1"], "epochs"),
    ],
)
def test_wrong_usage_is_refused(project: Project, argv: list[str], words: str) -> None:
    assert project.run("smoke-train", *argv) == 2
    assert words in project.err


def test_an_interruption_leaves_nothing_half_written(project: Project, own_model: OwnModel) -> None:
    text = "import sys, time\nclass Own:\n  predict_proba = print\n  def fit(self, *_):\n"
    flags = own_model(text + "    print('fitting', flush=True)\n    time.sleep(600)\nmake = Own\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "modelway", "smoke-train", *flags],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "fitting\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 130
    assert not [path for path in project.root.rglob("*") if "smoke-train" in path.name]
