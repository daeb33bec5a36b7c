"""Bundles of which exactly one thing is wrong: which condition fails, with which exit code and which words.

The signer is a few lines on `cryptography`, so that a row can sign whatever it likes with the right key.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from . import check_oracle as oracle
from . import hostile

USAGE, INPUT = 2, 3


@dataclass
class Spoiled:
    """A copy of a signed bundle, to be changed, and what its reader expects of it.

    Attributes:
        path: the bundle.
        keys: private and public key files by name: ours, theirs, p384, rsa.
        other: another bundle that our key signed.
        key: the key that the reader has, by name.
        digest: the digest that the reader expects; that of the bundle as it is, where None.
    """

    path: Path
    keys: dict[str, tuple[Path, Path]]
    other: Path
    key: str = "ours"
    digest: str | None = None

    @property
    def view(self) -> oracle.View:
        """The bundle for the oracle."""
        digest = self.digest
        if digest is None:
            digest = oracle.digest_of(json.loads((self.path / "manifest.json").read_bytes())["files"])
        return oracle.View(self.path, digest, str(self.keys[self.key][1]))

    def write(self, name: str, content: bytes | str) -> None:
        (self.path / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def change(self, name: str, change: Callable[[Any], object]) -> None:
        """Change a file of JSON or YAML in place."""
        if name in {"MLmodel", "python_env.yaml"}:
            content = yaml.safe_load(self.read(name))
            change(content)
            self.write(name, yaml.safe_dump(content))
        else:
            hostile.change_json(self.path / name, change)

    def list_files(self, **more: str | None) -> None:
        """Write the manifest of the files that are there, with other digests for some; None leaves one out."""
        manifest = json.loads(self.read("manifest.json"))
        listed = {path.name for path in self.path.iterdir()} - {"manifest.json", "model.sig"}
        found: dict[str, str | None] = {name: hashlib.sha256(self.read(name)).hexdigest() for name in sorted(listed)}
        found.update(more)
        manifest["files"] = {name: digest for name, digest in found.items() if digest is not None}
        self.write("manifest.json", json.dumps(manifest))

    def seal(self) -> None:
        """Make everything fit the files again, as the key's owner could."""
        hostile.reseal(self.path)
        self.sign()

    def resources(self) -> list[dict[str, str]]:
        """What a signature of the bundle lists."""
        files = json.loads(self.read("manifest.json"))["files"]
        files["manifest.json"] = hashlib.sha256(self.read("manifest.json")).hexdigest()
        return [{"name": name, "algorithm": "sha256", "digest": digest} for name, digest in sorted(files.items())]

    def sign(
        self,
        resources: list[dict[str, str]] | None = None,
        *,
        key: str = "ours",
        statement: dict[str, Any] | None = None,
        payload_type: str = oracle.PAYLOAD,
        algorithm: hashes.HashAlgorithm | None = None,
        raw: bool = False,
    ) -> None:
        """Sign a statement of these resources (default: of the bundle's own), as the specification has it."""
        payload = json.dumps(
            {
                "_type": oracle.STATEMENT,
                "subject": [{"name": "known", "digest": {"sha256": "0" * 64}}],
                "predicateType": oracle.SIGNED,
                "predicate": {"resources": self.resources() if resources is None else resources, "serialization": {}},
                **(statement or {}),
            }
        ).encode()
        private: Any = load_pem_private_key(self.keys[key][0].read_bytes(), None)
        chosen = algorithm or {256: hashes.SHA256(), 384: hashes.SHA384()}[private.key_size]
        text = payload if raw else oracle.pre_authentication(payload, payload_type)
        signature = base64.b64encode(private.sign(text, ec.ECDSA(chosen))).decode()
        envelope = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"sig": signature, "keyid": ""}],
        }
        self.write("model.sig", json.dumps({"mediaType": "x", "dsseEnvelope": envelope}))

    def change_signature(self, change: Callable[[Any], object]) -> None:
        self.change("model.sig", lambda found: change(found["dsseEnvelope"]))


@dataclass(frozen=True)
class Row:
    """A way to spoil a bundle.

    Attributes:
        name: what is wrong.
        stops: the one condition of `check_oracle` that fails; empty where nothing is wrong.
        words: what the message has to say.
        spoil: does it.
        code: the exit code.
    """

    name: str
    stops: str
    words: str
    spoil: Callable[[Spoiled], object]
    code: int = INPUT


ROWS: list[Row] = []


def row(stops: str, words: str = "", code: int = INPUT) -> Callable[[Callable[[Spoiled], object]], None]:
    """Add a function to the table, under its own name."""

    def add(spoil: Callable[[Spoiled], object]) -> None:
        ROWS.append(Row(spoil.__name__, stops, words, spoil, code if stops else 0))

    return add


