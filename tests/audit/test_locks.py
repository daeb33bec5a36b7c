"""Lock files: what they pin, and what they name without pinning it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modelway.checks.audit.locks import read_locks
from modelway.checks.audit.outcome import AuditFaultError, NotConfiguredError

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS = """\
--index-url https://me:hunter2@packages.example.com/simple
# a comment
Flask_Login[extra] == 0.6.3 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via something
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:cc
numpy===2.5.5 ; python_full_version >= '3.12'  # inline
-e .
-r more.txt
-c constraints.txt
"""

PYLOCK = """\
lock-version = "1.0"
created-by = "somebody"

[[packages]]
name = "Jinja2"
version = "3.1.6"
marker = "sys_platform == 'win32'"
sdist = { name = "jinja2.tar.gz", hashes = { sha256 = "aa" } }
wheels = [{ name = "jinja2.whl", hashes = { sha256 = "bb" } }]

[[packages]]
name = "myself"
directory = { path = "." }

[[packages]]
name = "elsewhere"
vcs = { type = "git", url = "https://me:hunter2@example.com/x.git", commit-id = "abc" }
"""


def test_requirements(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text(REQUIREMENTS)
    (tmp_path / "more.txt").write_text("idna==3.7\n-r requirements.lock\n")
    lock = read_locks(tmp_path, ())
    assert [(pin.name, pin.version, pin.lock, pin.line) for pin in lock.pins] == [
        ("flask-login", "0.6.3", "requirements.lock", 3),
        ("numpy", "2.4.6", "requirements.lock", 7),
        ("numpy", "2.5.5", "requirements.lock", 9),
        ("idna", "3.7", "more.txt", 1),
    ]
    assert lock.pins[0].hashes == ("sha256:aa", "sha256:bb")
    assert lock.pins[1].marker == 'python_full_version < "3.12"'
    assert lock.unpinned == ()


@pytest.mark.parametrize(
    "line",
    [
        "idna",
        "idna>=3",
        "idna==3.*",
        "idna==3.7,!=3.8",
        "idna===whatever",
        "idna @ https://me:hunter2@example.com/idna-3.7.whl",
        "git+https://me:hunter2@example.com/idna.git#egg=idna",
        "./wheels/idna-3.7.whl",
        "-e ../other",
        "-e git+https://me:hunter2@example.com/idna.git#egg=idna",
        "idna==${VERSION}",
    ],
)
def test_what_is_not_pinned_is_told_without_its_address(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"six==1.17.0\n{line}\n")
    lock = read_locks(tmp_path, ())
    [problem] = lock.unpinned
    assert [pin.name for pin in lock.pins] == ["six"]
    assert (problem.finding.rule, problem.finding.line, problem.undecided) == ("unpinned", 2, True)
    assert "hunter2" not in repr(problem)


def test_pylock(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(PYLOCK)
    lock = read_locks(tmp_path, ())
    [pin] = lock.pins
    assert (pin.name, pin.version, pin.marker) == ("jinja2", "3.1.6", "sys_platform == 'win32'")
    assert pin.hashes == ("sha256:aa", "sha256:bb")
    [problem] = lock.unpinned
    assert "elsewhere" in problem.finding.message
    assert "hunter2" not in repr(problem)


def test_the_best_lock_is_taken_unless_the_settings_name_some(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("idna\n")
    (tmp_path / "requirements.lock").write_text("idna==3.7\n")
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "one.lock").write_text("six==1.17.0\n")
    assert [pin.lock for pin in read_locks(tmp_path, ()).pins] == ["requirements.lock"]
    named = read_locks(tmp_path, ("locks/one.lock", "requirements.lock"))
    assert [pin.lock for pin in named.pins] == ["locks/one.lock", "requirements.lock"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("requirements.lock", b"# nothing\n"),
        ("requirements.lock", b"idna==3.7\n-r nowhere.txt\n"),
        ("requirements.lock", b"\xff\xfe\x00"),
        ("pylock.toml", b"packages = 7"),
        ("pylock.toml", b'lock-version = "1.0"\npackages = [7]'),
        ("pylock.toml", b'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1"\nwheels = 3\n'),
        ("pylock.toml", b'lock-version = "2.0"\npackages = []'),
        ("pylock.toml", b"[["),
    ],
)
def test_a_lock_that_can_not_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AuditFaultError, match=r"requirements\.lock|nowhere|pylock"):
        read_locks(tmp_path, ())


def test_no_lock_is_not_configured(tmp_path: Path) -> None:
    with pytest.raises(NotConfiguredError, match="no lock file found"):
        read_locks(tmp_path, ())


def test_a_lock_that_the_settings_name_and_is_missing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(AuditFaultError) as caught:
        read_locks(tmp_path, ("requirements.lock",))
    assert not isinstance(caught.value, NotConfiguredError)
