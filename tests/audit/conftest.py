"""Projects to audit, advisory databases, and services that answer for PyPI."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .standin import Answers, serve_pypi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHANGED = "2026-06-01T00:00:00Z"
"""When the made-up advisories were changed."""
LOCK = """\
idna==3.7 \\
    --hash=sha256:028ff3aadf0609c1fd278d8ea3089299412a7a8b9bd005dd08b9f8285bcb5cfc \\
    --hash=sha256:82fee1fc78add43492d3a1898bfa6d8a904cc97d8427f683ed8e798d07761aa0
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:08695f5cb7ed6e0531a20572697297273c47b8cae5a63ffc6d6ed5c201be6e44
"""
RISKY = 'import subprocess\n\n\ndef run(name):\n    subprocess.call("ls " + name, shell=True)\n'
"""Code that bandit finds fault with."""
CHECKS = ("dependencies", "code", "secrets", "models", "base_images", "os_packages", "sbom")


@dataclass
class Audited:
    """A project's directory, and what auditing it came to."""

    root: Path
    runs: Any
    options: dict[str, Any]

    def write(self, name: str, content: str | bytes) -> Path:
        """Put a file into the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def only(self, *checks: str) -> None:
        """Switch off all other checks."""
        for check in CHECKS:
            self.options.setdefault(check, {})["enabled"] = check in checks

    def save(self) -> None:
        """Write the settings."""
        self.write("modelway.yaml", yaml.safe_dump({"name": "stranger", "audit": self.options}))

    def audit(self, *flags: str) -> dict[str, Any]:
        """Audit it by the command; gives its record, with the checks by name as `by`."""
        self.save()
        record: dict[str, Any] = self.runs.json("audit", "--output", str(self.root / "reports"), *flags)
        record["by"] = {check["check"]: check for check in record["checks"]}
        return record

    def report(self, name: str) -> str:
        """What a report says."""
        return (self.root / "reports" / name).read_text()

    def all_reports(self) -> str:
        """What all files that the audit left say, and the command itself, too."""
        files = [path for path in (self.root / "reports").rglob("*") if path.is_file()]
        return "\n".join([*(path.read_text() for path in files), self.runs.out, self.runs.err])


@pytest.fixture
def project(tmp_path: Path, in_project: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch) -> Audited:
    """A project with nothing wrong; the working directory is elsewhere."""
    root = tmp_path / "project"
    root.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    # Whatever Python runs the tests, and whenever.
    made = Audited(root, in_project(root), {"base_images": {"interpreter": "allow", "max_age": 36500}})
    made.write("requirements.lock", LOCK)
    made.write("model.py", '"""A model."""\n\n\ndef double(number: int) -> int:\n    return 2 * number\n')
    original = made.runs.json
    made.runs.json = lambda *argv: original("--config", str(root / "modelway.yaml"), *argv)
    return made


def advisory(name: str, package: str = "idna", **more: Any) -> dict[str, Any]:
    """An advisory in the OSV format; all versions below 9 are affected unless `events` or `versions` say otherwise."""
    affected: dict[str, Any] = {"package": {"ecosystem": "PyPI", "name": package}}
    events = more.pop("events", None)
    versions = more.pop("versions", None)
    if events is not None or versions is None:
        affected["ranges"] = [{"type": "ECOSYSTEM", "events": events or [{"introduced": "0"}, {"fixed": "9"}]}]
    if versions is not None:
        affected["versions"] = versions
    return {"id": name, "modified": CHANGED, "summary": "bad", "affected": [affected], **more}


@pytest.fixture
def database(tmp_path: Path) -> Callable[..., Path]:
    """Writes a database as JSON lines."""

    def write(*records: dict[str, Any]) -> Path:
        path = tmp_path / "advisories.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return write


@pytest.fixture
def pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """PyPI's JSON API for what this process starts; it knows the project's packages and nothing against them."""
    answers = Answers({("idna", "3.7"): [], ("colorama", "0.4.6"): []})
    with ExitStack() as stack:
        proxy, certificate = stack.enter_context(serve_pypi(answers, tmp_path))
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("https_proxy", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        yield answers
