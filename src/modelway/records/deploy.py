"""What passes between a deploy and its target: releases, what runs now, steps, plans."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, JsonValue

from modelway.records.base import Record
from modelway.records.serving import ServingSettings
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from collections.abc import Sequence


class BundleRef(Record):
    """A bundle by what names it."""

    version: int
    """Its version in the registry."""
    digest: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]+$")]
    """SHA-256 (hexadecimal) of the bundle; its directory has this name."""
    trusted: tuple[str, ...] = ()
    """The types and functions that it may use in addition to modelway's own list, as the registry had them."""


class Release(Record):
    """What a target runs: a champion's bundle and, where one is tried, a challenger's."""

    name: str
    """The model."""
    champion: BundleRef
    challengers: tuple[BundleRef, ...] = ()
    image: str | None = None
    """`REPOSITORY@sha256:DIGEST` that holds the bundles, where the target runs images."""
    settings: ServingSettings | None = None
    """How its servers serve, as far as the project sets it; None if nothing is set, and for releases of versions of
    modelway that did not record it."""
    commit: str | None = None
    """The revision of the user's code; no part of the identity."""
    revision: str | None = None
    """What the target itself calls it (a task definition's ARN, a revision's number), known once it has run there; no
    part of the identity."""
    applied: tuple[dict[str, JsonValue], ...] = ()
    """What the target applied for it, the settings of that time included, known once it has run there: a rollback
    applies this again. Not part of the identity."""

    @property
    def id(self) -> str:
        """Return 12 hexadecimal digits that name the release: its bundles, its image, its serving settings."""
        bundles = (self.champion.digest, *(bundle.digest for bundle in self.challengers))
        return release_id(self.name, bundles, self.image, self.given.digest)

    @property
    def given(self) -> ServingSettings:
        """Return what its servers are given: its settings; where it has none, the trust that its bundles need."""
        if self.settings is not None:
            return self.settings
        return ServingSettings(trusted=join_names(*(ref.trusted for ref in (self.champion, *self.challengers))))

    def __str__(self) -> str:
        tried = "".join(f" with challenger {bundle.version}" for bundle in self.challengers)
        return f"{self.name} version {self.champion.version}{tried} (release {self.id})"


def release_id(name: str, bundles: Sequence[str], image: str | None, settings: str | None) -> str:
    """Return the id of a release.

    Args:
        name: the model.
        bundles: the digests of its bundles, the champion's first.
        image: the image that holds them, where the target runs images.
        settings: the digest of its serving settings; None gives the id that releases had before settings were recorded.
    """
    text = json.dumps([name, list(bundles), image, *([] if settings is None else [settings])])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class LiveState(StrEnum):
    """How a target is."""

    ABSENT = "absent"
    """It runs nothing."""
    CHANGING = "changing"
    """It is on its way to a release."""
    PAUSED = "paused"
    """It is on its way and waits for evidence: a plan for the same release has the step with which it goes on."""
    STABLE = "stable"
    """It runs a release, all of it, and nothing else."""
    FAILED = "failed"
    """It could not get to the release, or what it runs is broken, and it will not mend by waiting."""


class Live(Record):
    """What a target runs now."""

    state: LiveState
    release: str | None = None
    """The id of the release that it runs or is on its way to; None where nothing or something unknown runs."""
    revision: str | None = None
    """What the target itself calls that."""
    configuration: str | None = None
    """A digest of all else that it was told (replicas, ports), so that a change of the settings is seen."""
    applied: tuple[dict[str, JsonValue], ...] = ()
    """What the target runs it by, as that is now: a release's own copy of it is what a rollback applies."""
    wanted: int = 0
    """Replicas or processes that it should have."""
    ready: int = 0
    """Those that answer, and run this release."""
    url: str | None = None
    """Where it answers, as far as the target knows."""
    reason: str = ""
    """Why it is changing or failed, in words: a failing container's reason, an event's text."""
    details: dict[str, str] = {}
    """What people may want to know besides: where its logs are, say."""


class LogBacklog(Record):
    """What of the prediction log is not in its store; absent is what is not known."""

    records: int | None = None
    """Records of predictions that a running server has not delivered, by its own metrics."""
    bytes: int | None = None
    """The bytes of what it has not delivered, in memory and on its local disk."""
    oldest_seconds: float | None = None
    """The age of the oldest of it."""
    dropped: dict[str, int] | None = None
    """Records that the server has lost since it began, by reason."""
    spool_records: int | None = None
    """Records in the spools on this machine, those of ended processes among them; for local environments."""
    spool_bytes: int | None = None
    """The bytes of these spools."""

    def __str__(self) -> str:
        """In one line, for people."""
        parts = []
        if self.spool_records is not None:
            parts.append(f"{self.spool_records} records ({self.spool_bytes} bytes) wait on this machine")
        if self.records is None:
            parts.append("what servers have not delivered is not known: none answers with its metrics")
        else:
            parts.append(f"the server has {self.records} records ({self.bytes} bytes) to deliver")
            if self.records and self.oldest_seconds is not None:
                parts.append(f"the oldest {self.oldest_seconds:.0f} seconds old")
            lost = {reason: count for reason, count in (self.dropped or {}).items() if count}
            if lost:
                parts.append("dropped: " + ", ".join(f"{count} ({reason})" for reason, count in lost.items()))
        return "; ".join(parts)


class Step(Record):
    """One thing that a deploy does: data, until somebody runs it. A step may be run twice; the second time is harmless.

    Nothing in a step is secret: it is printed.
    """

    room: Literal["state", "target", "wait", "smoke", "flags"]
    """Who runs it; a target plans for itself alone."""
    action: str
    """Which of that room's actions, by the name that its executor knows."""
    what: str
    """What it does, for people, in one line."""
    arguments: dict[str, JsonValue] = {}
    """All that running it takes."""


class Plan(Record):
    """What a deploy is going to do."""

    environment: str
    target: str
    """The target's kind."""
    release: Release
    """What is to run."""
    before: Release | None
    """What is rolled back to where that fails; None for a first deploy."""
    live: Live
    """What ran when it was planned."""
    steps: tuple[Step, ...]
    """Empty where the release runs already."""


class MissingSecret(Record):
    """A secret that a target needs and was not given."""

    name: str
    """The environment's variable."""
    purpose: str
    """What it is for, in a few words."""
    argument: str
    """How a Dagger function takes it: `--aws-access-key-id env://AWS_ACCESS_KEY_ID`."""
