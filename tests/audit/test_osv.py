"""Which versions an advisory concerns: the OSV schema's evaluation, with PEP 440's order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.checks.audit.dependencies import merge_aliases
from modelway.checks.audit.osv import UndecidableError, concerns, describe, packages_of
from modelway.records.audit import Advisory


def _range(*events: dict[str, str], kind: str = "ECOSYSTEM") -> dict[str, Any]:
    return {"ranges": [{"type": kind, "events": list(events)}]}


START = {"introduced": "0"}


@pytest.mark.parametrize(
    ("affected", "version", "expected"),
    [
        (_range(START), "0.0.1.dev0", True),
        (_range(START, {"fixed": "1.2"}), "1.1.9", True),
        (_range(START, {"fixed": "1.2"}), "1.2", False),
        (_range(START, {"fixed": "1.2"}), "1.2.0", False),
        (_range(START, {"fixed": "1.2"}), "1.2rc1", True),
        (_range(START, {"fixed": "1.10"}), "1.9", True),
        (_range(START, {"last_affected": "1.2"}), "1.2", True),
        (_range(START, {"last_affected": "1.2"}), "1.2.post1", False),
        (_range({"introduced": "1.0"}, {"fixed": "1.2"}), "0.9", False),
        (_range({"introduced": "1.0"}, {"fixed": "1.2"}), "1.0", True),
        # two ranges in one timeline, in any order
        (_range({"fixed": "3.2"}, {"introduced": "3"}, {"fixed": "1.2"}, {"introduced": "1"}), "3.1", True),
        (_range({"fixed": "3.2"}, {"introduced": "3"}, {"fixed": "1.2"}, {"introduced": "1"}), "2", False),
        (_range({"fixed": "3.2"}, {"introduced": "3"}, {"fixed": "1.2"}, {"introduced": "1"}), "3.2", False),
        # introduced again where something else was fixed
        (_range(START, {"introduced": "2"}, {"fixed": "2"}), "2", True),
        (_range(START, {"limit": "2"}), "2", False),
        (_range(START, {"limit": "2"}), "1.9", True),
        (_range(START, {"limit": "*"}), "99", True),
        (_range(START, {"fixed": "1.2"}, kind="SEMVER"), "1.1", True),
        (_range(START, {"fixed": "1!0.1"}), "2030", True),
        ({"versions": ["1.0"]}, "1.0.0", True),
        ({"versions": ["2004d", "1.0"]}, "1.1", False),
        # listed, although beyond the range
        ({**_range(START, {"fixed": "1.2"}), "versions": ["1.3"]}, "1.3", True),
        # commits say nothing, the list of versions does
        ({**_range({"introduced": "0"}, {"fixed": "abc"}, kind="GIT"), "versions": ["1.0"]}, "1.1", False),
        # what is no version in a range leaves the list to decide
        ({**_range(START, {"fixed": "0.2.0-n653"}), "versions": ["0.1"]}, "0.2", False),
        ({**_range(START, {"fixed": "0.2.0-n653"}), "versions": ["0.1"]}, "0.1", True),
    ],
)
def test_a_version_is_affected(affected: dict[str, Any], version: str, expected: bool) -> None:
    assert concerns(affected, version) is expected


@pytest.mark.parametrize(
    "affected",
    [_range(START, {"fixed": "2019-09-12"}), _range({"introduced": "0"}, {"fixed": "abc"}, kind="GIT"), {}],
)
def test_what_does_not_tell_its_versions_is_undecidable(affected: dict[str, Any]) -> None:
    with pytest.raises(UndecidableError):
        concerns(affected, "1.0")


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6, unique=True), st.integers(0, 13), st.randoms())
def test_a_timeline_means_what_its_intervals_mean(places: list[int], version: int, random: Any) -> None:
    places = sorted(places)
    events = [{"introduced" if number % 2 == 0 else "fixed": f"1.{place}"} for number, place in enumerate(places)]
    random.shuffle(events)
    bounds = [*places, 99] if len(places) % 2 else places
    inside = any(low <= version < high for low, high in zip(bounds[::2], bounds[1::2], strict=True))
    assert concerns(_range(*events), f"1.{version}") is inside


def test_packages_are_those_of_pypi_by_their_normalized_names() -> None:
    record = {
        "affected": [
            {"package": {"ecosystem": "PyPI", "name": "Flask_SQLAlchemy"}},
            {"package": {"ecosystem": "npm", "name": "flask"}},
            {"ranges": []},
        ]
    }
    assert [name for name, _ in packages_of(record)] == ["flask-sqlalchemy"]


def test_a_description_is_one_line() -> None:
    affected = _range(START, {"fixed": "1.2"})
    told = describe({"id": "X-1", "details": "first\n\nsecond", "aliases": ["CVE-1"]}, affected)
    assert told == Advisory(id="X-1", aliases=("CVE-1",), summary="first second", fixed=("1.2",))


def test_advisories_of_one_vulnerability_are_one() -> None:
    given = [
        Advisory(id="GHSA-1", aliases=("CVE-1",), summary="bad", fixed=("2",)),
        Advisory(id="GHSA-9"),
        Advisory(id="PYSEC-1", aliases=("CVE-1",), fixed=("2", "3")),
    ]
    merged = merge_aliases(given)
    assert [one.id for one in merged] == ["GHSA-9", "PYSEC-1"]
    assert merged[1] == Advisory(id="PYSEC-1", aliases=("CVE-1", "GHSA-1"), summary="bad", fixed=("2", "3"))


def test_aliases_join_what_names_each_other_only_through_a_third() -> None:
    given = [Advisory(id="A", aliases=("X",)), Advisory(id="B", aliases=("Y",)), Advisory(id="C", aliases=("X", "Y"))]
    assert len(merge_aliases(given)) == 1
