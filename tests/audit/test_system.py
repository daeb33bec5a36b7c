"""Vulnerabilities of an image's operating system packages, and their place in the bill of materials."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from modelway.checks.audit.debian import DebianVersion
from modelway.checks.audit.osv import concerns
from modelway.checks.audit.system_service import CANARY

from .conftest import CHANGED
from .standin import closed_port
from .test_debian import write_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Audited

SSL = ("openssl", "3.0.11-1~deb12u2")


def record(name: str, package: str, *cves: str, fixed: str | None = None, urgency: str = "") -> dict[str, Any]:
    """A record as OSV has it of Debian: what is fixed in another release says nothing of this one."""
    events = [{"introduced": "0"}, *([{"fixed": fixed}] if fixed else [])]
    entry: dict[str, Any] = {"package": {"name": package, "ecosystem": "Debian:12"}}
    entry["ranges"] = [{"type": "ECOSYSTEM", "events": events}]
    if urgency:
        entry["ecosystem_specific"] = {"urgency": urgency}
    other = {"package": {"name": package, "ecosystem": "Debian:11"}, "ranges": [{"type": "ECOSYSTEM", "events": [
        {"introduced": "0"}, {"fixed": "0.1"}]}]}  # fmt: skip
    return {"id": name, "modified": CHANGED, "upstream": list(cves), "summary": "bad", "affected": [other, entry]}


GLIBC = record("DSA-5514-1", "glibc", "CVE-2023-4911", "DEBIAN-CVE-2023-4911", fixed="2.36-9+deb12u3")
FIXED = record("DEBIAN-CVE-2024-1", "openssl", "CVE-2024-1", fixed="3.0.13-1~deb12u1")
UNFIXED = record("DEBIAN-CVE-2024-2", "openssl", "CVE-2024-2")
UNIMPORTANT = record("DEBIAN-CVE-2007-6755", "openssl", "CVE-2007-6755", urgency="unimportant")


class Osv:
    """OSV's query API: it knows some records, and orders Debian's versions as Debian does."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = [GLIBC, *records]
        self.asked: list[dict[str, Any]] = []
        self.page = 100
        self.mode = "well"

    def answer(self, question: dict[str, Any]) -> tuple[int, str]:
        self.asked.append(question)
        if self.mode == "500":
            return 500, "oh dear"
        if self.mode == "garbage":
            return 200, "<html>"
        if self.mode == "list":
            return 200, '{"vulns": 3}'
        if self.mode == "forgetful":
            return 200, "{}"
        package, version = question["package"], question["version"]
        found = [
            one
            for one in self.records
            if any(entry["package"] == package and concerns(entry, version, DebianVersion) for entry in one["affected"])
        ]
        start = int(question.get("page_token", 0))
        told: dict[str, Any] = {"vulns": found[start : start + self.page]}
        if start + self.page < len(found):
            told["next_page_token"] = str(start + self.page)
        return 200, json.dumps(told if found else {})


@contextmanager
def serving(osv: Osv) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = osv.answer(question)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return write_system(tmp_path / "image")


@pytest.fixture
def audited(project: Audited, image: Path) -> Callable[..., dict[str, Any]]:
    """Audits the image's packages alone, against an OSV that knows some records."""

    def audit(osv: Osv, *flags: str, **options: Any) -> dict[str, Any]:
        project.only("os_packages")
        project.options["os_packages"] |= options
        with serving(osv) as address:
            project.options["dependencies"] = {"enabled": False, "osv_url": address}
            return project.audit("--os-root", str(image), *flags)

    return audit


def test_a_vulnerability_with_a_fix_fails_and_names_the_package(audited: Any, project: Audited) -> None:
    told = audited(Osv(FIXED))
    assert told["exit_code"] == 4
    (finding,) = told["by"]["os-packages"]["findings"]
    assert finding["rule"] == "CVE-2024-1"
    assert finding["path"] == "var/lib/dpkg/status"
    assert (
        "openssl 3.0.11-1~deb12u2 (libssl3): bad (DEBIAN-CVE-2024-1); fixed in 3.0.13-1~deb12u1" in finding["message"]
    )
    assert "0.1" not in finding["message"].replace("3.0.1", "")  # another release's fix
    assert "3 packages of Debian:12" in told["by"]["os-packages"]["reason"]
    project.options["exceptions"] = [
        {"id": "CVE-2024-1", "package": "openssl", "reason": "not reached", "expires": "2999-01-01"}
    ]
    assert audited(Osv(FIXED))["exit_code"] == 0


