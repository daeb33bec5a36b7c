"""What changed in a project, its settings compared key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.atomic import scratch_directory
from modelway.errors import SettingsError
from modelway.records.changed import Category, Changes, RegistryChange
from modelway.records.settings import SettingsSlice
from modelway.settings import FILE_NAME, Override, load_slice

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from modelway.records.settings import Settings


def find_changes(
    args: argparse.Namespace,
    settings: Settings,
    root: Path,
    *,
    base: str,
    head: str | None = None,
    registry: RegistryChange | None = None,
    notes: Sequence[str] = (),
) -> Changes:
    """What changed between two revisions of a project, or from one to the files as they lie there.

    Args:
        args: the parsed command line, for `--config` and `--set`.
        settings: the settings as they are now.
        root: the directory of their file.
        base: the revision to compare with.
        head: the revision to look at; the files as they lie there when absent.
        registry: what the registry says, if it was asked.
        notes: what is to be told besides.

    Raises:
        UsageError: this is no repository, or a revision is unknown.
    """
    from modelway.checks import changes, revisions

    repository = revisions.open_repository(root)
    base = revisions.resolve(repository, base)
    head = None if head is None else revisions.resolve(repository, head)
    prepare = settings.prepare
    data = changes.data_globs([prepare.data.uri, *(part.uri for part in prepare.benchmarks.values())], root)
    file = args.config.name if args.config else FILE_NAME
    paths = revisions.changed_paths(repository, base, head)
    changed = changes.classify(paths, settings.changed, file, data)
    keys: tuple[str, ...] | None = ()
    if file in changed[Category.SETTINGS]:
        now = (root / file).read_bytes() if head is None else revisions.file_at(repository, head, file)
        keys = _differing_keys(revisions.file_at(repository, base, file), now, list(map(Override.parse, args.set)))
    if keys is None:
        notes = [*notes, f"{file} can't be read in both, so all of it counts as changed"]
    newer = registry is not None and registry.challenger is not None and registry.challenger > registry.known
    why = changes.reasons(changed, file, keys, new_version=newer)
    run = changes.commands_for(why)
    return Changes(
        base=base,
        head=head,
        changed=changed,
        settings_keys=keys or (),
        registry=registry,
        run=tuple(run),
        train_parts=changes.train_parts_for(why),
        because=run,
        notes=tuple(notes),
    )


def _differing_keys(before: bytes | None, after: bytes | None, overrides: Sequence[Override]) -> tuple[str, ...] | None:
    """The top-level keys whose values differ, defaults filled in; None where one of the two can't be read."""
    read = [_read(text, overrides) for text in (before, after) if text is not None]
    slices = [found for found in read if found is not None]
    if len(slices) < 2:
        return None
    return tuple(
        field.alias or name
        for name, field in SettingsSlice.model_fields.items()
        if getattr(slices[0], name) != getattr(slices[1], name)
    )


def _read(text: bytes, overrides: Sequence[Override]) -> SettingsSlice | None:
    """Settings of another time; None where this version of modelway can't read them."""
    with scratch_directory() as folder:
        path = folder / FILE_NAME
        path.write_bytes(text)
        try:
            return load_slice(path, overrides)
        except SettingsError:
            return None
