"""From paths that changed to what has to run. What nobody knows runs everything."""

from __future__ import annotations

import posixpath
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from modelway.records.changed import Category

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from modelway.records.changed import ChangedOptions

CI = ("check-code", "check-data", "test", "audit", "smoke-train")
"""The parts of `ci`."""
TRAIN_PARTS = ("prepare", "fit", "evaluate", "register")
"""The parts of `train`; when one runs again, so do those after it."""
COMMANDS = (*CI, "train", "package", "deploy")
"""What can have to run, in the order in which it does."""
NEW_VERSION = "new version"
"""What asks for commands when the registry has a version that was not known."""

_BY_CATEGORY: dict[str, tuple[str, ...]] = {
    Category.CODE: ("check-code", "test", "audit", "smoke-train", "train"),
    Category.DATA: ("check-data", "train"),
    Category.MODEL: ("audit",),
    Category.DOCS: (),
    Category.OTHER: (*CI, "train"),
    NEW_VERSION: ("package", "deploy"),
}
_BY_KEY: dict[str, tuple[str, ...]] = {
    "name": ("train",),
    "prepare": ("check-data", "smoke-train", "train"),
    "fit": ("smoke-train", "train"),
    "evaluate": ("smoke-train", "train"),
    "register": ("train",),
    "package": ("deploy",),
    "serve": ("deploy",),
    "environments": ("deploy",),
    "batch": (),  # these run by the clock, and read them then
    "monitor": (),
    "rollout": (),
    "changed": (*CI, "train"),  # what it says now may hide what it said before
} | {part.replace("-", "_"): (part,) for part in CI}
_FIRST_PART = {"fit": "fit", "evaluate": "evaluate", "register": "register"}
"""The first part of `train` that sees a key of the settings; all others begin at the beginning."""


def classify(
    paths: Iterable[str], options: ChangedOptions, settings_file: str, data: Sequence[str] = ()
) -> dict[Category, tuple[str, ...]]:
    """What each path is; those outside of the project's directory count only where a glob with `../` claims them.

    Args:
        paths: relative to the project's directory.
        options: which globs name what.
        settings_file: the settings file's name.
        data: globs of what is data besides.
    """
    globs = {
        Category.CODE: options.code,
        Category.DATA: (*options.data, *data),
        Category.MODEL: options.model,
        Category.SETTINGS: (*options.settings, settings_file),
        Category.DOCS: options.docs,
    }
    found: dict[Category, list[str]] = {category: [] for category in Category}
    for path in sorted(paths):
        claimed = [category for category, patterns in globs.items() if matches(patterns, path)]
        if not claimed and not path.startswith("../") and not matches(options.ignore, path):
            claimed = [Category.OTHER]
        for category in claimed:
            found[category].append(path)
    return {category: tuple(claimed) for category, claimed in found.items()}


def matches(patterns: Iterable[str], path: str) -> bool:
    """Whether globs claim a path: the last one that matches decides, and one with `!` before it says no."""
    claimed = False
    for pattern in patterns:
        glob = pattern.removeprefix("!")
        # `**/*.py` means the project's own files; what lies outside of it has to be named as such.
        if path.startswith("../") == glob.startswith("../") and _compiled(glob).fullmatch(path):
            claimed = glob == pattern
    return claimed


def data_globs(addresses: Iterable[str], root: Path) -> list[str]:
    """Globs for what lies at the addresses of data sets, as far as those are files and folders.

    Args:
        addresses: as the settings hold them: files, folders, globs, `s3://`.
        root: the directory of the settings file.
    """
    local = [posixpath.relpath(root / address, root) for address in addresses if "://" not in address]
    return [glob for path in local for glob in (path, f"{path}/**")]


def reasons(
    changed: Mapping[Category, Sequence[str]], settings_file: str, keys: Iterable[str] | None, *, new_version: bool
) -> list[str]:
    """Everything that asks for commands: a category, `settings.KEY`, `NEW_VERSION`.

    Args:
        changed: paths by category.
        settings_file: the settings file's name.
        keys: its top-level keys whose values differ; None where that can't be told.
        new_version: whether the registry has a version that was not known.
    """
    found = [category.value for category, paths in changed.items() if paths and category is not Category.SETTINGS]
    if keys is None or set(changed[Category.SETTINGS]) - {settings_file}:
        found.append(Category.SETTINGS.value)  # which keys, nobody knows
    found += [f"{Category.SETTINGS}.{key}" for key in keys or ()]
    return [*found, NEW_VERSION] if new_version else found


def commands_for(why: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The commands that have to run, in order, each with what asks for it."""
    asked = {reason: _commands(reason) for reason in why}
    return {
        command: tuple(reason for reason, commands in asked.items() if command in commands)
        for command in COMMANDS
        if any(command in commands for commands in asked.values())
    }


def train_parts_for(why: Iterable[str]) -> tuple[str, ...]:
    """The parts of `train` whose inputs changed, given what asks for it."""
    asking = [reason for reason in why if "train" in _commands(reason)]
    firsts = [TRAIN_PARTS.index(_FIRST_PART.get(_key(reason), TRAIN_PARTS[0])) for reason in asking]
    return TRAIN_PARTS[min(firsts) :] if firsts else ()


def _commands(reason: str) -> tuple[str, ...]:
    table = _BY_KEY if _key(reason) else _BY_CATEGORY
    return table.get(_key(reason) or reason, _BY_CATEGORY[Category.OTHER])


def _key(reason: str) -> str:
    """The key of `settings.KEY`; nothing of any other reason."""
    return reason.partition(".")[2]


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression for a whole path."""
    special = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"((?:^|(?<=/))\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(special.get(part, re.escape(part)) for part in parts), re.DOTALL)
