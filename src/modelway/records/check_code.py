"""Options of `check-code`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from modelway.records.base import Record
from modelway.records.checks import Severity
from modelway.records.names import check_names

Command = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Timeout = Annotated[float, Field(gt=0)]

BUILT_IN = ("format", "lint", "types")


class ToolOptions(Record):
    """A further tool."""

    command: Command
    """The tool and its arguments; it runs beside the settings file, without a shell."""
    severity: Severity = Severity.FAIL
    """fail: what it finds fails the check; warn: it is shown."""
    timeout: Timeout = 600
    """Seconds after which it is stopped, which is an error."""


class FormatOptions(ToolOptions):
    """The tool for the format."""

    command: Command = ("ruff", "format", "--check", ".")
    """The tool and its arguments; it runs beside the settings file, without a shell."""


class LintOptions(ToolOptions):
    """The tool that lints."""

    command: Command = ("ruff", "check", ".")
    """The tool and its arguments; it runs beside the settings file, without a shell."""


class TypesOptions(ToolOptions):
    """The tool for the types."""

    command: Command = ("mypy",)
    """The tool and its arguments. Where mypy's own configuration names no files, it checks all of them."""


class CheckCodeOptions(Record):
    """The `check_code` section of the settings: which tools look at the code."""

    format: FormatOptions | None = FormatOptions()
    """How the code is laid out; null switches the check off."""
    lint: LintOptions | None = LintOptions()
    """What is wrong or suspicious in the code; null switches the check off."""
    types: TypesOptions | None = TypesOptions()
    """Whether the types agree; null switches the check off."""
    more: dict[str, ToolOptions] = {}
    """Further checks, by name."""

    @field_validator("more")
    @classmethod
    def _names_are_free(cls, more: dict[str, ToolOptions]) -> dict[str, ToolOptions]:
        check_names("check_code.more", more, BUILT_IN)
        return more

    def tools(self) -> dict[str, ToolOptions]:
        """The tools that are switched on, by the check's name."""
        named = {"format": self.format, "lint": self.lint, "types": self.types, **self.more}
        return {name: tool for name, tool in named.items() if tool is not None}
