"""A version whose model calls the project's own function: who says that it may, from the registry to a server."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mlflow import MlflowClient

from modelway.bundle import open_bundle
from modelway.deploy.local.files import Files
from modelway.deploy.local.target import LocalTarget
from modelway.errors import InputError
from modelway.pipeline.bundles import BundleStore
from modelway.pipeline.evaluate import load_champion
from modelway.pipeline.register import pull
from modelway.records.deploy import BundleRef, Live, LiveState, Release
from modelway.records.package import PackageOptions
from modelway.records.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator

FUNCTION = "ratios_of_mine:ratio"
MODULE = "def ratio(table):\n    return (table['amount'].to_numpy() / (1 + table['income'].to_numpy()))[:, None]\n"


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[tuple[Any, Path]]:
    """A registry with a version that calls the project's function, and the project."""
    import sys

    from modelway.data.sample import write_sample
    from modelway.pipeline.train import train
    from modelway.registry import Registry
    from modelway.settings import Override, load_settings

    root = tmp_path_factory.mktemp("registered")
    shutil.copy(Path(__file__).parents[2] / "modelway.yaml", root)
    shutil.copy(empty_database, root / "mlflow.db")
    (root / "data").mkdir()
    shutil.copy(write_sample(root / "sample", rows=1200), root / "data" / "loans.csv")
    (root / "ratios_of_mine.py").write_text(MODULE)
    sys.path.insert(0, str(root))
    overrides = [
        "fit.estimator.epochs=10",
        f"fit.features.custom=[{{function: '{FUNCTION}', columns: [amount, income]}}]",
    ]
    overrides += ["prepare.columns.income.nullable=false", "prepare.columns.amount.nullable=false"]
    settings = load_settings(root / "modelway.yaml", [Override.parse(one) for one in overrides])
    made = Registry(settings.register_, settings.name, root)
    train(settings, made, root, root / "trained", registers=True, commit=None)
    yield made, root
    sys.path.remove(str(root))


@pytest.fixture
def unrecorded(registered: tuple[Any, Path]) -> Iterator[Any]:
    """The registry, whose version was registered by an earlier release: it has no record of trust."""
    registry, root = registered
    uri = f"sqlite:///{root / 'mlflow.db'}"
    client, version = MlflowClient(uri, uri), registry.get("1")
    client.delete_model_version_tag(version.name, "1", "trusted")
    yield registry
    client.set_model_version_tag(version.name, "1", "trusted", version.tags["trusted"])


def _store(registry: Any, path: Path, *names: str) -> BundleStore:
    return BundleStore(path, registry, Trust(names=names), PackageOptions())


def test_bring_the_registrys_record_is_enough(registered: Any, tmp_path: Path) -> None:
    registry, _ = registered
    assert registry.get("1").trusted == (FUNCTION,)
    ref, _ = _store(registry, tmp_path).bring("1")
    assert ref.trusted == (FUNCTION,)
    bundle = tmp_path / ref.digest
    with pytest.raises(InputError, match=FUNCTION):
        open_bundle(bundle)
    assert open_bundle(bundle, Trust(names=ref.trusted)).digest == ref.digest


def test_bring_without_a_record_goes_by_the_settings_and_records_them(unrecorded: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=FUNCTION):
        _store(unrecorded, tmp_path).bring("1")
    assert "trusted" not in unrecorded.get("1").tags
    ref, _ = _store(unrecorded, tmp_path, FUNCTION, "unneeded.Type").bring("1")
    assert ref.trusted == (FUNCTION,)
    assert json.loads(unrecorded.get("1").tags["trusted"]) == [FUNCTION], "what it needs, and nothing else"
    assert _store(unrecorded, tmp_path).bring("1")[0] == ref


def test_load_champion_goes_by_the_record_too(registered: Any, tmp_path: Path) -> None:
    registry, _ = registered
    version = pull(registry, "1", tmp_path / "champion")
    with pytest.raises(InputError, match=FUNCTION):
        load_champion(tmp_path / "champion", ())
    assert load_champion(tmp_path / "champion", version.trusted).digest == version.model_digest


def test_local_target_a_server_gets_the_releases_trust_and_no_other(make_place: Any, tmp_path: Path) -> None:
    place = make_place()
    target, files = LocalTarget(place), Files(place.state / "local")
    ref = BundleRef(version=1, digest="a" * 64, trusted=(FUNCTION,))
    first = Release(name=place.model, champion=ref)  # as it was recorded before releases had settings
    (start,) = target.plan(first, Live(state=LiveState.ABSENT))
    target._prepare(start.arguments)
    assert json.loads(files.read("wanted.json")["variables"]["MODELWAY_SERVE_SETTINGS"]) == {"trusted": [FUNCTION]}
    running = Live(
        state=LiveState.STABLE, release=first.id, ready=1, configuration=files.read("wanted.json")["configuration"]
    )
    assert target.plan(first, running) == ()
    second = first.model_copy(update={"champion": BundleRef(version=2, digest="b" * 64, trusted=(FUNCTION,))})
    assert [step.action for step in target.plan(second, running)] == ["reload"]
    other = first.model_copy(update={"champion": BundleRef(version=2, digest="b" * 64)})
    assert [step.action for step in target.plan(other, running)] == ["restart"]
