"""A live model that knows the sample's truth: its baseline, its prediction log and the labels that come in."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from modelway.data.sample import Drift, make_loans, true_log_odds
from modelway.observe.baseline import make_baseline
from modelway.records.data import Column, ColumnType, Dataset, Duplicates, HashSplit, Task
from modelway.records.evaluate import Scores
from modelway.records.serve import PredictionRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KINDS = {
    "applied_on": ColumnType.DATE,
    "age": ColumnType.INTEGER,
    "income": ColumnType.NUMBER,
    "amount": ColumnType.NUMBER,
    "term_months": ColumnType.INTEGER,
    "employment": ColumnType.CATEGORY,
    "purpose": ColumnType.CATEGORY,
    "home": ColumnType.CATEGORY,
    "credit_history_years": ColumnType.NUMBER,
    "late_payments": ColumnType.INTEGER,
    "note": ColumnType.TEXT,
    "group": ColumnType.CATEGORY,
    "defaulted": ColumnType.CATEGORY,
}
IMPORTANCE = {"late_payments": 0.3, "income": 0.2, "age": 0.2, "credit_history_years": 0.2, "employment": 0.1}


@dataclass
class Loans:
    """Some loans with what the model says of them."""

    columns: dict[str, np.ndarray]
    probability: np.ndarray

    @classmethod
    def draw(cls, rows: int, seed: int, drift: str | None = None) -> Loans:
        """The model knows the truth as it was before any drift, from the values before some were made missing."""
        kind = Drift(drift) if drift else None
        loans = make_loans(rows, seed, kind)
        complete = {**loans, "credit_history_years": _filled(loans["credit_history_years"])}
        return cls(loans, 1 / (1 + np.exp(-true_log_odds(complete))))

    def table(self) -> pa.Table:
        found = {}
        for name, kind in KINDS.items():
            values = [None if str(value) == "" else value for value in self.columns[name].tolist()]
            if kind is ColumnType.DATE:
                found[name] = pa.array([datetime.fromisoformat(day) for day in values], pa.timestamp("us", tz="UTC"))
            elif kind in {ColumnType.INTEGER, ColumnType.NUMBER}:
                numbers = [None if value is None else float(value) for value in values]
                found[name] = pa.array(numbers, pa.float64())
            else:
                found[name] = pa.array(values, pa.string())
        return pa.table(found)


def _filled(texts: np.ndarray) -> np.ndarray:
    return np.array([10.0 if text == "" else float(text) for text in texts.tolist()])


def baseline_of(loans: Loans) -> Any:
    table = loans.table()
    dataset = Dataset(
        task=Task.CLASSIFICATION,
        target="defaulted",
        classes=("no", "yes"),
        columns={name: Column(type=kind, nullable=True) for name, kind in KINDS.items()},
        split=HashSplit(),
        rows={"train": table.num_rows, "test": table.num_rows},
        duplicates=Duplicates(rows=0),
        profile=(),
        source={},
    )
    probability = np.stack([1 - loans.probability, loans.probability], axis=1)
    scores = Scores((loans.probability >= 0.5).astype(int), probability)
    return make_baseline(
        dataset, table, table, scores, {"roc_auc": 0.79, "accuracy": 0.74}, IMPORTANCE, ("purpose", "group")
    )


@dataclass
class Live:
    """Where a model serves.

    Attributes:
        root: holds `log/`, `baseline.json` and `labels/`.
    """

    root: Path
    labels: list[dict[str, str]] = field(default_factory=list)
    count: int = 0

    @property
    def log(self) -> str:
        return str(self.root / "log")

    @property
    def baseline(self) -> str:
        return str(self.root / "baseline.json")

    def serve(
        self,
        rows: int,
        seed: int,
        drift: str | None = None,
        *,
        at: datetime = NOW - timedelta(hours=3),
        version: str = "3",
        variant: str = "champion",
        status: int = 200,
        fault: float = 0.0,
        keys: bool = False,
        smoke: bool = False,
    ) -> list[dict[str, Any]]:
        """Log some rows in one hour; `fault` is the share of answers that are turned round."""
        loans = Loans.draw(rows, seed, drift)
        turned = np.random.default_rng(seed).random(rows) < fault
        probability = np.where(turned, 1 - loans.probability, loans.probability)
        records = []
        table = loans.table().drop_columns("defaulted").to_pylist()
        for row, features in enumerate(table):
            self.count += 1
            features["applied_on"] = features["applied_on"].isoformat().replace("+00:00", "Z")
            yes = float(probability[row])
            records.append(
                PredictionRecord(
                    id=f"p{self.count}", request=f"r{self.count}", row=0, rows=1,
                    time=(at + timedelta(seconds=row % 3000)).isoformat(timespec="microseconds").replace("+00:00", "Z"),
                    key=f"k{self.count}" if keys else None, variant=variant, version=version, epoch="e",
                    status=status, latency_ms=2.0, probability=1.0, features=features,
                    prediction=None if status >= 400 else ("yes" if yes >= 0.5 else "no"),
                    probabilities=None if status >= 400 else {"no": 1 - yes, "yes": yes},
                    shadow_version=None, shadow_prediction=None, shadow_probabilities=None, smoke=smoke,
                ).model_dump()
            )  # fmt: skip
            self.labels.append({"id": f"p{self.count}", "defaulted": str(loans.columns["defaulted"][row])})
        self.write(records, at)
        return records

    def write(self, records: list[dict[str, Any]], at: datetime, stream: str = "predictions") -> Path:
        folder = self.root / "log" / stream / f"date={at:%Y-%m-%d}" / f"hour={at:%H}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"segment-{len(list(folder.iterdir()))}.jsonl.gz"
        path.write_bytes(gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode()))
        return path

    def write_labels(self, share: float = 1.0) -> str:
        """The labels of the first ones, as a CSV file."""
        folder = self.root / "labels"
        folder.mkdir(exist_ok=True)
        with (folder / "labels.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["id", "defaulted"])
            writer.writeheader()
            writer.writerows(self.labels[: round(share * len(self.labels))])
        return str(folder)


@pytest.fixture(scope="session")
def _baseline_text() -> str:
    return baseline_of(Loans.draw(4000, 0)).to_json()


@pytest.fixture
def live(tmp_path: Path, _baseline_text: str) -> Live:
    (tmp_path / "baseline.json").write_text(_baseline_text)
    return Live(tmp_path)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Callable[[Path], Project]) -> Project:
    """A folder without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return in_project(tmp_path)


@pytest.fixture
def settings(project: Project) -> Project:
    """The same with the settings of the loans."""
    (project.root / "modelway.yaml").write_text((ROOT / "modelway.yaml").read_text())
    return project
