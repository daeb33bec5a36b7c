"""What a bundle that somebody changed meets."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys

import pytest

from modelway.artifacts import digest_of
from modelway.bundle import open_bundle, pack_bundle, verify_bundle
from modelway.errors import InputError, SettingsError
from modelway.records.trust import Trust


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Two pairs of keys: ours and another's; each `(private, public)`."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def write(name):
        key = ec.generate_private_key(ec.SECP256R1())
        folder = tmp_path_factory.mktemp(name)
        forms = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *forms))
        public = serialization.PublicFormat.SubjectPublicKeyInfo
        (folder / "pub.pem").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, public))
        return folder / "key.pem", folder / "pub.pem"

    return write("ours"), write("theirs")


@pytest.fixture(scope="session")
def signed(train_one, origin, keys, tmp_path_factory):
    bundle = tmp_path_factory.mktemp("signed") / "bundle"
    pack_bundle(train_one("binary", "linear"), origin, bundle, private_key=keys[0][0])
    return bundle


@pytest.fixture
def changed(signed, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(signed, bundle)
    return bundle


def signed_by(public_key):
    """The policy of who wants a signature by this key."""
    return Trust(public_key=str(public_key), require_signature=True)


def test_a_signed_bundle_verifies(signed, keys):
    report = verify_bundle(signed, signed_by(keys[0][1]))
    assert report.signed
    assert [check.name for check in report.checks] == [
        "files", "manifest", "signature", "provenance", "sbom", "mlflow", "contents", "reference"
    ]  # fmt: skip


def test_the_signature_is_no_part_of_the_digest(signed, pack):
    assert verify_bundle(signed).digest == open_bundle(pack("binary", "linear").bundle).digest


def test_the_specifications_own_tool_takes_the_signature_for_good(signed, keys):
    argv = [sys.executable, "-m", "model_signing", "verify", "key", str(signed)]
    argv += ["--signature", str(signed / "model.sig"), "--public_key", str(keys[0][1])]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_a_flipped_bit_anywhere_is_refused(signed, changed, keys):
    rng = random.Random(0)
    for path in sorted(signed.iterdir()):
        content = path.read_bytes()
        for _ in range(3):
            place, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
            torn = bytearray(content)
            torn[place] ^= bit
            (changed / path.name).write_bytes(torn)
            with pytest.raises(InputError):
                verify_bundle(changed, signed_by(keys[0][1]), load=False)
        (changed / path.name).write_bytes(content)
    verify_bundle(changed, signed_by(keys[0][1]), load=False)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"dsseEnvelope": {"payload": "", "signatures": []}}'])
def test_what_is_no_signature_is_refused(changed, keys, content):
    (changed / "model.sig").write_text(content)
    with pytest.raises(InputError, match="no signature"):
        verify_bundle(changed, signed_by(keys[0][1]), load=False)


def test_a_signature_cannot_be_required_without_a_key(signed):
    with pytest.raises(SettingsError, match="no public key"):
        open_bundle(signed, Trust(require_signature=True))


def test_a_key_that_is_none_is_named(signed, tmp_path, train_one, origin):
    bad = tmp_path / "bad.pem"
    bad.write_text("no key")
    with pytest.raises(SettingsError, match="public key"):
        open_bundle(signed, Trust(public_key=str(bad)))
    with pytest.raises(SettingsError, match="private key"):
        pack_bundle(train_one("binary", "linear"), origin, tmp_path / "bundle", private_key=bad)
    assert not (tmp_path / "bundle").exists()


def test_the_digest_is_that_of_the_manifests_files(signed):
    manifest = json.loads((signed / "manifest.json").read_text())
    assert verify_bundle(signed).digest == digest_of(manifest["files"])


class TestKeys:
    """Keys of every kind that a user may have, as openssl and cryptography write them."""

    @pytest.fixture
    def key_of(self, tmp_path):
        """Gives the files of a private key and of its public one."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519

        makers = {
            "ed25519": ed25519.Ed25519PrivateKey.generate,
            "ed448": ed448.Ed448PrivateKey.generate,
            "x25519": x25519.X25519PrivateKey.generate,
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
            "dsa": lambda: dsa.generate_private_key(2048),
            "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
            "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
            "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
            "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
            "brainpoolP256r1": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
        }

        def write(kind, password=None):
            key = makers[kind]()
            private, public = tmp_path / "key.pem", tmp_path / "pub.pem"
            hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
            pem = serialization.Encoding.PEM
            private.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, hidden))
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            public.write_bytes(key.public_key().public_bytes(pem, form))
            return private, public

        return write

    @pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521"])
    def test_curves_of_the_specification_sign_and_verify(self, key_of, kind, train_one, origin, tmp_path):
        private, public = key_of(kind)
        pack_bundle(train_one("binary", "linear"), origin, tmp_path / "bundle", private_key=private)
        assert verify_bundle(tmp_path / "bundle", signed_by(public), load=False).signed

    @pytest.mark.parametrize("kind", ["ed25519", "ed448", "x25519", "rsa", "dsa", "secp256k1", "brainpoolP256r1"])
    def test_other_keys_are_refused_with_the_kinds_that_work(self, key_of, kind, train_one, origin, signed, tmp_path):
        private, public = key_of(kind)
        with pytest.raises(SettingsError, match="P-256, P-384 and P-521"):
            pack_bundle(train_one("binary", "linear"), origin, tmp_path / "bundle", private_key=private)
        with pytest.raises(SettingsError, match="P-256, P-384 and P-521"):
            open_bundle(signed, signed_by(public))
        assert not (tmp_path / "bundle").exists()

    def test_an_encrypted_key_is_refused(self, key_of, train_one, origin, tmp_path):
        private, _ = key_of("P-256", b"secret")
        with pytest.raises(SettingsError, match="unencrypted"):
            pack_bundle(train_one("binary", "linear"), origin, tmp_path / "bundle", private_key=private)
