"""What an advisory service said, in a file: asked by one command, judged by another.

In containers the asking is a step of its own, the only one that has to run each time.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import ValidationError

from modelway.checks.audit.locks import read_locks
from modelway.checks.audit.outcome import AuditFaultError
from modelway.checks.audit.service import Answer, Package, ask
from modelway.records.audit import PackageAnswer, ServiceAnswers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from pathlib import Path

    from modelway.checks.audit.running import Site
    from modelway.records.audit import DependencyAuditOptions, SystemAnswers


def ask_service(
    site: Site, options: DependencyAuditOptions, today: date, system: SystemAnswers | None = None
) -> ServiceAnswers:
    """Ask the service of the settings about what the lock files pin; that it can't be had is an answer, too.

    Args:
        site: where the audit takes place.
        options: whom to ask, about which locks.
        today: the day that the answers are of.
        system: what OSV said of an image's packages.
    """
    try:
        lock = read_locks(site.root, options.locks)
        answers = ask(site, {(pin.name, pin.public) for pin in lock.pins}, options)
    except AuditFaultError as fault:
        return ServiceAnswers(
            service=options.service, day=today, fault=fault.reason, outside=fault.outside, system=system
        )
    packages = (_answer(package, answer) for package, answer in sorted(answers.items(), key=lambda item: item[0]))
    return ServiceAnswers(service=options.service, day=today, packages=tuple(packages), system=system)


def _answer(package: Package, answer: Answer) -> PackageAnswer:
    name, version = package
    advisories = tuple(sorted(answer.advisories, key=lambda one: one.id))  # the same answer gives the same text
    return PackageAnswer(name=name, version=version, advisories=advisories, skipped=answer.skipped)


def read_answers(
    path: Path, packages: Iterable[Package], options: DependencyAuditOptions, today: date
) -> dict[Package, Answer]:
    """What the service said of some packages.

    Args:
        path: what `ask_service` gave, as JSON.
        packages: those that are judged by it.
        options: whom the settings want to be asked.
        today: older answers than of the day before say nothing of it.

    Raises:
        AuditFaultError: the service could not be had, or these are not its answers to this question.
    """
    try:
        said = ServiceAnswers.from_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise AuditFaultError(f"{path} does not hold the answers of a service: {type(error).__name__}") from error
    if said.fault is not None:
        raise AuditFaultError(said.fault, outside=said.outside)
    if said.service != options.service:
        raise AuditFaultError(f"{path} holds the answers of {said.service}, but {options.service} is to be asked")
    if not today - timedelta(days=1) <= said.day <= today + timedelta(days=1):
        raise AuditFaultError(f"{path} is of {said.day}: ask again with --ask")
    answers = {(one.name, one.version): Answer(one.advisories, one.skipped) for one in said.packages}
    missing = sorted(set(packages) - answers.keys())
    if missing:
        raise AuditFaultError(f"{path} lacks {len(missing)} packages, such as {missing[0][0]}: ask again with --ask")
    return answers