def test_osv_is_asked_about_sources_and_their_versions(audited: Any) -> None:
    osv = Osv()
    assert audited(osv)["exit_code"] == 0
    asked = [(one["package"]["ecosystem"], one["package"]["name"], one["version"]) for one in osv.asked]
    assert asked[0] == CANARY
    # libc-bin 2.36-9+deb12u4+b1 was built again from glibc 2.36-9+deb12u4.
    assert sorted(asked[1:]) == [
        ("Debian:12", "adduser", "3.134"),
        ("Debian:12", "glibc", "2.36-9+deb12u4"),
        ("Debian:12", *SSL),
    ]


@pytest.mark.parametrize(("unfixed", "code", "shown"), [("allow", 0, False), ("warn", 0, True), ("fail", 4, True)])
def test_what_no_version_fixes_is_shown_apart(audited: Any, unfixed: str, code: int, shown: bool) -> None:
    told = audited(Osv(UNFIXED, UNIMPORTANT), unfixed=unfixed)
    assert told["exit_code"] == code
    assert told["by"]["os-packages"]["verdict"] == "pass"
    found = told["by"].get("os-packages.unfixed", {"findings": []})["findings"]
    assert [one["rule"] for one in found] == (["CVE-2024-2"] if shown else [])


def test_all_pages_are_read(audited: Any) -> None:
    osv = Osv(*(record(f"DEBIAN-CVE-2024-{n}", "openssl", f"CVE-2024-{n}", fixed="9") for n in range(7)))
    osv.page = 3
    assert len(audited(osv)["by"]["os-packages"]["findings"]) == 7


def test_an_advisory_of_several_vulnerabilities_is_not_accepted_by_one_of_them(audited: Any, project: Audited) -> None:
    both = record("DSA-1-1", "openssl", "CVE-2024-1", "CVE-2024-3", fixed="3.0.13-1~deb12u1")
    third = record("DEBIAN-CVE-2024-3", "openssl", "CVE-2024-3", fixed="3.0.13-1~deb12u1")
    project.options["exceptions"] = [{"id": "CVE-2024-1", "reason": "not reached", "expires": "2999-01-01"}]
    found = audited(Osv(both, FIXED, third))["by"]["os-packages"]["findings"]
    assert [one["rule"] for one in found] == ["CVE-2024-3"]
    found = audited(Osv(both))["by"]["os-packages"]["findings"]
    assert [one["rule"] for one in found] == ["DSA-1-1"]


@pytest.mark.parametrize("mode", ["500", "garbage", "list", "forgetful"])
def test_a_service_that_is_no_evidence_passes_nothing(audited: Any, mode: str) -> None:
    osv = Osv()
    osv.mode = mode
    told = audited(osv)
    assert told["exit_code"] == 6
    assert told["by"]["os-packages"]["verdict"] == "error"


def test_a_service_that_can_not_be_reached_passes_nothing(project: Audited, image: Path) -> None:
    project.only("os_packages")
    with closed_port() as address:
        project.options["dependencies"] = {"enabled": False, "osv_url": address}
        assert project.audit("--os-root", str(image))["exit_code"] == 6


def test_without_an_image_there_is_nothing_to_ask(project: Audited) -> None:
    project.options |= {name: {"enabled": False} for name in ("dependencies", "models")}
    assert "os-packages" not in project.audit()["by"]


def test_what_is_no_image_is_an_error(project: Audited, tmp_path: Path) -> None:
    project.only("os_packages", "sbom")
    told = project.audit("--os-root", str(tmp_path))
    assert told["exit_code"] == 4
    assert {told["by"][name]["verdict"] for name in ("os-packages", "sbom")} == {"error"}


