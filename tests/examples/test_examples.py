"""The examples: their settings load, and on real data they reach their bars with every seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelway.cli.main import run
from modelway.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/modelway.yaml")), ids=lambda path: path.parent.name)
def test_an_examples_settings_load(path: Path) -> None:
    assert load_settings(path).name == path.parent.name


def test_the_root_is_the_sample() -> None:
    # But for what concerns this repository's own code, which `make ci` checks.
    ours = {"check_code", "test", "audit", "changed"}
    root, sample = (load_settings(folder / "modelway.yaml") for folder in (ROOT, EXAMPLES / "loans"))
    assert root.model_dump(exclude=ours) == sample.model_dump(exclude=ours)


def test_the_samples_settings_explain_every_key() -> None:
    # Every key of every section stands in the file, be it in a comment.
    from modelway.settings import settings_schema

    text = (EXAMPLES / "loans" / "modelway.yaml").read_text()
    definitions = settings_schema()["$defs"]
    skipped = {"CustomEstimatorOptions", "LinearOptions", "NeuralNetworkOptions", "FloatRange", "IntRange", "Choice"}
    for name, definition in definitions.items():
        for key in definition.get("properties", {}):
            if name not in skipped:
                assert f"{key}:" in text, f"{name}.{key} is not explained"
    for key in ("batch_size", "hidden", "params", "trusted", "function", "low", "high", "log", "choices"):
        assert key in text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("example", "data", "metric", "bar"),
    [("income", "adult.csv", "roc_auc", 0.92), ("bikes", "bike_hour.csv", "r2", 0.90)],
)
def test_an_example_reaches_its_bar(
    example: str,
    data: str,
    metric: str,
    bar: float,
    seed: int,
    shared_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    values = {
        "fit.seed": seed,
        "fit.search.storage": f"sqlite:///{tmp_path / 'study.db'}",
        "register.tracking_uri": f"sqlite:///{tmp_path / 'mlflow.db'}",
    }
    argv = ["train", "--config", str(EXAMPLES / example / "modelway.yaml"), "--data", str(shared_data / data)]
    argv += [word for key, value in values.items() for word in ("--set", f"{key}={value}")]
    code = run([*argv, "--no-register", "--output-dir", str(tmp_path / "out"), "--json"])
    record = json.loads(capsys.readouterr().out)
    assert code == 0, record
    assert record["metrics"][metric]["value"] >= bar
    fit = json.loads((tmp_path / "out" / "model" / "fit.json").read_text())
    assert len(fit["search"]["trials"]) >= 10
