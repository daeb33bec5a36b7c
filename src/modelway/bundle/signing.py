"""Signatures of the OpenSSF model signing specification (v1.0), with a key of one's own.

`model_signing` signs. A server has no room for it, so checking is done here, on `cryptography` alone: a Sigstore bundle
holds a DSSE envelope, whose payload (an in-toto statement) lists every file with its SHA-256.
"""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.atomic import scratch_directory
from modelway.bundle.layout import SIGNED
from modelway.errors import InputError, SettingsError
from modelway.parsing import parse_json
from modelway.records.trust import is_pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.trust import Trust

_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://model_signing/signature/v1.0"
_CURVES = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_KEYS = (
    "Keys of the elliptic curves P-256, P-384 and P-521 work; Ed25519, RSA and other curves do not. Make one: "
    "openssl ecparam -name prime256v1 -genkey -noout."
)
_REMEDY = "Don't use it: sign it again with the key you trust, once you know who made it."


def sign(directory: Path, private_key: Path, name: str) -> None:
    """Sign a bundle's files and its manifest.

    Args:
        directory: the bundle.
        private_key: an elliptic curve's key (PEM: P-256, P-384 or P-521).
        name: the signature's subject; the specification takes the directory's name, and ours may be a temporary one.

    Raises:
        SettingsError: the key can't be used.
    """
    from model_signing import hashing, signing

    _read_key(private_key, private=True)
    files, signer = hashing.Config(), signing.Config()  # type: ignore[no-untyped-call]
    with scratch_directory() as work:
        named = work / name
        shutil.copytree(directory, named)
        files.set_ignored_paths(paths=[named / SIGNED], ignore_git_paths=False)
        try:
            signer.use_elliptic_key_signer(private_key=private_key)
        except (OSError, ValueError, TypeError) as error:
            raise SettingsError(
                f"the private key can't be used: {error}", where=str(private_key), remedy=_KEYS
            ) from error
        signer.set_hashing_config(files).sign(named, work / SIGNED)
        (directory / SIGNED).write_bytes((work / SIGNED).read_bytes())


def check_signature(directory: Path, content: bytes | None, present: Mapping[str, str], trust: Trust) -> bool:
    """Check a bundle's signature; False where there is none, or no key to check it with, and neither is required.

    Args:
        directory: the bundle, for messages.
        content: the signature; None where the bundle has none.
        present: SHA-256 of each file that has to be signed, the manifest among them, by its path.
        trust: the key (PEM) of who may sign, and whether there has to be a signature that was checked.

    Raises:
        InputError: it is not what the key's owner signed, or there is none where one is required.
        SettingsError: the key can't be read, or one is required and none is given.
    """
    if content is None:
        if trust.require_signature:
            raise InputError(
                "the bundle is not signed, and a signature is required",
                where=str(directory),
                remedy="Package it with a key: modelway package --private-key FILE.",
            )
        return False
    if trust.public_key is None:
        if trust.require_signature:
            raise SettingsError(
                "a signature is required, but no public key is given to check it with",
                where="serve.public_key",
                remedy="Name the public key's file (PEM).",
            )
        return False
    path = directory / SIGNED
    payload = _verified_payload(path, content, trust.public_key)
    signed = _signed_files(path, payload)
    if signed != present:
        names = sorted(name for name in {*signed, *present} if signed.get(name) != present.get(name))
        raise InputError(
            f"these files are not those that were signed: {', '.join(names[:5])}", where=str(directory), remedy=_REMEDY
        )
    return True


def _verified_payload(path: Path, content: bytes, public_key: str) -> bytes:
    """Return the payload of a signature that the key's owner made."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    payload, signature = _envelope(path, content)
    key = _read_key(public_key, private=False)
    digests: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    try:
        key.verify(signature, _pre_authentication(payload), ec.ECDSA(digests[key.key_size]))
    except InvalidSignature as error:
        raise InputError(
            "the signature is not of this key, or not of these files", where=str(path), remedy=_REMEDY
        ) from error
    return payload


def public_key_text(key: str) -> str:
    """Return a public key as PEM text, and nothing else that its file may hold.

    Args:
        key: the path of its file, or its text.

    Raises:
        SettingsError: it is not a public key of one of the curves that the specification has.
    """
    from cryptography.hazmat.primitives import serialization

    encoding, kind = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    text: bytes = _read_key(key, private=False).public_bytes(encoding, kind)
    return text.decode()


def _read_key(named: Path | str, *, private: bool) -> Any:
    """Return a key of one of the curves that the specification has; raises `SettingsError` for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    what = "private" if private else "public"
    inline = isinstance(named, str) and is_pem(named)
    where = f"the {what} key in the settings" if inline else str(named)
    try:
        content = str(named).encode() if inline else Path(named).read_bytes()
        key: Any = (
            serialization.load_pem_private_key(content, password=None)
            if private
            else serialization.load_pem_public_key(content)
        )
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SettingsError(
            f"the {what} key can't be read: {error}", where=where, remedy=f"Name an unencrypted PEM file. {_KEYS}"
        ) from error
    curve = getattr(key, "curve", None)
    kinds = ec.EllipticCurvePrivateKey if private else ec.EllipticCurvePublicKey
    if not isinstance(key, kinds) or curve is None or curve.name not in _CURVES:
        kind = curve.name if curve is not None else type(key).__name__.strip("_").removesuffix(f"{what.title()}Key")
        raise SettingsError(f"a {what} key of kind {kind} can't be used", where=where, remedy=_KEYS)
    return key


def _envelope(path: Path, content: bytes) -> tuple[bytes, bytes]:
    """Return payload and signature of the one envelope in the file."""
    try:
        envelope = parse_json(content)["dsseEnvelope"]
        (signature,) = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signed = base64.b64decode(signature["sig"], validate=True)
        kind = envelope["payloadType"]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path) from error
    if kind != _PAYLOAD_TYPE:
        raise _unreadable(path)
    return payload, signed


def _pre_authentication(payload: bytes) -> bytes:
    """What is signed: DSSE's encoding of type and payload, so that neither can be taken for the other."""
    return b"DSSEv1 %d %s %d %s" % (len(_PAYLOAD_TYPE), _PAYLOAD_TYPE.encode(), len(payload), payload)


def _signed_files(path: Path, payload: bytes) -> dict[str, str]:
    """SHA-256 of each signed file by its path; raises `InputError` for a statement of another kind."""
    try:
        statement = parse_json(payload)
        kinds = (statement["_type"], statement["predicateType"])
        resources = statement["predicate"]["resources"]
        files = {resource["name"]: resource["digest"] for resource in resources if resource["algorithm"] == "sha256"}
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path) from error
    if kinds != (_STATEMENT_TYPE, _PREDICATE_TYPE) or len(files) != len(resources):
        raise _unreadable(path)
    return files


def _unreadable(path: Path) -> InputError:
    return InputError("this is no signature of a model", where=str(path), remedy=_REMEDY)
