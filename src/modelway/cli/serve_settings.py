"""The `serve` section: of a settings file where there is one, else the defaults; an image holds no settings file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelway.cli.settings import read_slice
from modelway.cli.trust import find_trust
from modelway.errors import SettingsError
from modelway.records.serve import ServeOptions
from modelway.settings import Override, find_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from modelway.records.trust import Trust


def serve_options(args: argparse.Namespace, flags: Sequence[Override]) -> tuple[ServeOptions, Trust]:
    """Return the options, with every path absolute, and what bundles may use and who has to have signed them.

    Args:
        args: the parsed command line.
        flags: what the command's own flags override; `--set` overrides them in turn.

    Raises:
        SettingsError: the settings can't be used.
        UsageError: the name of a trusted type or function is malformed.
    """
    if args.config is None and not _has_settings(args):
        options = _absolute(_by_themselves([*flags, *map(Override.parse, args.set)]), Path.cwd())
        policy = {"public_key": options.public_key, "require_signature": options.require_signature}
        return options, find_trust(args).model_copy(update=policy)
    settings, root = read_slice(args, flags)
    return _absolute(settings.serve, root), find_trust(args, settings, root)


def _has_settings(args: argparse.Namespace) -> bool:
    """Whether this is a project; what lies inside a bundle says nothing of how it is served."""
    try:
        found = find_settings(Path.cwd()).resolve()
    except SettingsError:
        return False
    return not any(found.is_relative_to(path.resolve()) for path in (args.bundle, *args.challenger))


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
