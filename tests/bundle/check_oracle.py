"""What has to hold of a signed bundle, each condition for itself, by the specifications and without modelway's code.

A bundle is read with `json`, `yaml` and `cryptography` alone, so that a fault in modelway's checks is no fault here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

REQUIRED = frozenset(
    {
        "bundle.json",
        "model.json",
        "features.json",
        "signature.json",
        "reference.parquet",
        "baseline.json",
        "metrics.json",
        "input_example.json",
        "serving_input_example.json",
        "model_card.md",
        "provenance.json",
        "sbom.cdx.json",
        "MLmodel",
        "requirements.txt",
        "python_env.yaml",
    }
)
ESTIMATORS = {"onnx": "model.onnx", "skops": "model.skops"}
DECIDING = frozenset({"model.json", "features.json", "signature.json"})
PAYLOAD = "application/vnd.in-toto+json"
STATEMENT, SIGNED, SLSA = (
    "https://in-toto.io/Statement/v1",
    "https://model_signing/signature/v1.0",
    "https://slsa.dev/provenance/v1",
)


class RepeatedKeyError(ValueError):
    """An object of JSON has a key twice."""


def load(content: bytes | str) -> Any:
    """Parse JSON; a repeated key is an error."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(found)) < len(found):
            raise RepeatedKeyError(str(found))
        return dict(found)

    return json.loads(content, object_pairs_hook=pairs)


