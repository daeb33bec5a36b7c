"""The registry of models: server, login, certificate, and the store of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.errors import OutsideError
from modelway.pipeline.doctor.findings import failed, not_checked, ok
from modelway.registry import look
from modelway.storage import is_writable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

CHECK = "registry"


def check_registry(scene: Scene) -> Iterator[Finding]:
    """Whether it answers to our credentials, and whether its files can be listed."""
    options = scene.settings.register_
    if scene.settings.prepare is None and options.tracking_uri.startswith("sqlite"):
        yield not_checked(CHECK, "the settings are those of one stage")
        return
    seen = look(options, scene.settings.name, scene.root, scene.credentials())
    if seen.versions is None:
        yield ok(CHECK, f"{seen.address} is not there yet; the first training makes it")
    else:
        yield ok(CHECK, f"{seen.address}, {seen.versions} versions of {scene.settings.name}")
    yield _files(scene, seen.artifacts, seen.files)
    if options.tracking_uri.startswith(("http://", "https://")):
        yield not_checked(f"{CHECK}: writing", "whether we may register is seen by the first registration alone")


def _files(scene: Scene, artifacts: str | None, files: int | None) -> Finding:
    name = f"{CHECK}: files"
    if files is not None:
        return ok(name, f"those of the newest version are listed at {artifacts}")
    if artifacts is None:
        return not_checked(name, "nothing is registered yet, and the server decides where files go")
    if not artifacts.startswith("file:"):
        return not_checked(name, f"they go to {artifacts}; nothing is registered yet that could be listed")
    folder = str(scene.root / scene.settings.register_.artifact_location)
    if is_writable(folder):
        return ok(name, folder)
    return failed(name, OutsideError("may not be written", where=folder, remedy="Give us the right to write there."))
