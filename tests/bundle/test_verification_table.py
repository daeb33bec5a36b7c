"""Each check of a bundle stops what it alone can stop: one row a way to spoil a bundle, all else in order."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from modelway.bundle import open_bundle, pack_bundle, verify_bundle
from modelway.errors import ModelwayError
from modelway.records.trust import Trust

from . import verification_of_files, verification_of_signatures  # noqa: F401 - add their rows
from .check_oracle import CHECKS, failing
from .verification_table import ROWS, Row, Spoiled

OPENED = {
    "regular", "manifest", "digest", "signed", "usable_key", "envelope", "by_key", "statement", "of_these_files",
    "known_names", "one_estimator", "complete", "nothing_else", "contents",
}  # fmt: skip
"""What a server's loader checks as well: it parses nothing before all of it holds."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    folder = tmp_path_factory.mktemp("keys")
    made: dict[str, Any] = {
        "ours": ec.generate_private_key(ec.SECP256R1()),
        "theirs": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    for name, key in made.items():
        (folder / f"{name}.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(pem, public))
    return {name: (folder / f"{name}.pem", folder / f"{name}.pub") for name in made}


@pytest.fixture(scope="module")
def signed(train_one: Any, origin: Any, keys: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two bundles that one key signed, by modelway itself."""
    folder = tmp_path_factory.mktemp("signed")
    for name, data in (("one", "binary"), ("other", "three")):
        pack_bundle(train_one(data, "linear"), origin, folder / name, private_key=keys["ours"][0])
    return [folder / "one", folder / "other"]


@pytest.fixture
def spoil(signed: list[Path], keys: Any, tmp_path: Path) -> Any:
    def spoil(row: Row) -> Spoiled:
        shutil.copytree(signed[0], tmp_path / "bundle")
        one = Spoiled(tmp_path / "bundle", keys, signed[1])
        row.spoil(one)
        return one

    return spoil


def outcome(work: Any, one: Spoiled) -> tuple[int, str]:
    """Exit code and message of a reader who has the key and the digest."""
    view = one.view
    trust = Trust(public_key=view.key, require_signature=True)
    try:
        work(view.path, trust, view.digest)
    except ModelwayError as error:
        return error.exit_code, f"{Path(error.where or '').name}: {error.what}"
    return 0, ""


def verify(path: Path, trust: Trust, digest: str) -> None:
    verify_bundle(path, trust, digest=digest, load=False)


def load(path: Path, trust: Trust, digest: str) -> None:
    open_bundle(path, trust, digest=digest)


@pytest.mark.parametrize("row", [pytest.param(one, id=one.name.replace(" ", "_")) for one in ROWS])
def test_a_spoiled_bundle_fails_one_check_and_is_refused_by_it(row: Row, spoil: Any) -> None:
    one = spoil(row)
    assert failing(one.view) == ({row.stops} - {""}), "the row spoils more or less than it says"
    code, message = outcome(verify, one)
    assert (code, row.words in message) == (row.code, True), message
    if row.stops in {*OPENED, ""}:
        assert outcome(load, one) == (code, message)


def test_each_check_has_a_row_that_it_alone_stops() -> None:
    assert {row.stops for row in ROWS} == {"", *(check.__name__ for check in CHECKS)}
