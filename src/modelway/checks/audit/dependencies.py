"""Known vulnerabilities of the locked dependencies, from a service or from a database in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.checks.audit.answers import read_answers
from modelway.checks.audit.database import read_database
from modelway.checks.audit.osv import UndecidableError, concerns, describe
from modelway.checks.audit.outcome import Observation, Outcome, count
from modelway.checks.audit.service import ask
from modelway.records.audit import Advisory, DependencyReport, LockedPackage
from modelway.records.checks import Finding

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from modelway.checks.audit.pins import Lock, Pin
    from modelway.checks.audit.running import Site
    from modelway.records.audit import DependencyAuditOptions

CHECK = "dependencies"
NOT_AUDITED = "not-audited"
"""The rule of a package that the source of advisories says nothing of, so that nothing is known of it."""


@dataclass(frozen=True)
class _Known:
    """What the source says: of each package its advisories, or why there is nothing to be said."""

    source: str
    looked_at: str
    newest: date | None
    advisories: dict[tuple[str, str], tuple[Advisory, ...]]
    silent: dict[tuple[str, str], str]


@dataclass(frozen=True)
class Given:
    """What is known of advisories before anybody is asked.

    Attributes:
        database: a database in a file.
        answers: what the service said, in a file.
    """

    database: Path | None = None
    answers: Path | None = None


def audit_dependencies(
    site: Site, lock: Lock, options: DependencyAuditOptions, given: Given, today: date
) -> tuple[Outcome, DependencyReport]:
    """Look for known vulnerabilities of what a lock pins.

    Args:
        site: where the audit takes place.
        lock: what the lock files pin.
        options: whom to ask, and how old a database may be.
        given: a database or answers in a file; neither asks the service.
        today: the age of either is told against this day.

    Returns:
        What was found, and `dependencies.json`.

    Raises:
        AuditFaultError: the advisories could not be had.
    """
    if given.database is not None:
        known = _from_file(lock, options, given.database, today)
    else:
        known = _from_service(site, lock, options, given.answers, today)
    observations = [*lock.unpinned]
    seen: set[tuple[str, str]] = set()
    for pin in lock.pins:
        key = pin.name, pin.public
        if key not in seen:
            seen.add(key)
            observations += _observe(pin, known)
    looked_at = f"{count(len(seen), 'locked package')}; {known.looked_at}"
    return Outcome(CHECK, looked_at, tuple(observations)), _report(lock, known)


def _observe(pin: Pin, known: _Known) -> list[Observation]:
    def finding(rule: str, message: str) -> Finding:
        return Finding(rule=rule, message=f"{pin.name} {pin.version}: {message}", path=pin.lock, line=pin.line)

    key = pin.name, pin.public
    observations = [Observation(finding(one.id, _message(one)), one.aliases, pin.name) for one in known.advisories[key]]
    if why := known.silent.get(key):
        observations.append(Observation(finding(NOT_AUDITED, why), package=pin.name, undecided=True))
    return observations


def _message(advisory: Advisory) -> str:
    also = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    fixed = f"; fixed in {', '.join(advisory.fixed)}" if advisory.fixed else "; no version fixes it"
    return f"{advisory.summary or 'no description'}{also}{fixed}"


def _from_service(site: Site, lock: Lock, options: DependencyAuditOptions, said: Path | None, today: date) -> _Known:
    packages = {(pin.name, pin.public) for pin in lock.pins}
    answers = ask(site, packages, options) if said is None else read_answers(said, packages, options, today)
    return _Known(
        source=options.service,
        looked_at=f"{options.service} was asked for each",
        newest=None,
        advisories={package: answer.advisories for package, answer in answers.items()},
        silent={package: answer.skipped for package, answer in answers.items() if answer.skipped},
    )


def _from_file(lock: Lock, options: DependencyAuditOptions, path: Path, today: date) -> _Known:
    packages = {(pin.name, pin.public) for pin in lock.pins}
    database = read_database(path, {name for name, _ in packages}, options.advisories, today)
    advisories: dict[tuple[str, str], tuple[Advisory, ...]] = {}
    silent: dict[tuple[str, str], str] = {}
    for name, version in packages:
        found = []
        for record, affected in database.records.get(name, ()):
            try:
                if concerns(affected, version):
                    found.append(describe(record, affected))
            except UndecidableError as error:
                silent[name, version] = f"{record['id']} does not tell whether it concerns this version: {error}"
        advisories[name, version] = merge_aliases(found)
    looked_at = f"{database.count} advisories for PyPI, the newest of {database.newest}"
    return _Known(str(path), looked_at, database.newest, advisories, silent)


def merge_aliases(advisories: list[Advisory]) -> tuple[Advisory, ...]:
    """The advisories with those of one vulnerability made one; PYSEC's name goes before CVE's, that before others'."""
    groups: list[list[Advisory]] = []
    for advisory in advisories:
        names = {advisory.id, *advisory.aliases}
        joined = [group for group in groups if any(names & {one.id, *one.aliases} for one in group)]
        groups = [group for group in groups if group not in joined]
        groups.append([one for group in joined for one in group] + [advisory])
    return tuple(sorted((_merged(group) for group in groups), key=lambda one: one.id))


def _merged(group: list[Advisory]) -> Advisory:
    names = sorted({name for one in group for name in (one.id, *one.aliases)}, key=_rank)
    fixed = tuple(dict.fromkeys(version for one in group for version in one.fixed))
    summary = next((one.summary for one in group if one.summary), "")
    return Advisory(id=names[0], aliases=tuple(names[1:]), summary=summary, fixed=fixed)


def _rank(name: str) -> tuple[int, str]:
    order = ("PYSEC", "CVE", "GHSA")
    return next((place for place, start in enumerate(order) if name.startswith(start)), len(order)), name


def _report(lock: Lock, known: _Known) -> DependencyReport:
    return DependencyReport(
        source=known.source,
        newest=known.newest,
        packages=tuple(
            LockedPackage(
                name=pin.name,
                version=pin.version,
                lock=pin.lock,
                line=pin.line,
                marker=pin.marker,
                advisories=known.advisories.get((pin.name, pin.public), ()),
            )
            for pin in lock.pins
        ),
    )
