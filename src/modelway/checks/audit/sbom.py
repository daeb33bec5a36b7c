"""The software bill of materials of the locked dependencies, and of an image's operating system: CycloneDX 1.6.

The same lock and image give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from modelway.checks.audit.debian import UnknownSystemError, read_system
from modelway.checks.audit.outcome import AuditFaultError, Outcome, count

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cyclonedx.model.component import Component

    from modelway.checks.audit.debian import System
    from modelway.checks.audit.pins import Lock, Pin

CHECK = "sbom"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:modelway:sbom")
_MARKER = "modelway:marker"
_LOCK = "modelway:lock"
_SOURCE = "modelway:source"
_ALGORITHMS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
"""CycloneDX's names of the algorithms that lock files use."""


def write_sbom(lock: Lock, project: str, path: Path, image: Path | None = None) -> Outcome:
    """Write the bill of materials of what a lock pins.

    Args:
        lock: what the lock files pin.
        project: the name of what the materials are for.
        path: the file to write.
        image: the root directory of an image, whose packages are listed as well.

    Returns:
        A pass, or what it lacks; it is written either way.

    Raises:
        AuditFaultError: it is not what CycloneDX's schema says, or the image's packages can't be read.
    """
    system, lacking = None, ""
    try:
        system = read_system(image) if image is not None else None
    except UnknownSystemError as error:
        lacking = f"; without the image's packages: {error.reason}"
    document = _document(lock, project, system)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")
    checked = _validate(text)
    components = len(document.get("components", ()))
    hashed = sum("hashes" in one for one in document.get("components", ()))
    looked_at = f"{count(components, 'component')}, {hashed} with hashes; {checked}{lacking}"
    return Outcome(CHECK, looked_at, lock.unpinned)


def _document(lock: Lock, project: str, system: System | None) -> dict[str, Any]:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    components = [*_components(lock.pins), *(_system_components(system) if system is not None else ())]
    name = project.encode("utf-8", "backslashreplace").decode()
    root = Component(name=name, type=ComponentType.APPLICATION, bom_ref=f"project:{name}")
    bom = Bom(
        components=components,
        metadata=BomMetaData(component=root),
        serial_number=_serial_number(lock.pins, name, system),
    )
    bom.register_dependency(root, components)
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    # When it was written is no property of the materials, and would make other bytes of the same lock.
    del document["metadata"]["timestamp"]
    return document


def _serial_number(pins: Iterable[Pin], project: str, system: System | None) -> uuid.UUID:
    """A number that the materials determine (RFC 9562, version 5)."""
    lines = sorted(f"{pin.name}=={pin.version} ; {pin.marker} {' '.join(pin.hashes)}" for pin in pins)
    if system is not None:
        lines += [f"{one.name}={one.version}:{one.architecture}" for one in system.packages]
    return uuid.uuid5(_NAMESPACE, hashlib.sha256("\n".join([project, *lines]).encode()).hexdigest())


def _components(pins: Iterable[Pin]) -> list[Component]:
    """A component for each package and version, with what all lock files say of it."""
    found: dict[tuple[str, str], list[Pin]] = {}
    for pin in pins:
        found.setdefault((pin.name, pin.version), []).append(pin)
    return [_component(name, version, same) for (name, version), same in sorted(found.items())]


def _system_components(system: System) -> list[Component]:
    """A component for each package of the operating system, and one for itself (purl's type `deb`)."""
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    distribution = f"{system.identifier}-{system.version}"
    itself = Component(
        name=system.identifier,
        version=system.version,
        type=ComponentType.OPERATING_SYSTEM,
        bom_ref=f"os:{distribution}",
    )
    found = [itself]
    for one in system.packages:
        qualifiers = {"arch": one.architecture, "distro": system.codename or distribution}
        purl = PackageURL("deb", system.identifier, one.name, one.version, qualifiers)
        source = Property(name=_SOURCE, value=f"{one.source} {one.source_version}")
        component = Component(
            name=one.name,
            version=one.version,
            type=ComponentType.LIBRARY,
            purl=purl,
            bom_ref=str(purl),
            properties=[source],
        )
        found.append(component)
    return found


def _component(name: str, version: str, pins: list[Pin]) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    purl = PackageURL("pypi", None, name, version)
    hashes = {tuple(known.split(":", 1)) for pin in pins for known in pin.hashes}
    properties = {(_LOCK, pin.lock) for pin in pins} | {(_MARKER, pin.marker) for pin in pins if pin.marker}
    return Component(
        name=name,
        version=version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        hashes=[
            HashType(alg=HashAlgorithm(_ALGORITHMS[algorithm]), content=content.lower())
            for algorithm, content in sorted(hashes)
            if algorithm in _ALGORITHMS
        ],
        properties=[Property(name=key, value=value) for key, value in sorted(properties)],
    )


def _validate(text: str) -> str:
    """Check a document against CycloneDX's schema, which the library brings; tells whether that could be done."""
    from cyclonedx.exception import MissingOptionalDependencyException
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    try:
        problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    except MissingOptionalDependencyException:
        return "not checked against the schema, for want of jsonschema"
    if problem is not None:
        raise AuditFaultError("the bill of materials is not what CycloneDX's schema says")
    return "valid by CycloneDX's schema"
