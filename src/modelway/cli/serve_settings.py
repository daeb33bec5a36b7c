"""The `serve` section: of a settings file where there is one, else the defaults; an image holds no settings file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelway.cli.settings import read_slice
from modelway.errors import SettingsError
from modelway.records.serve import ServeOptions
from modelway.settings import Override, find_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def serve_options(args: argparse.Namespace, flags: Sequence[Override]) -> ServeOptions:
    """The options, with every path absolute.

    Args:
        args: the parsed command line.
        flags: what the command's own flags override; `--set` overrides them in turn.

    Raises:
        SettingsError: the settings can't be used.
    """
    if args.config is None and not _has_settings():
        return _absolute(_by_themselves([*flags, *map(Override.parse, args.set)]), Path.cwd())
    settings, root = read_slice(args, flags)
    return _absolute(settings.serve, root)


def _has_settings() -> bool:
    try:
        find_settings(Path.cwd())
    except SettingsError:
        return False
    return True


def _by_themselves(overrides: Sequence[Override]) -> ServeOptions:
    values: dict[str, Any] = {}
    for override in overrides:
        if override.keys[0] != "serve" or len(override.keys) == 1:
            raise SettingsError("there is no settings file, so only keys of `serve` can be set", where=override.flag)
        place = values
        for key in override.keys[1:-1]:
            place = place.setdefault(key, {})
        place[override.keys[-1]] = override.value
    try:
        return ServeOptions.from_json(json.dumps(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["serve", *map(str, first["loc"])])
        raise SettingsError(
            f"{key}: {first['msg']}", where="--set", remedy="`modelway schema` lists every key."
        ) from error


def _absolute(options: ServeOptions, root: Path) -> ServeOptions:
    def resolve(path: str | None) -> str | None:
        return path if path is None or "://" in path else str(root / path)

    log = options.log.model_copy(update={"uri": resolve(options.log.uri), "spool": resolve(options.log.spool)})
    routing = options.routing.model_copy(update={"flags": resolve(options.routing.flags)})
    paths = {name: resolve(getattr(options, name)) for name in ("public_key", "rollout_page")}
    return options.model_copy(update={"log": log, "routing": routing, **paths})
