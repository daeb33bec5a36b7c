"""Asks OSV about the packages of an operating system.

Source: OSV's API, `POST /v1/query` with `package` (name and ecosystem) and `version`, and `page_token` where an answer
has a `next_page_token`. It orders versions as the ecosystem does. For what it does not know it answers `{}`, so that it
is asked for a well-known vulnerability first: a service that does not know of that one is no evidence for any other.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from modelway.checks.audit.outcome import AuditFaultError
from modelway.errors import OutsideError
from modelway.http import HttpClient, NoAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.records.audit import DependencyAuditOptions

CANARY = ("Debian:12", "glibc", "2.36-9+deb12u2")
CANARY_NAMES = frozenset({"DSA-5514-1", "CVE-2023-4911", "DEBIAN-CVE-2023-4911"})
"""A vulnerability that Debian's advisories have known since 2023."""

_ANSWER_SECONDS = 20.0
_MAX_PAGES = 50
_AT_ONCE = 4
_REMEDY = "try again where it can be reached, give a database with --advisories, or leave the check out "
_REMEDY += "(audit.os_packages.enabled)"
_OSV = HttpClient("OSV", remedy=_REMEDY)


def ask_osv(
    options: DependencyAuditOptions, ecosystem: str, packages: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Ask OSV for the advisories of some packages.

    Args:
        options: its address, and how long it may take.
        ecosystem: whose packages, such as `Debian:12`.
        packages: names and versions.

    Returns:
        The records that concern each, with the one entry of `affected` that is about the package.

    Raises:
        AuditFaultError: it can't be reached, or its answers are no evidence.
    """
    until = time.monotonic() + options.timeout
    known = _ask(options.osv_url, CANARY[0], CANARY[1], CANARY[2], until)
    names = {
        str(name) for one in known for name in (one["id"], *(one.get("upstream") or ()), *(one.get("aliases") or ()))
    }
    if not names & CANARY_NAMES:
        raise AuditFaultError(
            f"{options.osv_url} does not know the vulnerabilities of {' '.join(CANARY[1:])} in {CANARY[0]}: {_REMEDY}",
            outside=True,
        )
    wanted = sorted(set(packages))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda one: _ask(options.osv_url, ecosystem, one[0], one[1], until), wanted)
        return dict(zip(wanted, answers, strict=True))


def _ask(address: str, ecosystem: str, name: str, version: str, until: float) -> list[dict[str, Any]]:
    question: dict[str, Any] = {"package": {"name": name, "ecosystem": ecosystem}, "version": version}
    found: list[dict[str, Any]] = []
    for _ in range(_MAX_PAGES):
        answer = _post(address, question, until)
        try:
            records = [one for one in answer.get("vulns") or () if one.get("withdrawn") is None]
            found += [_about(record, ecosystem, name) for record in records]
            token = answer.get("next_page_token")
        except (AttributeError, KeyError, TypeError) as error:
            raise AuditFaultError(f"{address} gave no answer in the OSV format: {_REMEDY}", outside=True) from error
        if not token:
            return found
        question["page_token"] = str(token)
    raise AuditFaultError(f"{address} has more than {_MAX_PAGES} pages for {name} {version}", outside=True)


def _about(record: dict[str, Any], ecosystem: str, name: str) -> dict[str, Any]:
    """The record with what it says of one package; one that says nothing of it still concerns it, by OSV's word."""
    ours = {"name": name, "ecosystem": ecosystem}
    entries = [one for one in record.get("affected") or () if ours.items() <= (one.get("package") or {}).items()]
    ranges = [one for entry in entries for one in entry.get("ranges") or ()]
    first = entries[0] if entries else {"package": ours}
    return {**record, "id": str(record["id"]), "affected": [{**first, "ranges": ranges}]}


def _post(address: str, question: dict[str, Any], until: float) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    seconds = min(_ANSWER_SECONDS, until - time.monotonic())
    body = json.dumps(question).encode()
    try:
        told = _OSV.send("POST", address, headers=headers, body=body, repeatable=True, seconds=max(seconds, 0)).json()
    except NoAnswerError as error:
        raise AuditFaultError(f"{address} gives no answer ({error.reason}): {_REMEDY}", outside=True) from error
    except OutsideError as error:
        raise AuditFaultError(f"{address}: {error.what}: {_REMEDY}", outside=True) from error
    if not isinstance(told, dict):
        raise AuditFaultError(f"{address} gave no answer in the OSV format: {_REMEDY}", outside=True)
    return told
