"""Known vulnerabilities of an image's operating system packages, from OSV or from a database in a file.

Debian's advisories go by source packages. Those that Debian calls unimportant are left out; those without a fixed
version are shown apart, since nothing can be installed against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.checks.audit.database import EmptyDatabaseError, read_database
from modelway.checks.audit.debian import DebianVersion, UnknownSystemError, read_system
from modelway.checks.audit.dependencies import NOT_AUDITED, merge_aliases
from modelway.checks.audit.osv import UndecidableError, concerns, describe
from modelway.checks.audit.outcome import AuditFaultError, Observation, Outcome, count
from modelway.checks.audit.system_service import ask_osv
from modelway.records.audit import Advisory, SystemAnswers
from modelway.records.checks import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from modelway.checks.audit.debian import System
    from modelway.checks.audit.dependencies import Given
    from modelway.records.audit import DependencyAuditOptions, SystemAuditOptions

CHECK = "os-packages"
UNFIXED = f"{CHECK}.unfixed"
_CVE = "CVE-"

Package = tuple[str, str]
"""A source package and its version."""


@dataclass(frozen=True)
class _Known:
    advisories: Mapping[Package, tuple[Advisory, ...]]
    silent: Mapping[Package, str]
    source: str


def audit_system(
    root: Path, options: SystemAuditOptions, asked: DependencyAuditOptions, given: Given, today: date
) -> tuple[Outcome, ...]:
    """Look for known vulnerabilities of what an image's operating system has installed.

    Args:
        root: the image's root directory.
        options: what an advisory without a fixed version is.
        asked: whom to ask, and how old and small a database may be.
        given: a database or answers in a file; neither asks OSV.
        today: the age of either is told against this day.

    Returns:
        What was found; for a system that is not known, or a database without its advisories, a hint that says so.

    Raises:
        AuditFaultError: the packages or their advisories are not available.
    """
    try:
        system = read_system(root)
        counted = f"{count(len(system.packages), 'package')} of {system.ecosystem}"
    except UnknownSystemError as error:
        return (Outcome(CHECK, "", error=error.reason, severity=Severity.WARN),)
    try:
        known = _known(system, asked, given, today)
    except EmptyDatabaseError as error:
        # A database of PyPI's advisories alone says nothing of the system: that is shown, and fails nobody.
        reason = f"{error.reason}; give OSV's export of {system.ecosystem}, too"
        return (Outcome(CHECK, counted, error=reason, severity=Severity.WARN),)
    names = _binaries(system)
    failing: list[Observation] = []
    unfixed: list[Observation] = []
    for package, advisories in sorted(known.advisories.items()):
        for one in advisories:
            into = failing if one.fixed else unfixed
            into.append(_observe(system, package, names[package], one))
    for package, why in sorted(known.silent.items()):
        finding = Finding(rule=NOT_AUDITED, message=f"{' '.join(package)}: {why}", path=system.path)
        failing.append(Observation(finding, package=package[0], undecided=True))
    outcomes = [Outcome(CHECK, f"{counted}; {known.source}", tuple(failing))]
    if unfixed and options.unfixed != "allow":
        severity = Severity.FAIL if options.unfixed == "fail" else Severity.WARN
        outcomes.append(Outcome(UNFIXED, "no version of Debian's fixes them yet", tuple(unfixed), severity=severity))
    return tuple(outcomes)


def ask_system(root: Path, asked: DependencyAuditOptions) -> SystemAnswers:
    """Ask OSV about an image's packages; that it could not be asked is an answer, too."""
    try:
        system = read_system(root)
        answers = ask_osv(asked, system.ecosystem, _binaries(system))
    except AuditFaultError as fault:
        return SystemAnswers(fault=fault.reason, outside=fault.outside)
    packages = {f"{name} {version}": found for (name, version), found in sorted(answers.items())}
    return SystemAnswers(
        ecosystem=system.ecosystem, packages={key: _described(found) for key, found in packages.items()}
    )