def rows(stops: str, words: str, spoil: Callable[..., object], cases: dict[str, tuple[Any, ...]]) -> None:
    """Add a row for each case; `{}` in the words is its name."""
    for name, given in cases.items():
        title = f"{spoil.__name__.strip('_')} {name}"
        ROWS.append(
            Row(
                title,
                stops,
                words.replace("{}", name),
                lambda one, given=given: spoil(one, *given),
                INPUT if stops else 0,
            )
        )


# What is fine.


@row("")
def nothing_is_changed(one: Spoiled) -> None:
    pass


@row("")
def sealed_and_signed_by_the_tables_own_signer(one: Spoiled) -> None:
    one.change("metrics.json", lambda found: found.update(resamples=7) if "resamples" in found else None)
    one.seal()


@row("")
def the_digest_has_its_algorithm_in_front(one: Spoiled) -> None:
    one.digest = f"sha256:{one.view.digest}"


@row("")
def the_manifest_lists_its_files_in_another_order(one: Spoiled) -> None:
    one.digest = one.view.digest
    one.change("manifest.json", lambda found: found.update(files=dict(reversed(found["files"].items()))))
    one.sign()


@row("")
def the_signature_lists_its_files_in_another_order_and_says_more_of_each(one: Spoiled) -> None:
    one.sign([{**each, "note": "x"} for each in reversed(one.resources())])


@row("")
def a_file_has_a_second_name_elsewhere(one: Spoiled) -> None:
    os.link(one.path / "model.onnx", one.path.parent / "second.onnx")


@row("")
def a_key_of_a_longer_curve_signed_it_and_the_reader_has_that_key(one: Spoiled) -> None:
    one.key = "p384"
    one.sign(key="p384")


@row("")
def provenance_and_materials_name_one_file_more(one: Spoiled) -> None:
    digest = hashlib.sha256(one.read("baseline.json")).hexdigest()
    one.change(
        "provenance.json",
        lambda found: found["subject"].append({"name": "baseline.json", "digest": {"sha256": digest}}),
    )
    component = {"type": "file", "name": "baseline.json", "hashes": [{"alg": "SHA-256", "content": digest}]}
    one.change("sbom.cdx.json", lambda found: found["components"].append(component))
    one.list_files()
    one.sign()


# The manifest and the digest.


@row("manifest", "no bundle here")
def there_is_no_manifest(one: Spoiled) -> None:
    one.digest = one.view.digest
    (one.path / "manifest.json").unlink()


@row("manifest", "duplicate key 'baseline.json'")
def the_manifest_lists_a_file_twice(one: Spoiled) -> None:
    text = one.read("manifest.json").decode()
    one.write("manifest.json", text.replace('"files": {', '"files": {"baseline.json": "' + "0" * 64 + '",', 1))
    one.sign()


@row("manifest", "kind 'model'")
def the_manifest_is_of_another_kind(one: Spoiled) -> None:
    one.change("manifest.json", lambda found: found.update(kind="model"))
    one.sign()


@row("manifest", "schema version 2")
def the_manifest_is_of_a_later_schema(one: Spoiled) -> None:
    one.change("manifest.json", lambda found: found.update(schema_version=2))
    one.sign()


@row("manifest", "Extra inputs")
def the_manifest_has_a_field_that_no_manifest_has(one: Spoiled) -> None:
    one.change("manifest.json", lambda found: found.update(more={}))
    one.sign()


@row("manifest", "files.baseline.json")
def a_digest_of_the_manifest_is_a_number(one: Spoiled) -> None:
    one.digest = one.view.digest
    one.change("manifest.json", lambda found: found["files"].update({"baseline.json": 0}))
    one.sign()


@row("digest", "digest is")
def the_digest_is_another_ones(one: Spoiled) -> None:
    one.digest = oracle.digest_of(json.loads((one.other / "manifest.json").read_bytes())["files"])


@row("digest", "digest is")
def the_digest_is_the_first_half_of_the_right_one(one: Spoiled) -> None:
    one.digest = one.view.digest[:32]


@row("digest", "digest is")
def all_was_changed_and_signed_by_the_right_key_after_the_digest_was_noted(one: Spoiled) -> None:
    one.digest = one.view.digest
    one.write("model_card.md", "another card\n")
    one.list_files()
    one.sign()


@row("digest", "digest is")
def another_bundle_of_the_same_key_stands_here(one: Spoiled) -> None:
    one.digest = one.view.digest
    shutil.rmtree(one.path)
    shutil.copytree(one.other, one.path)
