"""Options and records of `audit`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from modelway.records.base import Record

Level = Literal["low", "medium", "high"]

SKIPPED_FOLDERS = (
    ".git",
    ".hg",
    ".svn",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".tox",
    ".nox",
    ".modelway",
)
"""Folders that hold no work of the project; they are looked into nowhere, whatever the settings say."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("audit.exceptions needs an id and a reason that are not blank")
    return text


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("audit.dependencies.osv_url needs an http or https address without credentials")
    return text


_Text = Annotated[str, AfterValidator(_not_blank)]


class AuditException(Record):
    """A finding that somebody looked at and accepts until a date."""

    id: _Text
    """What is accepted: an advisory (PYSEC-2024-48, or any alias such as its CVE), or a rule as the report names it."""
    package: str | None = None
    """Only in this package."""
    path: str | None = None
    """Only in this file, in this folder, or where this glob matches; `*` stays within a folder, `**` crosses them."""
    reason: _Text
    """Why it may stay."""
    expires: date
    """The last day on which the exception holds."""


class AdvisoryOptions(Record):
    """An advisory database in a file, instead of a service."""

    path: str | None = None
    """A folder of JSON files, a zip file or JSON lines, in the OSV export format; also as --advisories."""
    max_age: Annotated[int, Field(ge=0)] = 14
    """Days that its newest advisory may be old."""
    min_count: Annotated[int, Field(ge=1)] = 1000
    """Advisories for PyPI, and for an image's operating system, that it must hold, so that an empty or torn database
    passes nothing."""


class DependencyAuditOptions(Record):
    """Known vulnerabilities of the locked dependencies."""

    enabled: bool = True
    """Whether it is asked at all."""
    locks: tuple[str, ...] = ()
    """The lock files; default: the first there is of requirements.lock, pylock.toml and requirements.txt."""
    service: Literal["pypi", "osv"] = "pypi"
    """Whom pip-audit asks. pypi says which packages it does not know; osv has nothing against them."""
    osv_url: Annotated[str, AfterValidator(_address)] = "https://api.osv.dev/v1/query"
    """Where osv answers."""
    timeout: Annotated[int, Field(ge=1)] = 300
    """Seconds after which the service counts as unreachable."""
    advisories: AdvisoryOptions = AdvisoryOptions()
    """A database in a file; where there is one, no service is asked."""


class CodeAuditOptions(Record):
    """Risky code, by bandit."""

    enabled: bool = True
    """Whether it is asked at all."""
    paths: tuple[str, ...] = (".",)
    """Files and folders with the project's own code."""
    exclude: tuple[str, ...] = ("tests",)
    """Files, folders and globs that are left out."""
    severity: Level = "medium"
    """The least severity that is a finding."""
    confidence: Level = "medium"
    """The least confidence that is a finding."""
    comments: bool = True
    """Whether `# nosec` in a line accepts what it does; the report counts them."""


class SecretAuditOptions(Record):
    """Passwords, tokens and keys in the tree, by detect-secrets and rules of our own."""

    enabled: bool = True
    """Whether it is asked at all."""
    exclude: tuple[str, ...] = ()
    """Files, folders and globs that are left out."""
    max_kilobytes: Annotated[int, Field(ge=1)] = 2048
    """Larger files are not read; the report counts them."""
    comments: bool = True
    """Whether `pragma: allowlist secret` in a line accepts what it holds; the report counts them."""


class ModelAuditOptions(Record):
    """Code in model files, by picklescan; nothing is unpickled."""

    enabled: bool = True
    """Whether it is asked at all."""
    paths: tuple[str, ...] = ()
    """Further files and folders with model files, beside those of the tree."""
    exclude: tuple[str, ...] = ()
    """Files, folders and globs that are left out."""
    pickles: Literal["allow", "warn", "fail"] = "warn"
    """What a pickle without dangerous imports is; reading one runs what it says."""


