"""Rows of the verification table: what is wrong with a signature, and with nothing else."""

from __future__ import annotations

import base64
import json
import shutil
from typing import Any

from cryptography.hazmat.primitives import hashes

from . import check_oracle as oracle
from .verification_table import USAGE, Spoiled, row, rows


@row("signed", "not signed")
def there_is_no_signature(one: Spoiled) -> None:
    (one.path / "model.sig").unlink()


@row("by_key", "not of this key")
def another_key_of_the_same_curve_signed_it(one: Spoiled) -> None:
    one.sign(key="theirs")


@row("by_key", "not of this key")
def another_key_of_another_curve_signed_it(one: Spoiled) -> None:
    one.sign(key="p384")


@row("by_key", "not of this key")
def the_key_signed_with_another_hash(one: Spoiled) -> None:
    one.sign(algorithm=hashes.SHA512())


@row("by_key", "not of this key")
def the_key_signed_the_bare_payload(one: Spoiled) -> None:
    one.sign(raw=True)


@row("by_key", "not of this key")
def the_statement_was_written_in_another_way_after_it_was_signed(one: Spoiled) -> None:
    def change(envelope: Any) -> None:
        content = json.loads(base64.b64decode(envelope["payload"]))
        envelope["payload"] = base64.b64encode(json.dumps(content, indent=1).encode()).decode()

    one.change_signature(change)


@row("by_key", "not of this key")
def the_signature_is_empty(one: Spoiled) -> None:
    one.change_signature(lambda envelope: envelope["signatures"][0].update(sig=""))


@row("of_these_files", "not those that were signed")
def the_key_signed_another_bundle(one: Spoiled) -> None:
    shutil.copyfile(one.other / "model.sig", one.path / "model.sig")


def _signed_but(one: Spoiled, *names: str) -> None:
    one.sign([each for each in one.resources() if each["name"] not in names])


rows("of_these_files", "that were signed: {}", _signed_but, {
    name: (name,) for name in ("manifest.json", "MLmodel", "baseline.json", "model.onnx", "requirements.txt")
})  # fmt: skip


@row("of_these_files", "that were signed: python_env.yaml, requirements.txt")
def a_file_was_added_to_a_bundle_that_the_key_had_signed_without_it(one: Spoiled) -> None:
    """The older bundle verifies; the newer one has its signature, and everything else in order."""
    before = [each for each in one.resources() if each["name"] not in {"requirements.txt", "python_env.yaml"}]
    one.sign(before)


@row("of_these_files", "that were signed: removed.txt")
def the_key_signed_one_file_more(one: Spoiled) -> None:
    one.sign([*one.resources(), {"name": "removed.txt", "algorithm": "sha256", "digest": "0" * 64}])


@row("of_these_files", "that were signed: baseline.json")
def the_key_signed_another_digest_of_one_file(one: Spoiled) -> None:
    one.sign([{**each, "digest": "0" * 64} if each["name"] == "baseline.json" else each for each in one.resources()])


@row("of_these_files", "that were signed: baseline.json, metrics.json")
def the_key_signed_two_digests_exchanged(one: Spoiled) -> None:
    found = {each["name"]: each for each in one.resources()}
    a, b = found["baseline.json"], found["metrics.json"]
    a["digest"], b["digest"] = b["digest"], a["digest"]
    one.sign(list(found.values()))


@row("of_these_files", "that were signed: manifest.json")
def the_manifest_was_written_in_another_way_after_it_was_signed(one: Spoiled) -> None:
    one.write("manifest.json", json.dumps(json.loads(one.read("manifest.json"))))


@row("of_these_files", "that were signed: ")
def the_key_signed_no_file(one: Spoiled) -> None:
    one.sign([{"name": "x", "algorithm": "sha256", "digest": "0" * 64}])


@row("envelope", "no signature of a model")
def the_payload_is_of_another_type(one: Spoiled) -> None:
    one.sign(payload_type="application/json")


@row("envelope", "no signature of a model")
def two_signed_it(one: Spoiled) -> None:
    one.change_signature(lambda envelope: envelope["signatures"].append(envelope["signatures"][0]))


@row("envelope", "no signature of a model")
def no_one_signed_it(one: Spoiled) -> None:
    one.change_signature(lambda envelope: envelope.update(signatures=[]))


@row("envelope", "no signature of a model")
def the_signature_is_not_base64(one: Spoiled) -> None:
    one.change_signature(lambda envelope: envelope["signatures"][0].update(sig=envelope["signatures"][0]["sig"] + "!"))


def _stated(one: Spoiled, statement: dict[str, Any]) -> None:
    one.sign(statement=statement)


rows("statement", "no signature of a model", _stated, {
    "an older statement": ({"_type": "https://in-toto.io/Statement/v0.1"},),
    "another predicate": ({"predicateType": oracle.SLSA},),
    "a draft of the specification": ({"predicateType": "https://model_signing/signature/v0.1"},),
})  # fmt: skip


@row("statement", "no signature of a model")
def one_digest_is_by_another_algorithm(one: Spoiled) -> None:
    found = one.resources()
    found[0]["algorithm"] = "blake2"
    one.sign(found)


@row("statement", "no signature of a model")
def the_key_signed_a_file_twice(one: Spoiled) -> None:
    found = one.resources()
    one.sign([{**found[0], "digest": "0" * 64}, *found])


@row("usable_key", "kind RSA", USAGE)
def the_readers_key_is_of_another_type(one: Spoiled) -> None:
    one.key = "rsa"
