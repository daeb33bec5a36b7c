"""Debian's packages and versions, compared with dpkg itself."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelway.checks.audit.debian import DebianVersion, SystemPackage, read_system
from modelway.checks.audit.outcome import AuditFaultError

if TYPE_CHECKING:
    from pathlib import Path

RELEASE = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n# no\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n'
STATUS = """\
Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.11-1~deb12u2
Description: Secure Sockets Layer
 Package: not-one
 .
 more

Package: libc-bin
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9+deb12u4)
Version: 2.36-9+deb12u4+b1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.134
"""


def write_system(root: Path, status: str = STATUS, release: str = RELEASE) -> Path:
    """An image's root directory."""
    for name, text in (("etc/os-release", release), ("var/lib/dpkg/status", status)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_installed_packages_are_read_with_their_sources(tmp_path: Path) -> None:
    system = read_system(write_system(tmp_path))
    assert (system.ecosystem, system.codename, system.path) == ("Debian:12", "bookworm", "var/lib/dpkg/status")
    assert system.packages == (
        SystemPackage("adduser", "3.134", "all", "adduser", "3.134"),
        SystemPackage("libc-bin", "2.36-9+deb12u4+b1", "amd64", "glibc", "2.36-9+deb12u4"),
        SystemPackage("libssl3", "3.0.11-1~deb12u2", "amd64", "openssl", "3.0.11-1~deb12u2"),
    )


def test_an_image_without_dpkg_has_a_file_for_each_package(tmp_path: Path) -> None:
    write_system(tmp_path)
    (tmp_path / "var/lib/dpkg/status").unlink()
    folder = tmp_path / "var/lib/dpkg/status.d"
    folder.mkdir()
    (folder / "tzdata").write_text("Package: tzdata\nVersion: 2024a-0+deb12u1\nArchitecture: all\n")
    (folder / "tzdata.md5sums").write_text("00 usr/share/zoneinfo\n")
    assert [one.name for one in read_system(tmp_path).packages] == ["tzdata"]


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this machine has no dpkg")
def test_it_reads_what_dpkg_reads(tmp_path: Path) -> None:
    root = write_system(tmp_path)
    shown = "-f=${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n"
    told = subprocess.run(
        ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", shown], capture_output=True, text=True, check=True
    )
    found = [line.split()[1:] for line in told.stdout.splitlines() if line.startswith("installed ")]
    ours = [[p.name, p.version, p.architecture, p.source, p.source_version] for p in read_system(root).packages]
    assert ours == sorted(found)


@pytest.mark.parametrize("missing", ["etc/os-release", "var/lib/dpkg/status"])
def test_what_is_no_image_is_an_error(tmp_path: Path, missing: str) -> None:
    (write_system(tmp_path) / missing).unlink()
    with pytest.raises(AuditFaultError, match=missing.rpartition("/")[2].replace("status", "dpkg")):
        read_system(tmp_path)


def test_no_package_is_an_error_and_no_clean_bill(tmp_path: Path) -> None:
    with pytest.raises(AuditFaultError, match="no installed package"):
        read_system(write_system(tmp_path, status=""))


@pytest.mark.parametrize("release", ["ID=ubuntu\nVERSION_ID=24.04\n", "ID=debian\n", "ID=alpine\nVERSION_ID=3.24\n"])
def test_a_system_without_advisories_is_an_error(tmp_path: Path, release: str) -> None:
    with pytest.raises(AuditFaultError, match="no advisories are known"):
        _ = read_system(write_system(tmp_path, release=release)).ecosystem


@pytest.mark.parametrize("text", ["", "a b", "1:", ":1", "1_2", "x:1"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a version"):
        DebianVersion(text)


PART = st.text("0123456789abzAZ.+~", min_size=1, max_size=6)
VERSIONS = st.builds(
    lambda epoch, upstream, revision: f"{epoch}1{upstream}{revision}",
    st.sampled_from(["", "0:", "1:", "10:"]),
    PART,
    st.one_of(st.just(""), PART.map(lambda part: f"-{part}")),
)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="this machine has no dpkg")
@settings(max_examples=60, deadline=None)
@given(VERSIONS, VERSIONS)
@example("2.36-9+deb12u3", "2.36-9+deb12u10")
@example("1.0~rc1-1", "1.0-1")
@example("1.0-1~deb12u1", "1.0-1")
@example("1.0", "1.0-0")
@example("1.0-1", "1.0-1+b1")
@example("1.0a", "1.0+")
@example("1.0", "1.0~~")
@example("001.002", "1.2")
@example("1:0.1", "9")
def test_the_order_is_dpkgs(one: str, other: str) -> None:
    ours = (DebianVersion(one) > DebianVersion(other)) - (DebianVersion(one) < DebianVersion(other))
    for operator, value in (("lt", -1), ("eq", 0), ("gt", 1)):
        done = subprocess.run(["dpkg", "--compare-versions", one, operator, other], check=False)
        assert (done.returncode == 0) == (ours == value), (one, operator, other)
