"""What the registry records of a version's trust and of its kept files, and what comes of other records."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from mlflow import MlflowClient

from modelway.errors import InputError
from modelway.records.register import TRUSTED, RegisterOptions, Version
from modelway.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registry.conftest import MakeTrained


def _version(**tags: str) -> Version:
    return Version(name="loans", number=1, run_id="r", model_digest="d" * 64, tags=tags)


class TestTrusted:
    def test_trusted_is_what_the_tag_lists(self) -> None:
        assert _version(**{TRUSTED: '["a.B", "m:f"]'}).trusted == ("a.B", "m:f")

    def test_trusted_without_a_record_is_nothing(self) -> None:
        assert _version().trusted == ()

    @pytest.mark.parametrize("text", ["", "posix.system", '"posix.system"', "[1]", "null", '{"a": "b"}'])
    def test_trusted_a_record_that_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(InputError, match="can't be read"):
            _ = _version(**{TRUSTED: text}).trusted


class TestKeptFiles:
    @pytest.fixture
    def registry(self, trained: MakeTrained, tmp_path: Path) -> Registry:
        made = Registry(RegisterOptions(), "loans", tmp_path)
        made.register(trained(1), texts={"recipe.json": '{"as": "registered"}'})
        return made

    def test_download_kept_gives_what_was_registered(self, registry: Registry, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        registry.download_kept("1", ("recipe.json", "metrics.json"), tmp_path / "out")
        assert (tmp_path / "out" / "recipe.json").read_text() == '{"as": "registered"}'

    @pytest.mark.parametrize("name", ["recipe.json", "metrics.json"])
    def test_download_kept_an_exchanged_file_is_refused(self, registry: Registry, tmp_path: Path, name: str) -> None:
        kept = next((tmp_path / "mlartifacts").rglob(name))
        kept.write_text('{"as": "exchanged"}')
        with pytest.raises(InputError, match=f"{name} of version 1 is not the one that was registered"):
            registry.download_kept("1", (name,), tmp_path)
        assert not (tmp_path / name).exists()

    def test_download_kept_of_an_earlier_releases_version_is_given(self, registry: Registry, tmp_path: Path) -> None:
        client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}", f"sqlite:///{tmp_path / 'mlflow.db'}")
        assert "recipe.json" in json.loads(client.get_model_version("loans", "1").tags["kept_digests"])
        client.delete_model_version_tag("loans", "1", "kept_digests")
        (tmp_path / "out").mkdir()
        registry.download_kept("1", ("recipe.json",), tmp_path / "out")

    def test_download_kept_with_digests_that_lack_the_file_is_refused(self, registry: Registry, tmp_path: Path) -> None:
        client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}", f"sqlite:///{tmp_path / 'mlflow.db'}")
        for text in ("", "{", "{}", "[]", "null", "7", '"x"', '{"metrics.json": "0"}', '{"recipe.json": null}'):
            client.set_model_version_tag("loans", "1", "kept_digests", text)
            with pytest.raises(InputError, match=r"recipe\.json of version 1 is not the one that was registered"):
                registry.download_kept("1", ("recipe.json",), tmp_path)
            assert not (tmp_path / "recipe.json").exists(), text