def _known(system: System, asked: DependencyAuditOptions, given: Given, today: date) -> _Known:
    packages = _binaries(system)
    if given.database is not None:
        return _from_file(system, packages, asked, given.database, today)
    if given.answers is not None:
        return _from_answers(system, packages, given.answers)
    answers = ask_osv(asked, system.ecosystem, packages)
    found = {package: _described(records) for package, records in answers.items()}
    return _Known(found, {}, f"{asked.osv_url} was asked for each")


def _from_answers(system: System, packages: Iterable[Package], path: Path) -> _Known:
    from pydantic import ValidationError

    from modelway.records.audit import ServiceAnswers

    try:
        told = ServiceAnswers.from_json(path.read_bytes()).system
    except (OSError, ValidationError) as error:
        raise AuditFaultError(f"{path} does not hold the answers of a service: {type(error).__name__}") from error
    if told is None:
        raise AuditFaultError(f"{path} holds no answers about the image's packages: ask again with --ask and --os-root")
    if told.fault is not None:
        raise AuditFaultError(told.fault, outside=told.outside)
    missing = [" ".join(one) for one in packages if " ".join(one) not in told.packages]
    if told.ecosystem != system.ecosystem or missing:
        raise AuditFaultError(f"{path} is of another image: ask again with --ask and --os-root")
    return _Known({one: told.packages[" ".join(one)] for one in packages}, {}, "OSV was asked for each")


def _from_file(
    system: System, packages: Iterable[Package], asked: DependencyAuditOptions, path: Path, today: date
) -> _Known:
    names = {name for name, _ in packages}
    database = read_database(path, names, asked.advisories, today, system.ecosystem)
    found: dict[Package, tuple[Advisory, ...]] = {}
    silent: dict[Package, str] = {}
    for name, version in packages:
        affecting = []
        for record, affected in database.records.get(name, ()):
            try:
                if concerns(affected, version, DebianVersion):
                    affecting.append({**record, "affected": [affected]})
            except (UndecidableError, ValueError) as error:
                silent[name, version] = f"{record['id']} does not tell whether it concerns this version: {error}"
        found[name, version] = _described(affecting)
    return _Known(found, silent, f"{database.count} advisories for {system.ecosystem}, the newest of {database.newest}")


def _described(records: Iterable[Mapping[str, Any]]) -> tuple[Advisory, ...]:
    """The advisories of one package, each vulnerability once.

    A record holds the one entry of `affected` that concerns the package. One about several vulnerabilities, as a DSA
    is, is left out where each of them has a record of its own, so that an exception accepts no more than it names.
    """
    single: list[Advisory] = []
    several: list[tuple[Advisory, set[str]]] = []
    for record in records:
        (affected,) = record["affected"]
        if (affected.get("ecosystem_specific") or {}).get("urgency") == "unimportant":
            continue
        one = describe(record, affected)
        upstream = {str(name) for name in record.get("upstream") or () if str(name).startswith(_CVE)}
        if len(upstream) > 1:
            several.append((one, upstream))
        else:
            names = tuple(dict.fromkeys((*one.aliases, *sorted(upstream))))
            single.append(one.model_copy(update={"aliases": names}))
    covered = {name for one in single for name in one.aliases}
    single += [one for one, names in several if not names <= covered]
    return merge_aliases(single)


def _binaries(system: System) -> dict[Package, list[str]]:
    """The source packages, with the packages that were built from each."""
    found: dict[Package, list[str]] = {}
    for one in system.packages:
        found.setdefault((one.source, one.source_version), []).append(one.name)
    return found


def _observe(system: System, package: Package, binaries: list[str], advisory: Advisory) -> Observation:
    name, version = package
    fixed = f"; fixed in {', '.join(advisory.fixed)}" if advisory.fixed else "; no version fixes it"
    also = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    message = f"{name} {version} ({', '.join(binaries)}): {advisory.summary or 'no description'}{also}{fixed}"
    return Observation(Finding(rule=advisory.id, message=message, path=system.path), advisory.aliases, name)
