"""`upgrade`: the workflows that `init` wrote, brought to this version's."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

import modelway
from modelway.adopt import dagger_json
from modelway.adopt.marker import is_edited, read_marker
from modelway.adopt.plan import find_markers, path_in
from modelway.adopt.rendering import FOLDER, render_workflows
from modelway.adopt.writing import write_all
from modelway.errors import UsageError
from modelway.records.adopt import FileState, ModuleReference, State

if TYPE_CHECKING:
    from modelway.adopt.looking import Found
    from modelway.records.adopt import Marker


def upgrade(
    found: Found, module: ModuleReference | None, *, force: bool = False, write: bool = True
) -> list[FileState]:
    """Bring workflows and `dagger.json` to this version's.

    Args:
        found: the project.
        module: the Dagger module in the place of the one that they name. Without one, a module of the version that the
            workflow was written by moves on with modelway's, and any other stays.
        force: whether what the user edited is overwritten.
        write: whether anything is written at all.

    Returns:
        What was done, or would be: `written` (or `differs`) with its diff; `edited`: it has a diff and was left alone;
        `kept`: edited, and there is nothing new in it, or it is nobody's; `missing`: new in this version; `same`.

    Raises:
        InputError: dagger.json is torn, or something came between.
        OutsideError: the file system fails.
        UsageError: no workflow here was written by `init`.
    """
    markers = find_markers(found)
    if not markers:
        raise UsageError(
            "no workflow here was written by `modelway init`",
            where=str(found.repository / FOLDER),
            remedy="Run `modelway init` first.",
        )
    changes: dict[str, str] = {}
    states = []
    for path, marker in markers.items():
        text = render_workflows(_moved(marker, module), marker.place).get(path)
        states.append(_judge(found, path, marker, text, changes, force=force))
    some = next(iter(markers.values()))
    states += [
        FileState(path=path, state=State.MISSING, reason="new here: `modelway init` writes it")
        for path in render_workflows(_moved(some, module), some.place)
        if path not in markers and not (found.repository / path).exists()
    ]
    if (state := _judge_dagger(found, markers, module, changes)) is not None:
        states.append(state)
    if not write:
        return states
    write_all(found.repository, {}, changes, markers)
    return [one.model_copy(update={"state": State.WRITTEN}) if one.path in changes else one for one in states]


def _moved(marker: Marker, module: ModuleReference | None) -> ModuleReference:
    """The module that a workflow is to call."""
    if module is not None:
        return module
    if marker.module.version != f"v{marker.version}":
        return marker.module
    return ModuleReference(address=marker.module.address, version=f"v{modelway.__version__}")


def _judge(
    found: Found, path: str, marker: Marker, text: str | None, changes: dict[str, str], *, force: bool
) -> FileState:
    content = (found.repository / path).read_text(encoding="utf-8", errors="replace")
    if text is None:
        return FileState(path=path, state=State.KEPT, reason="this version has no such workflow; remove it yourself")
    if content == text:
        return FileState(path=path, state=State.SAME)
    newest = read_marker(text)
    edited = is_edited(content, marker)
    if edited and not force:
        if newest is not None and newest.digest == marker.digest:
            return FileState(path=path, state=State.KEPT, reason="edited, and nothing is new in it")
        return FileState(path=path, state=State.EDITED, reason="edited", diff=_diff(path, content, text))
    changes[path] = text
    reason = "edited; --force" if edited else ""
    return FileState(path=path, state=State.DIFFERS, reason=reason, diff=_diff(path, content, text))


def _judge_dagger(
    found: Found, markers: dict[str, Marker], module: ModuleReference | None, changes: dict[str, str]
) -> FileState | None:
    """`dagger.json`, where it depends on the module that a workflow calls."""
    file, path = found.root / dagger_json.FILE, path_in(found, dagger_json.FILE)
    if not file.is_file() or (source := dagger_json.dependency_in(file)) is None:
        return None
    marker = next((one for one in markers.values() if str(one.module) == source), None)
    if marker is None:
        return FileState(path=path, state=State.KEPT, reason=f"it depends on {source}, which no workflow calls")
    wanted = _moved(marker, module)
    if str(wanted) == source:
        return FileState(path=path, state=State.SAME)
    content, text = file.read_text(encoding="utf-8"), dagger_json.with_dependency(file, wanted)
    changes[path] = text
    return FileState(path=path, state=State.DIFFERS, diff=_diff(path, content, text))


def _diff(path: str, before: str, after: str) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
