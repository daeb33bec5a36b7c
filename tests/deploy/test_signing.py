"""Where a signature is required, a deploy signs with the key that it is given, and refuses what is not signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelway.bundle import verify_bundle
from modelway.errors import InputError
from modelway.pipeline.bundles import BundleStore
from modelway.records.package import PackageOptions
from modelway.records.trust import Trust


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    """Two pairs of keys: private, public."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pairs = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("key")
        key = ec.generate_private_key(ec.SECP256R1())
        form, nobody = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, nobody))
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        (folder / "pub.pem").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, public))
        pairs.append((folder / "key.pem", folder / "pub.pem"))
    return pairs


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Any:
    """A registry with a first version."""
    import shutil

    from modelway.data.sample import write_sample
    from modelway.pipeline.train import train
    from modelway.registry import Registry
    from modelway.settings import Override, load_settings

    root = tmp_path_factory.mktemp("registered")
    shutil.copy(Path(__file__).parents[2] / "modelway.yaml", root)
    shutil.copy(empty_database, root / "mlflow.db")
    (root / "data").mkdir()
    shutil.copy(write_sample(root / "sample", rows=1200), root / "data" / "loans.csv")
    settings = load_settings(root / "modelway.yaml", [Override.parse("fit.estimator.epochs=10")])
    made = Registry(settings.register_, settings.name, root)
    train(settings, made, root, root / "trained", registers=True, commit=None)
    return made


def store(registry: Any, path: Path, public: Path, private: Path | None = None) -> BundleStore:
    required = Trust(require_signature=True, public_key=str(public))
    return BundleStore(path, registry, required, PackageOptions(), private)


def test_what_is_not_signed_is_refused(registry: Any, keys: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="sign"):
        store(registry, tmp_path, keys[0][1]).bring("1")
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]


def test_it_is_signed_with_the_key_and_found_signed_again(registry: Any, keys: Any, tmp_path: Path) -> None:
    private, public = keys[0]
    ref, _ = store(registry, tmp_path, public, private).bring("1")
    assert (
        verify_bundle(tmp_path / ref.digest, Trust(public_key=str(public), require_signature=True)).digest == ref.digest
    )
    assert store(registry, tmp_path, public).directory(ref) == tmp_path / ref.digest  # no key is needed any more


def test_another_keys_signature_is_refused_and_signed_anew(registry: Any, keys: Any, tmp_path: Path) -> None:
    (private, public), (other, others) = keys
    ref, _ = store(registry, tmp_path, others, other).bring("1")
    with pytest.raises(InputError):
        store(registry, tmp_path, public).directory(ref)
    assert store(registry, tmp_path, public, private).bring("1")[0] == ref  # the signature is no part of the digest
    assert verify_bundle(tmp_path / ref.digest, Trust(public_key=str(public), require_signature=True))


def test_an_unsigned_bundle_of_before_is_no_longer_enough(registry: Any, keys: Any, tmp_path: Path) -> None:
    ref, _ = BundleStore(tmp_path, registry, Trust(), PackageOptions()).bring("1")
    with pytest.raises(InputError):
        store(registry, tmp_path, keys[0][1]).directory(ref)
