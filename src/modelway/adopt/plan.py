"""What is to be written into a project, and what is said of each file that is there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway.adopt import dagger_json, ignoring
from modelway.adopt.marker import is_edited, read_marker
from modelway.adopt.rendering import FOLDER, render_workflows
from modelway.records.adopt import Adoption, FileState, State

if TYPE_CHECKING:
    from modelway.adopt.looking import Found
    from modelway.records.adopt import Marker, ModuleReference, WorkflowPlace
    from modelway.records.data import Task


@dataclass
class Plan:
    """What is to be written, and what is said of each file."""

    name: str
    files: list[FileState] = field(default_factory=list)
    new: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    target: str | None = None
    task: Task | None = None
    rows: int | None = None

    def add(self, path: str, text: str) -> None:
        """A file that is not there."""
        self.new[path] = text
        self.files.append(FileState(path=path, state=State.MISSING))

    def keep(self, path: str, reason: str, state: State = State.KEPT) -> None:
        """A file that is there."""
        self.files.append(FileState(path=path, state=state, reason=reason))

    @property
    def told(self) -> Adoption:
        """The plan as a record."""
        return Adoption(
            name=self.name,
            files=tuple(self.files),
            notes=tuple(self.notes),
            target=self.target,
            task=self.task,
            rows=self.rows,
        )


def find_markers(found: Found) -> dict[str, Marker]:
    """The workflows of this project that `init` wrote, by their path in the repository."""
    markers = {}
    for path in sorted((found.repository / FOLDER).glob("*.yml")):
        marker = read_marker(path.read_text(encoding="utf-8", errors="replace"))
        if marker is not None and marker.place.folder == found.folder:
            markers[f"{FOLDER}/{path.name}"] = marker
    return markers


def plan_workflows(plan: Plan, found: Found, module: ModuleReference, place: WorkflowPlace) -> None:
    """The workflows: those that are not there, and what is to be said of the others."""
    for path, text in render_workflows(module, place).items():
        file = found.repository / path
        if not os.path.lexists(file):
            plan.add(path, text)
            continue
        content = file.read_text(encoding="utf-8", errors="replace")
        marker, newest = read_marker(content), read_marker(text)
        if marker is None:
            plan.keep(path, "it is there, and not one of modelway's")
        elif content == text:
            plan.keep(path, "", State.SAME)
        elif is_edited(content, marker):
            news = newest is not None and marker.digest != newest.digest
            plan.keep(
                path, "edited" + (": see `modelway upgrade`" if news else ""), State.EDITED if news else State.KEPT
            )
        else:
            plan.keep(path, f"of version {marker.version}, {marker.module}: see `modelway upgrade`", State.DIFFERS)


def plan_dagger(plan: Plan, found: Found, module: ModuleReference) -> None:
    """`dagger.json`, or what it lacks."""
    file, path = found.root / dagger_json.FILE, path_in(found, dagger_json.FILE)
    if not os.path.lexists(file):
        plan.add(path, dagger_json.dagger_json(plan.name, module))
        return
    source = dagger_json.dependency_in(file)
    if source is None:
        plan.keep(path, f"it does not depend on modelway: `dagger install {module}`", State.DIFFERS)
    elif source != str(module):
        plan.keep(path, f"it depends on {source}: see `modelway upgrade`", State.DIFFERS)
    else:
        plan.keep(path, "", State.SAME)


def plan_ignored(plan: Plan, found: Found) -> None:
    """What `.gitignore` lacks."""
    path = path_in(found, ignoring.FILE)
    lines = ignoring.lacking(found.root)
    if not lines:
        plan.keep(path, "", State.SAME)
    elif (found.root / ignoring.FILE).is_file():
        plan.replaced[path] = ignoring.with_lines(found.root, lines)
        plan.keep(path, f"lacks {' '.join(lines)}", State.DIFFERS)
    else:
        plan.add(path, ignoring.with_lines(found.root, lines))


def path_in(found: Found, name: str) -> str:
    """A file's path in the repository."""
    return f"{found.folder}/{name}" if found.folder else name
