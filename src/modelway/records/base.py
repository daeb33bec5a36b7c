"""The base of every record."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen, typed value; unknown fields, wrong types, NaN and infinity are refused.

    Records are checked strictly, from JSON (`from_json`): "5" is no integer and 1 is no boolean.
    """

    # What checks a record is built when the first one is read: a command reads few of those that it imports.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read a record; raises `pydantic.ValidationError` when the text does not fit."""
        return cls.model_validate_json(text)

    def to_json(self) -> str:
        """The record as indented JSON with a final newline; equal records give equal text."""
        return self.model_dump_json(indent=2) + "\n"
