"""What registering does to the process and the machine around it: nothing."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

import pytest

from modelway.errors import InputError, OutsideError
from modelway.records.data import ColumnType, Task
from modelway.records.features import BooleanFeature, CategoryFeature, DateFeature, FeatureSpec, NumberFeature
from modelway.records.fit import DatePart, ModelInfo
from modelway.records.register import RegisterOptions
from modelway.registry import Credentials, session
from modelway.registry.location import locate
from modelway.registry.session import calls, unrepeated

if TYPE_CHECKING:
    from pathlib import Path

    from modelway.registry import Registry
    from tests.registry.conftest import MakeTrained

# Registers in a fresh process; tells which hosts were asked, and what is left changed.
SCRIPT = """
import json, logging, os, socket, sys, threading
asked = []
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, lambda self, *arguments: asked.append(str(arguments)))
socket.getaddrinfo = lambda *arguments, **options: asked.append(str(arguments))
from pathlib import Path
from modelway.records.register import RegisterOptions
from modelway.registry import Registry
assert "mlflow" not in sys.modules, "importing the room must not import mlflow"
before = dict(os.environ)
root, trained = Path(sys.argv[1]), Path(sys.argv[2])
Registry(RegisterOptions(), "loans", root).register(trained)
import mlflow
facts = {
    "asked": asked,
    # polars, which mlflow imports where it is there, tells its memory allocator how to behave.
    "environment": sorted(
        name
        for name in {**before, **os.environ}
        if before.get(name) != os.environ.get(name) and name != "_RJEM_MALLOC_CONF"
    ),
    "tracking": "loans-root" in mlflow.get_tracking_uri(),
    "threads": [thread.name for thread in threading.enumerate() if not thread.daemon][1:],
}
(root / "facts.json").write_text(json.dumps(facts))
"""
NOISY = ("mlflow", "alembic", "sqlalchemy", "urllib3")
CI_NAMES = ("CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "BUILD_NUMBER", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")


def test_registering_asks_no_network_prints_nothing_and_leaves_no_setting(trained: MakeTrained, tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "loans-root", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    # MLflow keeps its telemetry to itself where it sees a test or CI.
    environment = {key: value for key, value in os.environ.items() if key not in CI_NAMES}
    command = [sys.executable, "-c", SCRIPT, str(root), str(trained(1))]
    done = subprocess.run(command, env=environment, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    facts = json.loads((root / "facts.json").read_text())
    assert facts == {"asked": [], "environment": [], "tracking": False, "threads": []}
    assert list(elsewhere.iterdir()) == [], "nothing is written into the working directory"


class Ended(NamedTuple):
    """How calls end: what is raised among them, and what comes of it."""

    raised: BaseException | None
    as_kind: type[BaseException] | None


ENDED = {
    "well": Ended(None, None),
    "modelway's error": Ended(InputError("not registered"), InputError),
    "a database's error": Ended(sqlite3.OperationalError("disk I/O error"), OutsideError),
    "a file's error": Ended(OSError(28, "No space left on device"), OutsideError),
    "a bug": Ended(ValueError("x"), ValueError),
    "interrupted": Ended(KeyboardInterrupt(), KeyboardInterrupt),
}


@pytest.mark.parametrize("ended", ENDED.values(), ids=ENDED)
@pytest.mark.parametrize(
    "credentials",
    [None, Credentials(username="me", password="s3cret"), Credentials(token="t0ken")],
    ids=["none", "password", "token"],
)
def test_calls_that_end_in_any_way_leave_the_process_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: Ended, credentials: Credentials | None
) -> None:
    """The environment, log levels, the lock between threads, and how requests are sent."""
    import requests
    import sqlalchemy  # noqa: F401 - it sets a log level when it is imported

    def state() -> object:
        return dict(os.environ), [logging.getLogger(name).level for name in NOISY], requests.Session.request

    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "another")
    monkeypatch.delenv("MLFLOW_TRACKING_PASSWORD", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    server = locate(RegisterOptions(tracking_uri="http://127.0.0.1:9"), tmp_path)
    with calls(server, None):
        pass  # what the import of mlflow sets stays
    before = state()
    with nullcontext() if ended.as_kind is None else pytest.raises(ended.as_kind):  # noqa: SIM117 - it is long
        with calls(server, credentials):
            given = [os.environ.get(f"MLFLOW_TRACKING_{name}") for name in ("USERNAME", "PASSWORD", "TOKEN")]
            if credentials is None:
                assert given == ["another", None, os.environ.get("MLFLOW_TRACKING_TOKEN")]
            else:
                assert given == [credentials.username, credentials.password, credentials.token]
            with unrepeated():
                assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "0"
                if ended.raised is not None:
                    raise ended.raised
            assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert state() == before
    free: list[bool] = []

    def take() -> None:
        free.append(session._one_at_a_time.acquire(blocking=False))
        if free[0]:
            session._one_at_a_time.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert free == [True]


@pytest.mark.slow
def test_a_registered_model_scores_through_mlflow(
    registry: Registry, root: Path, trained: MakeTrained, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from sklearn.linear_model import LogisticRegression

    from modelway.bundle import load_model, save_model
    from modelway.records.fit import Fit

    directory = trained(1)
    info = ModelInfo.from_json((directory / "model" / "model.json").read_bytes())
    spec = FeatureSpec(
        features=(
            NumberFeature(kind="number", column="age", fill=40.0),
            NumberFeature(kind="number", column="hours", fill=38.0, indicator=True),
            BooleanFeature(kind="boolean", column="married"),
            CategoryFeature(kind="category", column="job", encode="onehot", categories=("clerk", "smith")),
            DateFeature(
                kind="date",
                column="since",
                parts=(DatePart.YEAR,),
                cyclic=False,
                origin=0.0,
                center=(2000.0,),
                divisor=(1.0,),
                fill=(2000.0,),
            ),
        ),
        names=("age", "hours", "hours missing", "married", "job clerk", "job smith", "since year"),
    )
    random = np.random.default_rng(0)
    features = random.normal(size=(50, len(spec.names))).astype(np.float32)
    estimator = LogisticRegression().fit(features, (features[:, 0] > 0).astype(int))
    fit = Fit.from_json((directory / "model" / "fit.json").read_bytes())
    save_model(directory / "model", info, spec, estimator, fit)
    registry.register(directory)

    rows = {
        "age": [20, 60],
        "hours": [None, 30.0],
        "income": [1.5, 2.5],
        "married": [True, False],
        "job": ["smith", None],
        "note": ["a", "b"],
        "since": pd.to_datetime(["2020-01-01", "1999-05-06"]),
    }
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
    loaded = mlflow.pyfunc.load_model("models:/loans@champion")
    frame = loaded.predict(pd.DataFrame(rows))
    table = pa.table(
        {**rows, "hours": pa.array([None, 30]), "since": pa.array(rows["since"], pa.timestamp("us", "UTC"))}
    )
    scores = load_model(directory / "model").predict(table)
    assert scores.probability is not None
    np.testing.assert_array_equal(frame[["probability_no", "probability_yes"]].to_numpy(), scores.probability)
    assert frame["prediction"].tolist() == [info.classes[index] for index in scores.prediction]
    assert loaded.predict(loaded.input_example).shape == (1, 3)
    without = pd.DataFrame(rows).drop(columns=["hours", "job"])
    assert loaded.predict(without).shape == (2, 3)
    assert info.task is Task.CLASSIFICATION
    assert info.inputs["since"] is ColumnType.DATE