def pre_authentication(payload: bytes, kind: str = PAYLOAD) -> bytes:
    """DSSE v1: what is signed of a payload."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def digest_of(files: dict[str, str]) -> str:
    """The digest that names a bundle: SHA-256 of its manifest's files as JSON with sorted keys and no spaces."""
    return hashlib.sha256(json.dumps(files, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class View:
    """A bundle as a reader has it, with the digest and the key that the reader expects."""

    path: Path
    digest: str
    key: str

    def json(self, name: str) -> Any:
        """Parse a file; of a repeated key the last value counts, as most parsers have it."""
        return json.loads((self.path / name).read_bytes())

    @property
    def files(self) -> dict[str, str]:
        """What the manifest lists."""
        return dict(self.json("manifest.json")["files"])

    @property
    def envelope(self) -> Any:
        return load((self.path / "model.sig").read_bytes())["dsseEnvelope"]

    @property
    def payload(self) -> bytes:
        return base64.b64decode(self.envelope["payload"], validate=True)

    @property
    def statement(self) -> Any:
        return load(self.payload)


def regular(view: View) -> bool:
    """Each file that is read is a regular one."""
    names = {"manifest.json", "model.sig", *(name for name in view.files if "/" not in name)}
    there = [view.path / name for name in names if (view.path / name).exists() or (view.path / name).is_symlink()]
    return all(stat.S_ISREG(path.lstat().st_mode) for path in there)


def manifest(view: View) -> bool:
    """The manifest is one of a bundle, and lists text by text, each file once."""
    found = load((view.path / "manifest.json").read_bytes())
    typed = all(isinstance(one, str) for one in found["files"].values())
    keys = {"schema_version", "kind", "files", "inputs"}
    return typed and set(found) == keys and found["schema_version"] == 1 and found["kind"] == "bundle"


def digest(view: View) -> bool:
    return digest_of(view.files) == view.digest.removeprefix("sha256:")


def signed(view: View) -> bool:
    return (view.path / "model.sig").exists()


def envelope(view: View) -> bool:
    found = view.envelope
    (one,) = found["signatures"]
    base64.b64decode(one["sig"], validate=True)
    return bool(view.payload) and found["payloadType"] == PAYLOAD


def usable_key(view: View) -> bool:
    key = load_pem_public_key(Path(view.key).read_bytes())
    return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in {"secp256r1", "secp384r1", "secp521r1"}


def by_key(view: View) -> bool:
    """The key's owner made the signature."""
    key: Any = load_pem_public_key(Path(view.key).read_bytes())
    algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[key.key_size]
    try:
        signature = base64.b64decode(view.envelope["signatures"][0]["sig"])
        key.verify(signature, pre_authentication(view.payload), ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def statement(view: View) -> bool:
    """It is a signature of a model by the specification, and lists each file once, with its SHA-256."""
    found = view.statement
    resources = found["predicate"]["resources"]
    names = [one["name"] for one in resources]
    algorithms = {one["algorithm"] for one in resources} == {"sha256"}
    return algorithms and len(names) == len(set(names)) and (found["_type"], found["predicateType"]) == (
        STATEMENT, SIGNED
    )  # fmt: skip


def of_these_files(view: View) -> bool:
    """What was signed is the manifest, and what it lists: no file more or less, each with its digest."""
    own = hashlib.sha256((view.path / "manifest.json").read_bytes()).hexdigest()
    resources = view.statement["predicate"]["resources"]
    return {one["name"]: one["digest"] for one in resources} == {**view.files, "manifest.json": own}


def known_names(view: View) -> bool:
    return set(view.files) <= {*REQUIRED, *ESTIMATORS.values()}


def one_estimator(view: View) -> bool:
    return len({*view.files} & {*ESTIMATORS.values()}) <= 1


def complete(view: View) -> bool:
    """What the manifest lists is there."""
    return all((view.path / name).exists() for name in view.files)


def nothing_else(view: View) -> bool:
    listed = {name.partition("/")[0] for name in view.files}
    return {path.name for path in view.path.iterdir()} <= {*listed, "manifest.json", "model.sig"}


def contents(view: View) -> bool:
    """Each file is the one that the manifest lists."""
    there = [name for name in view.files if (view.path / name).is_file()]
    return all(hashlib.sha256((view.path / name).read_bytes()).hexdigest() == view.files[name] for name in there)


def required(view: View) -> bool:
    return {*view.files} >= REQUIRED


def record(view: View) -> bool:
    """`bundle.json` is of the first schema, and names each of its values once."""
    found = load((view.path / "bundle.json").read_bytes())
    return found["schema_version"] == 1 and found["format"] in ESTIMATORS and isinstance(found["version"], int)


def estimator(view: View) -> bool:
    return ESTIMATORS[view.json("bundle.json")["format"]] in view.files


def provenance(view: View) -> bool:
    found = load((view.path / "provenance.json").read_bytes())
    named = [(one["name"], one["digest"]["sha256"]) for one in found["subject"]]
    return _names_all(view, named) and (found["_type"], found["predicateType"]) == (STATEMENT, SLSA)


def materials(view: View) -> bool:
    found = load((view.path / "sbom.cdx.json").read_bytes())
    files = [one for one in found["components"] if one["type"] == "file"]
    named = [(one["name"], {each["alg"]: each["content"] for each in one["hashes"]}["SHA-256"]) for one in files]
    return _names_all(view, named) and found["bomFormat"] == "CycloneDX"


def _names_all(view: View, named: list[tuple[str, str]]) -> bool:
    deciding = {*DECIDING, ESTIMATORS[view.json("bundle.json")["format"]]}
    deciding &= {*view.files}
    return all(view.files.get(name) == digest for name, digest in named) and {name for name, _ in named} >= deciding


def loader(view: View) -> bool:
    """MLflow loads it with modelway's loader, and finds nothing else to run or read."""
    found = yaml.safe_load((view.path / "MLmodel").read_text())
    flavor = found["flavors"]["python_function"]
    keys = {"flavors", "metadata", "model_uuid", "run_id", "saved_input_example_info", "signature", "utc_time_created"}
    example = found["saved_input_example_info"]
    return (
        set(found["flavors"]) == {"python_function"}
        and set(flavor) == {"env", "loader_module", "python_version"}
        and flavor["loader_module"] == "modelway.bundle.pyfunc"
        and flavor["env"] == {"virtualenv": "python_env.yaml"}
        and set(found) <= keys
        and (example["artifact_path"], example["serving_input_path"])
        == ("input_example.json", "serving_input_example.json")
    )


def environment(view: View) -> bool:
    found = yaml.safe_load((view.path / "python_env.yaml").read_text())
    rest = {"build_dependencies": [], "dependencies": ["-r requirements.txt"]}
    return {key: found[key] for key in found if key != "python"} == rest and bool(
        re.fullmatch(r"[\d.]+\w*\+?", str(found["python"]))
    )


def requirements(view: View) -> bool:
    lines = (view.path / "requirements.txt").read_text().splitlines()
    return all(re.fullmatch(r"[A-Za-z0-9][\w.-]*==[A-Za-z0-9][\w.!+-]*", line) for line in lines)


CHECKS = (
    manifest, regular, digest, signed, usable_key, envelope, by_key, statement, of_these_files, known_names,
    one_estimator, complete, nothing_else, contents, required, record, estimator, provenance, materials, loader,
    environment, requirements,
)  # fmt: skip
NEEDS = {
    envelope: (signed, regular),
    by_key: (signed, regular, envelope, usable_key),
    **dict.fromkeys((statement, of_these_files), (signed, regular, envelope)),
    **dict.fromkeys((estimator, provenance, materials), (required, complete, regular, record)),
    **dict.fromkeys((loader, environment, requirements, record), (required, complete, regular)),
}
"""What a condition is only defined with, in addition to the manifest; it holds where that does not."""


def failing(view: View) -> set[str]:
    """Return the names of the conditions that do not hold."""
    found: set[str] = set()
    for check in CHECKS:
        if any(needed.__name__ in found for needed in (manifest, *NEEDS.get(check, ()))):
            continue
        if not _holds(check, view):
            found.add(check.__name__)
    return found


def _holds(check: Any, view: View) -> bool:
    try:
        return bool(check(view))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
