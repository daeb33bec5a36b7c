"""Asks an advisory service, by pip-audit.

pip-audit 2.10 says "no known vulnerabilities" and ends with 0 where the service answers 404 to everything, leaves out
what the environment markers of a lock leave out here, and takes the answer of a mirror that knows of no vulnerability
for a clean bill. So it is asked for bare `name==version` lines, each has to be in its answer, and a package with a
well-known vulnerability is asked first: a service that does not know of that one is no evidence for any other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelway.atomic import scratch_directory
from modelway.checks.audit.outcome import AuditFaultError
from modelway.parsing import parse_json
from modelway.records.audit import Advisory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modelway.checks.audit.running import Site
    from modelway.records.audit import DependencyAuditOptions

Package = tuple[str, str]
"""A normalized name and a version."""

CANARY: Package = ("jinja2", "2.10")
CANARY_NAMES = frozenset({"PYSEC-2019-217", "CVE-2019-10906", "GHSA-462w-v97r-4m45"})
"""A vulnerability that every database of PyPI's advisories has known since 2019."""

_ANSWER_SECONDS = 10
"""How long one answer of the service is waited for."""
_CANARY_SECONDS = 60.0
_AT_ONCE, _AT_LEAST = 4, 10
"""Questions side by side, and packages of one that are worth a process of their own."""
_REMEDY = "try again where it can be reached, or give a database with --advisories"


@dataclass(frozen=True)
class Answer:
    """What the service says of a package: its advisories, or why it was not looked at."""

    advisories: tuple[Advisory, ...] = ()
    skipped: str | None = None


def ask(site: Site, packages: Iterable[Package], options: DependencyAuditOptions) -> dict[Package, Answer]:
    """Ask the service of the settings about some packages.

    Raises:
        AuditFaultError: it could not be had, or its answers are no evidence.
    """
    _ask_canary(site, options)
    parts = list(_parts(packages))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda part: _ask(site, part, options, float(options.timeout)), parts)
        return {package: answer for part in answers for package, answer in part.items()}


def _ask_canary(site: Site, options: DependencyAuditOptions) -> None:
    answer = _ask(site, [CANARY], options, min(_CANARY_SECONDS, float(options.timeout)))[CANARY]
    names = {name for one in answer.advisories for name in (one.id, *one.aliases)}
    if not names & CANARY_NAMES:
        name, version = CANARY
        what = answer.skipped or f"it does not know the vulnerabilities of {name} {version}"
        raise AuditFaultError(
            f"the advisory service {options.service} can't be had from here ({what}): {_REMEDY}", outside=True
        )


def _parts(packages: Iterable[Package]) -> Iterable[list[Package]]:
    """The packages dealt out to a few questions; one question holds each name once, or pip-audit refuses it."""
    rest = sorted(set(packages))
    size = max(_AT_LEAST, -(-len(rest) // _AT_ONCE))
    parts: list[dict[str, str]] = []
    for name, version in rest:
        part = next((one for one in parts if name not in one and len(one) < size), None)
        if part is None:
            parts.append(part := {})
        part[name] = version
    return [list(part.items()) for part in parts]


def _ask(
    site: Site, packages: Sequence[Package], options: DependencyAuditOptions, seconds: float
) -> dict[Package, Answer]:
    with scratch_directory() as directory:
        work = directory
        lines = [f"{name}=={version}\n" for name, version in packages]
        (work / "packages.txt").write_text("".join(lines), encoding="utf-8")
        answer = work / "answer.json"
        # Every option that pip-audit would take from the environment is given; its cache is one of this run alone.
        arguments = ["--requirement", "packages.txt", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
        arguments += ["--format", "json", "--desc", "on", "--aliases", "on", "--output", str(answer)]
        arguments += ["--vulnerability-service", options.service, "--osv-url", options.osv_url]
        arguments += ["--timeout", str(_ANSWER_SECONDS), "--cache-dir", str(work / "cache")]
        run = site.run(["pip-audit", *arguments], work, seconds)
        if run.problem or not answer.is_file():
            last = run.problem or (run.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1][:200]
            raise AuditFaultError(
                f"the advisory service {options.service} can't be had ({last}): {_REMEDY}", outside=True
            )
        return _read(answer.read_bytes(), packages, options.service)


def _read(text: bytes, packages: Sequence[Package], service: str) -> dict[Package, Answer]:
    try:
        said = {str(entry["name"]): _answer(entry) for entry in parse_json(text)["dependencies"]}
    except (ValueError, KeyError, TypeError) as error:
        raise AuditFaultError(f"pip-audit's answer can't be read: {type(error).__name__}") from error
    missing = [name for name, _ in packages if name not in said]
    if missing:
        raise AuditFaultError(f"{service}'s answer lacks {len(missing)} packages, such as {missing[0]}", outside=True)
    return {(name, version): said[name] for name, version in packages}


def _answer(entry: Mapping[str, Any]) -> Answer:
    if "skip_reason" in entry:
        return Answer(skipped=str(entry["skip_reason"]))
    return Answer(tuple(_advisory(one) for one in entry["vulns"]))


def _advisory(said: Mapping[str, Any]) -> Advisory:
    return Advisory(
        id=str(said["id"]),
        aliases=tuple(sorted(str(alias) for alias in said["aliases"])),
        summary=" ".join(str(said["description"]).split())[:200],
        fixed=tuple(str(version) for version in said["fix_versions"]),
    )
