"""A bundle of the loans example, rows to score, and runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelway.batch.run import Outcome, Request, run_batch
from modelway.bundle import pack_bundle
from modelway.data.sample import write_sample
from modelway.records.batch import BatchOptions
from modelway.records.bundle import Origin
from modelway.records.data import Column, ColumnType, DataOptions, S3Options

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (
    "applied_on", "age", "income", "amount", "term_months", "employment", "purpose", "home", "credit_history_years",
    "late_payments", "note",
)  # fmt: skip


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's model on few rows, as `package` packs it."""
    from modelway.cli.main import run

    root = tmp_path_factory.mktemp("project")
    (root / "data").mkdir()
    write_sample(root / "data", rows=1500)
    shutil.copy(ROOT / "modelway.yaml", root)
    argv = ["train", "--config", str(root / "modelway.yaml"), "--epochs", "10", "--no-register"]
    assert run([*argv, "--output-dir", str(root / "trained")]) in {0, 4, 5}
    origin = Origin(name="loans", version=3, run_id="r" * 32, created="2026-05-04T03:02:01+00:00")
    pack_bundle(root / "trained", origin, root / "bundle")
    return root / "bundle"


@pytest.fixture(scope="session")
def loans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows that the model has not seen, as CSV."""
    return write_sample(tmp_path_factory.mktemp("loans"), rows=3000, seed=7)


@dataclass
class Runs:
    """Runs of one bundle in one place."""

    bundle: Path
    output: str
    s3: S3Options = field(default_factory=S3Options)
    options: BatchOptions = field(default_factory=lambda: BatchOptions(memory="2GB", workers=1, max_rejects=0))
    keys: tuple[str, ...] = ()

    def request(self, source: str | Path, run: str = "one", **options: Any) -> Request:
        more = {name: options.pop(name) for name in ("declared", "written") if name in options}
        return Request(
            options=self.options.model_copy(update=options),
            source=more.get("written") or DataOptions(uri=str(source)),
            bundle=self.bundle,
            output=self.output,
            run=run,
            now="2026-11-26T02:00:00+00:00",
            keys=self.keys,
            s3=self.s3,
            declared=more.get("declared", {}),
        )

    def __call__(self, source: str | Path, run: str = "one", **options: Any) -> Outcome:
        return run_batch(self.request(source, run, **options))

    def done(self, source: str | Path, run: str = "one", **options: Any) -> Outcome:
        outcome = self(source, run, **options)
        assert outcome.error is None, str(outcome.error)
        return outcome

    def folder(self, run: str = "one") -> Path:
        return Path(self.output) / run

    def table(self, run: str = "one") -> pa.Table:
        return pa.concat_tables([pq.read_table(path) for path in sorted(self.folder(run).glob("predictions/*"))])

    def rejects(self, run: str = "one") -> list[dict[str, Any]]:
        paths = sorted(self.folder(run).glob("rejects/*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_text().splitlines()]

    def files(self, run: str = "one") -> dict[str, bytes]:
        """What is published and does not tell time."""
        root = self.folder(run)
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name != "timings.json" and "_run" not in path.parts
        }


@pytest.fixture
def runs(bundle: Path, tmp_path: Path) -> Runs:
    return Runs(bundle, str(tmp_path / "out"))


@pytest.fixture
def runs_on(bundle: Path) -> Callable[[str, S3Options], Runs]:
    """Runs that write to S3."""
    return lambda output, s3: Runs(bundle, output, s3)


@pytest.fixture
def small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Units of 64 KiB and blocks of 16 KiB, so that small files are cut; workers are told by the environment."""
    monkeypatch.setattr("modelway.batch.cutting.UNIT_BYTES", 64 << 10)
    monkeypatch.setattr("modelway.batch.cutting.UNIT_ROWS", 500)
    monkeypatch.setattr("modelway.batch.cutting.BLOCK", 16 << 10)
    monkeypatch.setattr("modelway.batch.text.BLOCK", 16 << 10)


@pytest.fixture
def keyed(runs: Runs) -> Runs:
    return replace(runs, keys=("customer",))


INTEGER = Column(type=ColumnType.INTEGER)
