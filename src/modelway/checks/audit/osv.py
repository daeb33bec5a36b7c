"""Whether an advisory in the OSV format concerns a version of a package.

Source: the OSV schema (https://ossf.github.io/osv-schema/), section "Evaluation". Versions of PyPI's packages are
ordered as PEP 440 says, those of Debian's as deb-version(7) says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from modelway.records.audit import Advisory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    class Ordered(Protocol):
        """A version."""

        def __lt__(self, other: Any, /) -> bool: ...
        def __gt__(self, other: Any, /) -> bool: ...
        def __ge__(self, other: Any, /) -> bool: ...

    Parse = Callable[[str], Ordered]
    """Reads a version; raises `ValueError` for what is none."""

ECOSYSTEM = "PyPI"
_ORDERED = frozenset({"ECOSYSTEM", "SEMVER"})
"""The types of ranges whose events are versions; those of the others are commits."""


class UndecidableError(Exception):
    """An advisory concerns a package, but does not say which versions in a way that can be read."""


def packages_of(record: Mapping[str, Any], ecosystem: str = ECOSYSTEM) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The packages of an ecosystem that an advisory concerns: name (PyPI's normalized) and what it says of it.

    Args:
        record: the advisory.
        ecosystem: `PyPI`, or a release such as `Debian:12`.
    """
    from packaging.utils import canonicalize_name

    for affected in record.get("affected") or ():
        package = affected.get("package") or {}
        named = str(package.get("ecosystem", ""))
        if ecosystem == ECOSYSTEM and named.partition(":")[0] == ECOSYSTEM:
            yield canonicalize_name(str(package["name"])), affected
        elif named == ecosystem:
            yield str(package["name"]), affected


def concerns(affected: Mapping[str, Any], version: str, parse: Parse | None = None) -> bool:
    """Whether a version is affected.

    Args:
        affected: one entry of an advisory's `affected`, for the package in question.
        version: the version; PyPI's without a local part.
        parse: reads versions; by PEP 440 when absent.

    Raises:
        UndecidableError: it says so in no way that can be read here.
    """
    from packaging.version import Version

    read: Parse = parse or Version
    ours = read(version)
    listed = affected.get("versions") or ()
    if any(_equals(one, ours, read) for one in listed):
        return True
    ordered = [one for one in affected.get("ranges") or () if one.get("type") in _ORDERED]
    try:
        return any(_within(one.get("events") or (), ours, read) for one in ordered) or _decided(bool(ordered or listed))
    except ValueError as error:
        # Some ranges hold what is no version. The list of versions, where there is one, stands for them.
        return _decided(bool(listed), str(error))


def describe(record: Mapping[str, Any], affected: Mapping[str, Any]) -> Advisory:
    """An advisory as the reports show it."""
    events = [event for one in affected.get("ranges") or () if one.get("type") in _ORDERED for event in one["events"]]
    summary = str(record.get("summary") or record.get("details") or "").strip()
    return Advisory(
        id=str(record["id"]),
        aliases=tuple(str(alias) for alias in record.get("aliases") or ()),
        summary=" ".join(summary.split())[:200],
        fixed=tuple(dict.fromkeys(str(event["fixed"]) for event in events if "fixed" in event)),
    )


def _decided(known: bool, why: str = "it names commits alone") -> bool:
    """No, if that is known."""
    if not known:
        raise UndecidableError(why)
    return False


def _equals(text: object, version: Ordered, read: Parse) -> bool:
    try:
        return read(str(text)) == version
    except ValueError:
        return False


def _within(events: Any, version: Ordered, read: Parse) -> bool:
    limits = [event["limit"] for event in events if "limit" in event]
    if limits and not any(limit == "*" or version < read(str(limit)) for limit in limits):
        return False
    vulnerable = False
    for kind, place in sorted(_timeline(events, read), key=_moment):
        if kind == "introduced" and (place is None or version >= place):
            vulnerable = True
        elif place is not None and (
            (kind == "fixed" and version >= place) or (kind == "last_affected" and version > place)
        ):
            vulnerable = False
    return vulnerable


def _timeline(events: Any, read: Parse) -> Iterator[tuple[str, Ordered | None]]:
    """The events with their versions; None for `introduced: "0"`, which comes before every version."""
    for event in events:
        for kind, text in event.items():
            if kind in {"introduced", "fixed", "last_affected"}:
                yield kind, None if kind == "introduced" and text == "0" else read(str(text))


def _moment(event: tuple[str, Ordered | None]) -> tuple[bool, Any, bool]:
    """Where an event stands in the timeline. What is introduced where something else was fixed comes after it."""
    kind, place = event
    return place is not None, place, kind == "introduced"
