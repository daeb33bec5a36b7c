"""What the stage gives to the gates: each part's own rows, both models, and the settings' threshold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelway.data import Prepared
from modelway.errors import InputError
from modelway.pipeline import evaluate as stage
from modelway.pipeline.evaluate import Champion
from modelway.pipeline.stopwatch import Stopwatch
from modelway.records.data import ColumnType, Task
from modelway.records.evaluate import Scores
from modelway.records.fit import ModelInfo
from modelway.records.progress import silent


class Stop(Exception):  # noqa: N818 - not an error: it ends the stage where what it was given is known
    """Ends the stage before it writes."""


class StubModel:
    """A model whose scores tell its name, its threshold and the rows that it was given."""

    def __init__(self, level: float, info: ModelInfo, flaw: str | None = None) -> None:
        self.level, self.info, self.spec, self.flaw = level, info, None, flaw

    def predict(self, table: pa.Table, threshold: float = 0.5) -> Scores:
        if self.flaw is not None:
            raise InputError(self.flaw)
        positive = table["x"].to_numpy() * self.level
        return Scores((positive >= threshold).astype(np.int64), np.column_stack([1 - positive, positive]))


def judged(
    monkeypatch: pytest.MonkeyPatch, folder: Path, world: Any, champion: Champion | None = None, **options: Any
) -> dict[str, Any]:
    """Run the stage on rows 0.1 (train), 0.2, 0.4 (test) and benchmarks; gives what the gates were given."""
    parts = {
        "train": [0.1],
        "validation": [0.15],
        "test": [0.2, 0.4],
        "benchmarks/old": [0.6, 0.7, 0.8],
        "benchmarks/far": [0.9],
    }
    tables = {name: pa.table({"x": x, "y": ["no", "yes", "no"][: len(x)]}) for name, x in parts.items()}
    made = world.make_dataset(Task.CLASSIFICATION, tables["test"], ("no", "yes"), {"no": 0.5, "yes": 0.5}, None)
    (folder / "model").mkdir()
    (folder / "model" / "model.skops").write_bytes(b"12345")
    (folder / "model" / "model.json").write_bytes(b"123")
    model = StubModel(1.0, INFO)
    seen: dict[str, Any] = {}

    def judge(*given: Any, **named: Any) -> None:
        names = ("options", "dataset", "table", "target", "candidate", "champion")
        seen.update(zip(names, given, strict=True), **named)
        raise Stop

    monkeypatch.setattr(
        stage, "load_model", lambda path, trusted: seen.update(loaded=path.name, trusted=trusted) or model
    )
    monkeypatch.setattr(stage, "model_digest", lambda path: f"digest of {path.name}")
    monkeypatch.setattr(stage, "judge", judge)
    with pytest.raises(Stop):
        stage.evaluate_into(
            folder, world.options(**options), "m", Prepared(dataset=made, tables=tables), champion, Stopwatch(),
            commit=None, trusted=("mine.Type",), progress=silent,
        )  # fmt: skip
    return seen


INFO = ModelInfo(task=Task.CLASSIFICATION, target="y", classes=("no", "yes"), inputs={"x": ColumnType.NUMBER})


def test_each_part_is_scored_on_its_own_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: Any) -> None:
    seen = judged(monkeypatch, tmp_path, world)
    assert seen["table"]["x"].to_pylist() == [0.2, 0.4]
    assert seen["target"].tolist() == [0, 1]
    assert seen["candidate"].probability[:, 1].tolist() == [0.2, 0.4]
    assert list(seen["benchmarks"]) == ["old", "far"]
    for name, target, positive in (("old", [0, 1, 0], [0.6, 0.7, 0.8]), ("far", [0], [0.9])):
        found, scores = seen["benchmarks"][name]
        assert (found.tolist(), scores.probability[:, 1].tolist()) == (target, positive)
    assert (seen["champion"], seen["champion_digest"], seen["model_digest"]) == (None, None, "digest of model")
    assert (seen["size_bytes"], seen["inputs"], seen["trusted"]) == (8, INFO.inputs, ("mine.Type",))


@pytest.mark.parametrize(("threshold", "predicted"), [(0.3, [0, 1]), (0.1, [1, 1]), (0.5, [0, 0])])
def test_threshold_of_the_settings_decides_for_every_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: Any, threshold: float, predicted: list[int]
) -> None:
    champion = Champion(StubModel(2.0, INFO), "theirs")  # type: ignore[arg-type]
    seen = judged(monkeypatch, tmp_path, world, champion, threshold=threshold)
    assert seen["candidate"].prediction.tolist() == predicted
    assert seen["champion"].probability[:, 1].tolist() == [0.4, 0.8]
    assert seen["champion"].prediction.tolist() == [int(one >= threshold) for one in (0.4, 0.8)]
    assert seen["benchmarks"]["old"][1].prediction.tolist() == [int(one >= threshold) for one in (0.6, 0.7, 0.8)]
    assert seen["champion_digest"] == "theirs"


@pytest.mark.parametrize(
    ("changes", "flaw", "words"),
    [
        ({"target": "z"}, None, "it predicts 'z' (classification), not 'y' (classification)"),
        ({"task": Task.REGRESSION, "classes": ()}, None, "it predicts 'y' (regression), not 'y' (classification)"),
        ({"classes": ("yes", "no")}, None, "it knows the classes yes, no; these are no, yes"),
        ({"classes": ("no", "yes", "maybe")}, None, "it knows the classes no, yes, maybe; these are no, yes"),
        ({}, "column 'w' is missing", "it can't read these rows: column 'w' is missing"),
    ],
)
def test_champion_of_other_rows_says_why_it_has_no_scores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: Any, changes: dict[str, Any], flaw: str | None, words: str
) -> None:
    model: Any = SimpleNamespace(info=INFO.model_copy(update=changes), predict=StubModel(1.0, INFO, flaw).predict)
    seen = judged(monkeypatch, tmp_path, world, Champion(model, "theirs"))
    assert seen["champion"] == words
