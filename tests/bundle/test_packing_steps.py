"""A signed bundle that replaces another with each step of it failing: what is there verifies, and nothing else is."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelway.bundle import open_bundle, pack_bundle, packing
from modelway.bundle.export import export_estimator
from modelway.records.trust import Trust
from tests.every_step import Fault, Operation
from tests.stores import name_of


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("key")
    made = ec.generate_private_key(ec.SECP256R1())
    forms = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(made.private_bytes(serialization.Encoding.PEM, *forms))
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "public.pem").write_bytes(made.public_key().public_bytes(serialization.Encoding.PEM, public))
    return folder / "key.pem"


@pytest.mark.parametrize(
    ("fault", "every"),
    [(Fault.FULL, 23), (Fault.KILLED, 23), *(pytest.param(fault, 5, marks=pytest.mark.slow) for fault in Fault)],
)
def test_pack_bundle_with_each_step_failing_leaves_a_bundle_that_verifies(
    tmp_path: Path, train_one: Any, origin: Any, key: Path, fault: Fault, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = train_one("binary", "linear")
    # Most of the time goes into what writes nothing, and is the same each time.
    monkeypatch.setattr("modelway.bundle.export.export_estimator", lambda *_: exported)
    trained = packing._read(training, ())
    exported = export_estimator(trained.model.info, trained.model.estimator)
    monkeypatch.setattr(packing, "_read", lambda *_: trained)
    pack_bundle(training, origin, tmp_path / "old", private_key=key)
    compared = packing.compare(
        open_bundle(tmp_path / "old"),
        trained.model,
        packing.read_reference(tmp_path / "old/reference.parquet", trained.model.info),
    )
    monkeypatch.setattr(packing, "compare", lambda *_: compared)
    trust = Trust(public_key=str(key.with_name("public.pem")), require_signature=True)

    def start(root: Path) -> None:
        shutil.copytree(tmp_path / "old", root / "bundle")
        (root / "tmp").mkdir()
        monkeypatch.setattr(tempfile, "tempdir", str(root / "tmp"))

    def run(root: Path) -> None:
        pack_bundle(training, origin.model_copy(update={"version": 4}), root / "bundle", private_key=key)

    def check(root: Path, done: bool) -> None:
        bundle = open_bundle(root / "bundle", trust)
        assert bundle.info.version in {4, *(() if done else (3,))}

    operation = Operation(start, run, check, place=name_of, at_least=60, tidy=True)
    operation.with_each_step(tmp_path / "runs", fault, every=every)
