"""Records of `init` and `upgrade`: what was found in a stranger's project, and what is written there."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from modelway.errors import UsageError
from modelway.records.base import Record
from modelway.records.data import Task
from modelway.records.fit import Reference

_REFERENCE = re.compile(r"(?P<address>[A-Za-z0-9][\w.+-]*(?:://[\w.@:-]+)?(?:/[\w.+-]+)+)@(?P<version>[\w./+-]+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FOLDER = re.compile(r"[\w][\w .-]*(?:/[\w][\w .-]*)*")


class ModuleReference(Record):
    """The Dagger module that a project's workflows call."""

    address: str
    """Such as `github.com/OWNER/REPO`."""
    version: str
    """A tag, a branch or a commit."""
    commit: str | None = None
    """The commit that the version is, where that is known."""

    @classmethod
    def parse(cls, text: str, version: str, commit: str | None = None) -> Self:
        """Read `ADDRESS[@VERSION]`; without a version it is `version`. Raises `UsageError`."""
        match = _REFERENCE.fullmatch(text) or _REFERENCE.fullmatch(f"{text}@{version}")
        if match is None or len(match["address"].split("/")) < 3:
            raise UsageError(
                f"this names no Dagger module: {text!r}",
                where="--module",
                remedy="Give it as github.com/OWNER/REPO@VERSION.",
            )
        known = match["version"] if _COMMIT.fullmatch(match["version"]) else commit
        return cls(address=match["address"], version=match["version"], commit=known)

    def __str__(self) -> str:
        return f"{self.address}@{self.version}"

    @property
    def action(self) -> str:
        """What a workflow's `uses` calls the action beside the module, pinned by commit where that is known."""
        path = self.address.partition("://")[2] or self.address
        place = path.partition("/")[2]
        pinned = self.commit is not None and self.commit != self.version
        return f"{place}@{self.commit} # {self.version}" if pinned else f"{place}@{self.version}"


class WorkflowPlace(Record):
    """Where the settings lie in a repository, and what tells one model's workflows from another's there."""

    folder: str = ""
    """The settings' folder below the repository's, with forward slashes; empty for the repository's own."""
    prefix: str = ""
    """What the files' names begin with."""
    index: bool = False
    """Whether packages come from an index of one's own."""
    name: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*)?$")] = ""
    """The model's name, which its releases' tags begin with; empty where an earlier version wrote the workflow."""

    @model_validator(mode="after")
    def _can_stand_in_yaml(self) -> WorkflowPlace:
        if self.folder and not _FOLDER.fullmatch(self.folder):
            raise ValueError("workflows know only folders of letters, digits, spaces, points, hyphens and underscores")
        return self


class Marker(Record):
    """The first line of a workflow that `init` wrote."""

    version: str
    """modelway's."""
    module: ModuleReference
    place: WorkflowPlace
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of what follows the line."""


class State(StrEnum):
    """What is to be said of one file."""

    WRITTEN = "written"
    """It was not there, and is now; or it was brought up to date."""
    KEPT = "kept"
    """It was there and was not touched."""
    MISSING = "missing"
    DIFFERS = "differs"
    """It is there, and not what it should be."""
    EDITED = "edited"
    """The user changed a workflow of ours, and there is something new in it."""
    SAME = "same"
    """Nothing is to be done."""


class FileState(Record):
    """One file of a project."""

    path: str
    """Relative to the project, with forward slashes."""
    state: State
    reason: str = ""
    """Why it was kept, what differs, or what next."""
    diff: str = ""
    """A unified diff from what is there to what should be."""


class InitOptions(Record):
    """What a person wants of `init`; what is absent is looked up, guessed or asked for."""

    data: str | None = None
    """A file, folder, glob or `s3://` address; a path is relative to the project."""
    target: str | None = None
    """The column to predict."""
    task: Task | None = None
    """What kind of prediction."""
    positive: str | None = None
    """Of two classes, the one whose probability is meant."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)] | None = None
    """The model's name."""
    model: Reference | None = None
    """An estimator of the user's own, as `module:function`."""
    trusted: tuple[str, ...] = ()
    """Types that such an estimator may hold."""
    module: ModuleReference | None = None
    """The Dagger module."""
    workflows: bool = True
    """Whether workflows and dagger.json are written."""
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_-]*)?$")] | None = None
    """What the workflows' names begin with; the model's name in a subdirectory, else nothing."""
    private_index: bool | None = None
    """Whether packages come from an index of one's own; looked up when absent."""


class Adoption(Record):
    """What `init` did or would do."""

    name: str
    """The model's."""
    files: tuple[FileState, ...]
    notes: tuple[str, ...] = ()
    """What a person should look at."""
    target: str | None = None
    """What is predicted, where that was chosen now."""
    task: Task | None = None
    rows: int | None = None
    """Rows of the data set, where it was read now."""
