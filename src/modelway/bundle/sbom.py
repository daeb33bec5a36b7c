"""`sbom.cdx.json`: the model's files and the packages that load them, in CycloneDX 1.6."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from modelway.artifacts import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.records.bundle import BundleInfo

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:modelway:bundle")


def make_sbom(info: BundleInfo, files: Mapping[str, str], packages: Mapping[str, str]) -> dict[str, Any]:
    """The bill of materials; the same materials give the same bytes.

    Args:
        info: which model this is.
        files: SHA-256 of each file that decides what the model says, by name.
        packages: the version of each package that loads it, by name.
    """
    model = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{info.name}@{info.version}",
        "name": info.name,
        "version": str(info.version),
        "hashes": [{"alg": "SHA-256", "content": info.model_digest}],
    }
    components = [*(_file(name, digest) for name, digest in files.items()), *map(_package, packages.items())]
    references = [component["bom-ref"] for component in components]
    metadata: dict[str, Any] = {"component": model}
    if info.created is not None:
        metadata = {"timestamp": info.created, **metadata}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(_NAMESPACE, digest_of({**files, **packages, "model": info.to_json()})).urn,
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": [{"ref": model["bom-ref"], "dependsOn": references}],
    }


def files_of(sbom: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return name and SHA-256 of each file that a bill of materials names.

    Raises:
        KeyError: it is another kind of document, or has another digest of a file.
    """
    if sbom["bomFormat"] != "CycloneDX":
        raise KeyError("bomFormat")
    return [
        (component["name"], {one["alg"]: one["content"] for one in component["hashes"]}["SHA-256"])
        for component in sbom["components"]
        if component["type"] == "file"
    ]


def _file(name: str, digest: str) -> dict[str, Any]:
    hashes = [{"alg": "SHA-256", "content": digest}]
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": hashes}


def _package(package: tuple[str, str]) -> dict[str, Any]:
    name, version = package
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