class BaseImageAuditOptions(Record):
    """Base images and interpreters that are behind Python's security releases."""

    enabled: bool = True
    """Whether they are compared."""
    exclude: tuple[str, ...] = ()
    """Dockerfiles, folders and globs that are left out."""
    interpreter: Literal["allow", "warn", "fail"] = "warn"
    """What an outdated Python is that runs the audit; in a container it is the base image's."""
    max_age: Annotated[int, Field(ge=0)] = 90
    """Days after which the list of Python's releases that comes with modelway counts as outdated, which is shown."""


class SystemAuditOptions(Record):
    """Known vulnerabilities of an image's operating system packages (Debian's)."""

    enabled: bool = True
    """Whether they are looked for, where an image's root directory is known; in containers it is the base image's."""
    root: str | None = None
    """The root directory of an image, with `etc/os-release` and `var/lib/dpkg`; also as --os-root."""
    unfixed: Literal["allow", "warn", "fail"] = "warn"
    """What a vulnerability is that no version fixes."""


class SbomOptions(Record):
    """The software bill of materials, CycloneDX."""

    enabled: bool = True
    """Whether one is written."""


class AuditOptions(Record):
    """The `audit` section of the settings: what is audited, and which exceptions hold."""

    dependencies: DependencyAuditOptions = DependencyAuditOptions()
    """Known vulnerabilities of the locked dependencies."""
    code: CodeAuditOptions = CodeAuditOptions()
    """Risky code."""
    secrets: SecretAuditOptions = SecretAuditOptions()
    """Secrets in the tree."""
    models: ModelAuditOptions = ModelAuditOptions()
    """Model files that run code."""
    base_images: BaseImageAuditOptions = BaseImageAuditOptions()
    """Base images and interpreters that are behind Python's security releases."""
    os_packages: SystemAuditOptions = SystemAuditOptions()
    """Known vulnerabilities of an image's operating system packages."""
    sbom: SbomOptions = SbomOptions()
    """The software bill of materials."""
    timeout: Annotated[int, Field(ge=1)] = 600
    """Seconds after which a tool that looks at the tree is stopped."""
    exceptions: tuple[AuditException, ...] = ()
    """Findings that are accepted until a date."""


class Advisory(Record):
    """A known vulnerability of a locked package."""

    id: str
    aliases: tuple[str, ...] = ()
    """The same vulnerability's names in other databases."""
    summary: str = ""
    """One line."""
    fixed: tuple[str, ...] = ()
    """The versions that fixed it."""


class PackageAnswer(Record):
    """What an advisory service said of a package."""

    name: str
    """Normalized (PEP 503)."""
    version: str
    advisories: tuple[Advisory, ...] = ()
    skipped: str | None = None
    """Why it was not looked at."""


class SystemAnswers(Record):
    """What OSV said of an image's operating system packages."""

    ecosystem: str | None = None
    """OSV's name of the system."""
    packages: dict[str, tuple[Advisory, ...]] = {}
    """The advisories by source package and version, with a space between them."""
    fault: str | None = None
    """Why it could not be asked."""
    outside: bool = False
    """Whether trying again may help."""


class ServiceAnswers(Record):
    """What `audit --ask` writes: what an advisory service said of the locked packages."""

    service: str
    day: date
    """When it was asked."""
    packages: tuple[PackageAnswer, ...] = ()
    system: SystemAnswers | None = None
    """The same of an image's operating system packages; none where no image was given."""
    fault: str | None = None
    """Why it could not be had; it has said nothing then."""
    outside: bool = False
    """Whether trying again may help."""


class LockedPackage(Record):
    """A package of a lock file, as it was audited."""

    name: str
    """Normalized (PEP 503)."""
    version: str
    lock: str
    line: int | None = None
    marker: str | None = None
    """For which environments it is locked; it is audited for all of them."""
    advisories: tuple[Advisory, ...] = ()


class DependencyReport(Record):
    """`dependencies.json`: which packages were audited against what."""

    source: str
    """The service, or the database's path."""
    newest: date | None = None
    """When the database's newest advisory was changed."""
    packages: tuple[LockedPackage, ...]
