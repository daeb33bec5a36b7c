"""A store of the registry's files that misbehaves ends a call with 6."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.errors import ModelwayError
from modelway.records.register import RegisterOptions
from modelway.registry.bounding import bounded_client
from modelway.registry.location import locate
from modelway.registry.session import calls

from .conftest import WAYS, outcome

SILENT = ("hangs", "dribbles its head", "dribbles its body", "reads nothing")


@pytest.mark.parametrize("way", SILENT)
def test_files_in_a_bucket_that_misbehaves_end_with_6(
    start, short, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    server = start(WAYS[way])
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", server.url)
    options = RegisterOptions(artifact_location="s3://bucket/files")
    location = locate(options, tmp_path)
    (tmp_path / "a.txt").write_text("content")
    with calls(location, None):
        client = bounded_client(location)
        run = client.create_run(client.create_experiment("x", artifact_location="s3://bucket/files"))
        short()
        for call in (
            lambda: client.log_artifact(run.info.run_id, str(tmp_path / "a.txt")),
            lambda: client.download_artifacts(run.info.run_id, "a.txt", str(tmp_path)),
        ):
            found = outcome(call)
            assert isinstance(found, ModelwayError), repr(found)
            assert found.exit_code == 6