@pytest.mark.parametrize(
    ("version", "rules"), [("3.0.12-1", ["CVE-2024-1"]), ("3.0.13-1~deb12u1", []), ("3.0.13-1~deb12u1+b2", [])]
)
def test_a_database_of_the_system_is_compared_by_debians_versions(
    project: Audited, tmp_path: Path, database: Callable[..., Path], version: str, rules: list[str]
) -> None:
    status = f"Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
    image = write_system(tmp_path / "other", status)
    project.only("os_packages")
    project.options["dependencies"] = {"enabled": False, "advisories": {"min_count": 2, "max_age": 36500}}
    elsewhere = record("DEBIAN-CVE-2024-9", "openssl", "CVE-2024-9", fixed="9")
    elsewhere["affected"][1]["package"]["ecosystem"] = "Debian:13"
    told = project.audit("--os-root", str(image), "--advisories", str(database(FIXED, GLIBC, elsewhere)))
    assert [one["rule"] for one in told["by"]["os-packages"]["findings"]] == rules
    assert told["exit_code"] == (4 if rules else 0)
    project.options["dependencies"]["advisories"]["min_count"] = 3
    told = project.audit("--os-root", str(image), "--advisories", str(database(FIXED, GLIBC)))
    assert told["by"]["os-packages"]["verdict"] == "error"
    assert told["exit_code"] == 4


def test_a_database_of_pypi_alone_is_a_hint_and_no_pass(
    project: Audited, image: Path, database: Callable[..., Path]
) -> None:
    from .conftest import advisory

    project.only("os_packages")
    project.options["dependencies"] = {"enabled": False, "advisories": {"min_count": 1, "max_age": 36500}}
    told = project.audit("--os-root", str(image), "--advisories", str(database(advisory("PYSEC-1"))))
    check = told["by"]["os-packages"]
    assert (told["exit_code"], check["verdict"], check["severity"]) == (0, "error", "warn")
    assert "Debian:12" in check["reason"]


def test_answers_are_asked_for_once_and_judged_later(
    project: Audited, image: Path, tmp_path: Path, pypi: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.only("os_packages", "dependencies")
    answers = str(tmp_path / "answers.json")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(Osv(FIXED)) as address:
        project.options["dependencies"]["osv_url"] = address
        project.save()
        project.runs.json("audit", "--ask", answers, "--os-root", str(image))
    told = project.audit("--answers", answers, "--os-root", str(image))
    assert [one["rule"] for one in told["by"]["os-packages"]["findings"]] == ["CVE-2024-1"]
    write_system(image, (image / "var/lib/dpkg/status").read_text().replace("3.134", "3.135"))
    other = project.audit("--answers", answers, "--os-root", str(image))["by"]["os-packages"]
    assert (other["verdict"], "another image" in other["reason"]) == ("error", True)
    project.save()
    project.runs.json("audit", "--ask", answers)
    bare = project.audit("--answers", answers, "--os-root", str(image))["by"]["os-packages"]
    assert (bare["verdict"], "--os-root" in bare["reason"]) == ("error", True)


@pytest.mark.parametrize("system", ["no dpkg", "another"])
def test_a_system_that_is_not_known_is_a_hint_and_no_pass(project: Audited, image: Path, system: str) -> None:
    if system == "no dpkg":
        (image / "var/lib/dpkg/status").unlink()
    else:
        write_system(image, release="ID=ubuntu\nVERSION_ID=24.04\nVERSION_CODENAME=noble\n")
    project.only("os_packages", "sbom")
    told = project.audit("--os-root", str(image))
    assert (told["exit_code"], told["by"]["os-packages"]["verdict"]) == (0, "error")
    listed = "pkg:deb/ubuntu/libssl3" in project.report("sbom.cdx.json")
    assert listed is (system == "another")
    assert ("without the image's packages" in told["by"]["sbom"]["reason"]) is not listed


def test_the_bill_of_materials_has_the_system(project: Audited, image: Path) -> None:
    project.only("sbom")
    plain = project.audit()
    before = json.loads(project.report("sbom.cdx.json"))
    assert plain["exit_code"] == 0
    project.audit("--os-root", str(image))
    text = project.report("sbom.cdx.json")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document["serialNumber"] != before["serialNumber"]
    (system,) = [one for one in document["components"] if one["type"] == "operating-system"]
    assert (system["name"], system["version"]) == ("debian", "12")
    found = {
        one["name"]: PackageURL.from_string(one["purl"])
        for one in document["components"]
        if "deb/" in one.get("purl", "")
    }
    assert set(found) == {"adduser", "libc-bin", "libssl3"}
    ssl = found["libssl3"]
    assert (ssl.type, ssl.namespace, ssl.version) == ("deb", "debian", SSL[1])
    assert ssl.qualifiers == {"arch": "amd64", "distro": "bookworm"}
    project.audit("--os-root", str(image))
    assert project.report("sbom.cdx.json") == text
