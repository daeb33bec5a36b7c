"""How a server is to serve: by the settings file it is given, by those of its release, by those of the project."""

from __future__ import annotations

import json
import os
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelway.cli.settings import read_slice
from modelway.cli.trust import find_trust
from modelway.errors import SettingsError
from modelway.parsing import parse_json
from modelway.records.serving import SETTINGS, ServingSettings, explicit_settings
from modelway.records.trust import locate_key
from modelway.settings import Override, find_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from modelway.records.serve import ServeOptions
    from modelway.records.trust import Trust


@dataclass(frozen=True)
class Served:
    """How a server is to serve.

    Attributes:
        options: with every path absolute.
        trust: what bundles may use, and who has to have signed them.
        settings: what of it is set, without this command's own flags where a release set it.
        source: what it was read from, for people.
    """

    options: ServeOptions
    trust: Trust
    settings: ServingSettings
    source: str


def read_served(args: argparse.Namespace, flags: Sequence[Override]) -> Served:
    """Read how to serve.

    Args:
        args: the parsed command line.
        flags: what the command's own flags override; `--set` overrides them in turn.

    Raises:
        SettingsError: the settings can't be used.
        UsageError: the name of a trusted type or function is malformed.
    """
    text = os.environ.get(SETTINGS, "")
    if args.config is None and (text or not _has_settings(args)):
        return _of_release(args, [*flags, *map(Override.parse, args.set)], text)
    settings, root = read_slice(args, flags)
    trust = find_trust(args, settings, root)
    own = explicit_settings(
        settings.serve,
        s3=settings.serve.s3,
        require_signature=trust.require_signature,
        public_key=trust.public_key,
        trusted=trust.names,
    )
    return Served(_absolute(settings.serve, root), trust, own, str(root))


def _has_settings(args: argparse.Namespace) -> bool:
    """Whether this is a project; what lies inside a bundle says nothing of how it is served."""
    try:
        found = find_settings(Path.cwd()).resolve()
    except SettingsError:
        return False
    bundles = [path for path in (args.bundle, *args.challenger) if path is not None]
    return not any(found.is_relative_to(path.resolve()) for path in bundles)


def _of_release(args: argparse.Namespace, overrides: Sequence[Override], text: str) -> Served:
    """By the variable that a deploy sets, or the defaults where it is not set."""
    try:
        settings = ServingSettings.from_json(text or "{}")
    except ValidationError as error:
        raise _refused(error, SETTINGS) from error
    values = parse_json(settings.text or "{}").get("serve", {})
    for override in overrides:
        if override.keys[0] != "serve" or len(override.keys) == 1:
            raise SettingsError("there is no settings file, so only keys of `serve` can be set", where=override.flag)
        _put(values, override)
    try:
        options = _absolute(type(settings.serve).from_json(json.dumps(values)), Path.cwd())
    except ValidationError as error:
        raise _refused(error, "--set", "serve") from error
    policy = {"public_key": options.public_key, "require_signature": options.require_signature}
    trust = find_trust(args).with_names(settings.trusted).model_copy(update=policy)
    return Served(options, trust, settings, SETTINGS if text else "defaults")


def _put(values: dict[str, Any], override: Override) -> None:
    for key in override.keys[1:-1]:
        values = values.setdefault(key, {})
        if not isinstance(values, dict):
            raise SettingsError(f"{key!r} holds a single value and has no keys below it", where=override.flag)
    values[override.keys[-1]] = deepcopy(override.value)


def _refused(error: ValidationError, where: str, *prefix: str) -> SettingsError:
    """The first thing that is wrong with settings that come from no file."""
    first = error.errors(include_input=False, include_url=False)[0]
    key = ".".join([*prefix, *map(str, first["loc"])])
    remedy = "`modelway schema` lists every key."
    if first["type"] == "extra_forbidden" and where == SETTINGS:
        remedy = "The modelway that set it is newer than this one: build the image again (`modelway deploy --rebuild`)."
    return SettingsError(f"{key}: {first['msg']}" if key else first["msg"], where=where, remedy=remedy)


def _absolute(options: ServeOptions, root: Path) -> ServeOptions:
    def resolve(path: str | None) -> str | None:
        return path if path is None or "://" in path else str(root / path)

    log = options.log.model_copy(update={"uri": resolve(options.log.uri), "spool": resolve(options.log.spool)})
    routing = options.routing.model_copy(update={"flags": resolve(options.routing.flags)})
    page, key = resolve(options.rollout_page), locate_key(options.public_key, root)
    return options.model_copy(update={"log": log, "routing": routing, "rollout_page": page, "public_key": key})
