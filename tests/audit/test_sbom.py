"""The software bill of materials."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from .conftest import LOCK

if TYPE_CHECKING:
    from .conftest import Audited

SBOM = "sbom.cdx.json"


@pytest.fixture(autouse=True)
def _only_the_sbom(project: Audited) -> None:
    project.only("sbom")


def test_it_lists_what_is_locked(project: Audited) -> None:
    record = project.audit()
    assert record["exit_code"] == 0
    assert record["reports"]["sbom"] == SBOM
    document = json.loads(project.report(SBOM))
    assert document["specVersion"] == "1.6"
    assert document["metadata"]["component"]["name"] == "stranger"
    colorama, idna = document["components"]
    assert (idna["name"], idna["version"], idna["purl"]) == ("idna", "3.7", "pkg:pypi/idna@3.7")
    assert {(one["alg"], one["content"][:6]) for one in idna["hashes"]} == {
        ("SHA-256", "028ff3"),
        ("SHA-256", "82fee1"),
    }
    assert {"name": "modelway:marker", "value": 'sys_platform == "win32"'} in colorama["properties"]


def test_it_is_valid(project: Audited) -> None:
    project.audit()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(project.report(SBOM)) is None


def test_the_same_lock_gives_the_same_bytes(project: Audited) -> None:
    project.audit()
    first = project.report(SBOM)
    blocks = LOCK.split("colorama")
    project.write("requirements.lock", f"colorama{blocks[1]}{blocks[0]}")
    project.audit()
    assert project.report(SBOM) == first
    project.write("requirements.lock", LOCK.replace("3.7", "3.8"))
    project.audit()
    other = json.loads(project.report(SBOM))
    assert other["serialNumber"] != json.loads(first)["serialNumber"]


def test_what_is_not_pinned_is_missing_and_told(project: Audited) -> None:
    project.write("requirements.lock", LOCK + "six\n")
    record = project.audit()
    assert (record["exit_code"], record["by"]["sbom"]["verdict"]) == (4, "error")
    assert record["by"]["sbom"]["findings"][0]["rule"] == "unpinned"


def test_no_lock_is_not_configured(project: Audited) -> None:
    (project.root / "requirements.lock").unlink()
    check = project.audit()["by"]["sbom"]
    assert (check["verdict"], check["severity"]) == ("inconclusive", "warn")
