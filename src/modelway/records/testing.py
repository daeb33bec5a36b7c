"""Options of `test`."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, field_validator

from modelway.records.base import Record
from modelway.records.names import check_names

COVERAGE = "coverage"
"""The check of the coverage."""

Word = Annotated[str, Field(min_length=1)]


class SuiteOptions(Record):
    """Tests that run together, and whose verdict is one check."""

    paths: tuple[Word, ...] = ()
    """Files, folders or node ids, relative to the settings file; default: pytest's own `testpaths`."""
    markers: Word | None = None
    """Only tests whose markers fit this expression, as for pytest's -m."""
    args: tuple[Word, ...] = ()
    """Further arguments for pytest."""
    timeout: Annotated[float, Field(gt=0)] = 1800
    """Seconds after which it is stopped, which is an error."""


class CoverageOptions(Record):
    """What of the code the tests must run."""

    source: tuple[Word, ...] = ()
    """Folders or packages to measure; default: what coverage's or pytest's own configuration names, else src or all."""
    branch: bool = False
    """Whether branches count besides lines, even where coverage's own configuration does not say so."""
    floor: Annotated[float, Field(ge=0, le=100)] | None = None
    """Per cent of the lines (and branches) that must have been run; a `fail_under` of coverage's own holds as well."""


class TestOptions(Record):
    """The `test` section of the settings: how the user's tests are run."""

    __test__: ClassVar[bool] = False  # the name is for people; pytest shall not take it for a test

    suites: Annotated[dict[str, SuiteOptions], Field(min_length=1)] = {"tests": SuiteOptions()}
    """The suites, by name, such as unit and integration. They run one after the other, each a pytest of its own."""
    args: tuple[Word, ...] = ()
    """Further arguments for every pytest."""
    coverage: CoverageOptions | None = CoverageOptions()
    """What of the code the tests must run; null measures nothing."""

    @field_validator("suites")
    @classmethod
    def _names_are_free(cls, suites: dict[str, SuiteOptions]) -> dict[str, SuiteOptions]:
        check_names("test.suites", suites, (COVERAGE,))
        return suites
