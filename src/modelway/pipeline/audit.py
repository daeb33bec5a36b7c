"""The `audit` part of `ci`: vulnerable dependencies, risky code, secrets, model files that run code, an SBOM."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.artifacts import write_artifact
from modelway.atomic import scratch_directory
from modelway.checks.audit import base_images, code, dependencies, models, sbom, secrets, system
from modelway.checks.audit.answers import ask_service
from modelway.checks.audit.dependencies import Given
from modelway.checks.audit.exceptions import judge
from modelway.checks.audit.locks import read_locks
from modelway.checks.audit.outcome import AuditFaultError, NotConfiguredError, Outcome
from modelway.checks.audit.paths import list_tree
from modelway.checks.audit.running import Site
from modelway.checks.sarif import render_sarif
from modelway.checks.tools import Tools
from modelway.pipeline.part import leave_report
from modelway.records.base_images import read_base_images
from modelway.records.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from modelway.records.audit import AuditOptions, ServiceAnswers
    from modelway.records.checks import PartReport

PART = "audit"
DEPENDENCIES = "dependencies.json"
SBOM = "sbom.cdx.json"
SARIF = "findings.sarif"
LOGS = "logs"
TOOLS = {
    dependencies.CHECK: "pip-audit",
    code.CHECK: "bandit",
    secrets.CHECK: "detect-secrets",
    models.CHECK: "picklescan",
    models.PICKLES: "picklescan",
    base_images.CHECK: "modelway",
    system.CHECK: "modelway",
}
"""Whose findings each check's are, for who reads SARIF; what exceptions accept is no finding there."""


def audit(
    options: AuditOptions,
    project: str,
    root: Path,
    output: Path,
    today: date,
    given: Given | None = None,
    progress: Progress = silent,
    os_root: Path | None = None,
) -> PartReport:
    """Audit a project: all checks side by side, each to its end whatever the others say.

    Args:
        options: the settings of the audit.
        project: the name that the bill of materials carries.
        root: the project's directory.
        output: where the reports go.
        today: exceptions expire and advisory databases age by this day.
        given: advisories in a file, instead of those of the settings and of the service.
        progress: told after each check.
        os_root: the root directory of an image, instead of that of the settings.

    Raises:
        UsageError: `output` holds something else than an artifact.
        OutsideError: it can't be written.
    """
    known = given or Given(database=_path(root, options.dependencies.advisories.path))
    with write_artifact(output, PART) as directory:
        with ThreadPoolExecutor() as pool, Tools() as tools:
            site = Site(root, tools, directory / LOGS, float(options.timeout))
            image = os_root or _path(root, options.os_packages.root)
            jobs = _jobs(options, project, site, directory, (output, directory), today, known, image)
            running = {pool.submit(_attempt, name, job): name for name, job in jobs.items()}
            for done, future in enumerate(as_completed(running), start=1):
                progress(PART, done, len(running), running[future])
            outcomes = [outcome for future in running for outcome in future.result()]
        checks = judge(outcomes, options.exceptions, today)
        judged = [(check, TOOLS[check.check]) for check in checks if check.check in TOOLS]
        (directory / SARIF).write_text(render_sarif(PART, judged), encoding="utf-8")
        reports = {"sarif": SARIF, "dependencies": DEPENDENCIES, "sbom": SBOM, "logs": LOGS}
        left = {name: file for name, file in reports.items() if (directory / file).exists()}
        return leave_report(directory, PART, checks, left)


def ask(options: AuditOptions, root: Path, today: date, os_root: Path | None = None) -> ServiceAnswers:
    """Ask the advisory service about the project's locked packages and an image's packages, and do no more.

    Args:
        options: the settings of the audit.
        root: the project's directory.
        today: the day that the answers are of.
        os_root: the root directory of an image, instead of that of the settings.
    """
    image = os_root or _path(root, options.os_packages.root)
    asks = options.os_packages.enabled and image is not None
    answered = system.ask_system(image, options.dependencies) if asks and image is not None else None
    with Tools() as tools, scratch_directory() as folder:
        site = Site(root, tools, folder / LOGS, float(options.timeout))
        return ask_service(site, options.dependencies, today, answered)


def _path(root: Path, name: str | None) -> Path | None:
    return None if name is None else root / name


def _jobs(
    options: AuditOptions,
    project: str,
    site: Site,
    directory: Path,
    own: tuple[Path, ...],
    today: date,
    known: Given,
    image: Path | None,
) -> dict[str, Callable[[], tuple[Outcome, ...]]]:
    """What is to be found out, by check, in the order of the report."""
    tree = list_tree(site.root, own)

    def audit_dependencies() -> tuple[Outcome, ...]:
        asked = options.dependencies
        outcome, report = dependencies.audit_dependencies(site, read_locks(site.root, asked.locks), asked, known, today)
        (directory / DEPENDENCIES).write_text(report.to_json(), encoding="utf-8")
        return (outcome,)

    def write_sbom() -> tuple[Outcome, ...]:
        lock = read_locks(site.root, options.dependencies.locks)
        return (sbom.write_sbom(lock, project, directory / SBOM, image),)

    def audit_system() -> tuple[Outcome, ...]:
        assert image is not None  # noqa: S101 - else it is not among the jobs
        return system.audit_system(image, options.os_packages, options.dependencies, known, today)

    jobs = {
        dependencies.CHECK: (options.dependencies.enabled, audit_dependencies),
        code.CHECK: (options.code.enabled, lambda: (code.audit_code(site, tree, options.code),)),
        secrets.CHECK: (options.secrets.enabled, lambda: (secrets.audit_secrets(site, tree, options.secrets),)),
        models.CHECK: (options.models.enabled, lambda: models.audit_models(site, tree, options.models)),
        base_images.CHECK: (
            options.base_images.enabled,
            lambda: base_images.audit_base_images(site.root, tree, options.base_images, read_base_images(), today),
        ),
        system.CHECK: (options.os_packages.enabled and image is not None, audit_system),
        sbom.CHECK: (options.sbom.enabled, write_sbom),
    }
    return {name: job for name, (enabled, job) in jobs.items() if enabled}


def _attempt(check: str, job: Callable[[], tuple[Outcome, ...]]) -> tuple[Outcome, ...]:
    """What a check found out, or why it could not: no check stops another."""
    try:
        return job()
    except NotConfiguredError as nothing:
        return (Outcome(check, "", error=nothing.reason, configured=False),)
    except AuditFaultError as fault:
        return (Outcome(check, "", error=fault.reason, outside=fault.outside),)
    except Exception as error:  # noqa: BLE001 - a bug of one check is told, and is no pass
        # Without the error's own words, which may hold a secret.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"
        return (Outcome(check, "", error=f"the check broke, by a bug in modelway: {where}; report it"),)
