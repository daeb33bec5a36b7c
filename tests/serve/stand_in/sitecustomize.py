"""Stands in for `modelway.bundle` in a server's process: a model of known answers that can be slow, fail or be broken.

What it opens is a directory with `model.json`: name, version, and what is wrong with it. The probability of "yes" is
`age` / 100, plus `shift`; so every answer can be told from the request.
"""

from __future__ import annotations

import json
import sys
import time
from types import ModuleType, SimpleNamespace


def _columns(extra: list[str]) -> tuple[SimpleNamespace, ...]:
    from modelway.records.data import ColumnType

    def column(name: str, kind: str, **fields: object) -> SimpleNamespace:
        known = {"nullable": False, "values": None, "refuse_unseen": False, "min": None, "max": None, "format": None}
        return SimpleNamespace(name=name, type=ColumnType(kind), **{**known, **fields})

    return (
        column("age", "integer", min=0.0, max=100.0),
        column("income", "number", nullable=True),
        column("member", "boolean", nullable=True),
        column("city", "category", nullable=True, values=("Bonn", "Köln")),
        column("home", "category", values=("own", "rent"), refuse_unseen=True),
        column("since", "date"),
        column("birthday", "date", nullable=True, format="%d.%m.%Y"),
        column("note", "text"),
        *(column(name, "number") for name in extra),
    )


class Bundle:
    def __init__(self, path) -> None:
        from modelway.records.data import Task

        told = json.loads((path / "model.json").read_text())
        self._shift = told.get("shift", 0.0)
        self._fails = told.get("fails", False)
        self._nan = told.get("nan", False)
        self._hangs_on = told.get("hangs_on")
        self._seconds = told.get("seconds", 0.0)
        version = told["version"]
        self.info = SimpleNamespace(
            name=told.get("name", "loans"),
            version=version,
            commit=f"{version:040x}",
            run_id=f"run-{version}",
            model_digest=f"{version:064x}",
            format="onnx",
        )
        self.digest = f"{version + 16:064x}"
        example = path / "serving_input_example.json"
        self.files = {example.name: example.read_bytes()} if example.exists() else {}
        self.signature = SimpleNamespace(
            task=Task.CLASSIFICATION, classes=("no", "yes"), columns=_columns(told.get("extra_columns", []))
        )

    def predict(self, columns, rows):
        import numpy as np

        from modelway.errors import InputError, NoScoreError
        from modelway.records.evaluate import Scores

        if self._fails:
            raise RuntimeError("a secret of the model's")
        if self._nan:
            raise NoScoreError("the model gives no finite score for row 0")
        while self._hangs_on in columns["age"]:
            pass
        if 1e300 in columns["income"]:
            raise InputError("feature 'income' is infinite in row 0")
        if self._seconds:
            time.sleep(self._seconds)
        yes = np.clip(np.array(columns["age"], dtype=float) / 100 + self._shift, 0, 1)
        assert len(yes) == rows
        return Scores((yes >= 0.5).astype(np.int64), np.column_stack([1 - yes, yes]))


def open_bundle(path, trust=None):
    from modelway.errors import InputError

    if not (path / "model.json").is_file():
        raise InputError("there is no bundle here", where=str(path))
    return Bundle(path)


_module = ModuleType("modelway.bundle")
_module.__path__ = []  # a package, whose module of names the server imports
sys.modules["modelway.bundle.layout"] = SimpleNamespace(
    BASELINE="baseline.json", SERVING_EXAMPLE="serving_input_example.json"
)
_module.Bundle, _module.open_bundle = Bundle, open_bundle
sys.modules["modelway.bundle"] = _module
