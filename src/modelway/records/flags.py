"""The flags that route requests, and what a request's route is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from modelway.records.base import Record

Variant = Literal["champion", "challenger"]


class FlagName(StrEnum):
    """The flags that a server obeys, in its flag document or in the environment."""

    NEW_MODEL_ENABLED = "NEW_MODEL_ENABLED"
    """boolean: whether the challenger answers."""
    SHADOW_MODEL_ENABLED = "SHADOW_MODEL_ENABLED"
    """boolean: whether the challenger also sees, unseen by the caller, what the champion answers."""
    NEW_MODEL_VERSION = "NEW_MODEL_VERSION"
    """text: which bundle of the release is the challenger, by version, commit, run or digest; "" for the last one."""


_Share = Annotated[float, Field(ge=0, le=1)]


class Shares(Record):
    """What a flag document of modelway's own says, in its simplest words."""

    new_model: _Share = 0.0
    """The share of the routing keys that the challenger answers; steps of 1/10,000."""
    shadow: _Share = 0.0
    """The share of the routing keys whose requests the challenger sees where the champion answers."""
    version: str = ""
    """Which bundle of the release is the challenger; the last one when empty."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where one request goes.

    Attributes:
        variant: the arm of the experiment that answers.
        version: the version that answers.
        shadow: the version that sees the request besides, or None.
        epoch: the name of the shares in force; records of one epoch were routed by the same shares.
    """

    variant: Variant
    version: str
    shadow: str | None
    epoch: str
