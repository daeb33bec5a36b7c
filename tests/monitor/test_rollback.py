"""`modelway monitor --act` against a release that really runs: it is rolled back, and once."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

ROWS = 2000


@pytest.fixture
def here() -> tuple[str, ...]:
    """Where the release serves, and what is watched."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = (f"environments.local.target.port={port}", "serve.log.segment_seconds=1", "monitor.environment=local")
    return tuple(word for one in given for word in ("--set", one))


@pytest.mark.slow
def test_a_release_whose_labels_show_a_fall_is_rolled_back_once(
    tmp_path: Path, loop: Any, here: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_TOKEN", "SLACK_WEBHOOK", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(loop.SETTINGS, tmp_path)
    loop.modelway(tmp_path, "sample", "--output", "data")
    assert loop.modelway(tmp_path, "train")["version"] == 1
    # The second learned another world than the one that it is going to serve.
    loop.modelway(tmp_path, "sample", "--output", "other", "--drift", "concept", "--seed", "1", "--rows", "4000")
    lower = ("--set", "evaluate.gates.minimum={roc_auc: 0.65}")
    assert loop.modelway(tmp_path, "train", "--data", "other", *lower, may=(0, 4, 5))["version"] == 2
    loop.modelway(tmp_path, "deploy", "--env", "local", "--model-version", "1", *here)
    try:
        url = loop.modelway(tmp_path, "deploy", "--env", "local", "--model-version", "2", *here)["url"]
        assert live(loop, tmp_path, here) == 2
        loop.modelway(tmp_path, "sample", "--output", "served", "--seed", "2", "--rows", str(ROWS))
        served = loop.read_rows(tmp_path / "served" / "loans.csv")
        ids = loop.send(url, served)
        loop.wait_for_log(tmp_path / ".modelway" / "env" / "local" / "log", ROWS)
        labels = [{"id": name, "defaulted": row["defaulted"]} for name, row in zip(ids, served, strict=True)]
        loop.write_rows(tmp_path / "labels" / "labels.csv", labels)

        act = ("monitor", "--act", "--ground-truth", "labels", *here)
        first = loop.modelway(tmp_path, *act, may=(4,))
        assert first["action"] == "roll_back", first
        assert [one for one in first["done"] if one.startswith("rolled back: ")], first
        assert live(loop, tmp_path, here) == 1

        # The labels still show the fall; the release they are put down to is gone.
        again = loop.modelway(tmp_path, *act, may=(4,))
        assert again["action"] != "roll_back", again
        assert not [one for one in again["done"] if "roll" in one], again
        assert live(loop, tmp_path, here) == 1
    finally:
        loop.modelway(tmp_path, "stop", "--env", "local", *here)


def live(loop: Any, work: Path, here: tuple[str, ...]) -> int:
    """The version that the environment serves."""
    found = loop.modelway(work, "status", "--env", "local", *here)
    versions = {one["revision"]: one["champion"]["version"] for one in found["releases"]["history"]}
    assert found["live"]["state"] == "stable", found
    return int(versions[found["live"]["release"]])
