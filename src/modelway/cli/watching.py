"""What the commands that watch a model have in common: its settings, its log, its baseline, and from when to when."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.registry import open_registry, registry_overrides
from modelway.cli.settings import address, read_slice
from modelway.errors import ModelwayError, SettingsError, UsageError
from modelway.settings import find_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from modelway.pipeline.baselines import Reference
    from modelway.pipeline.environment import Environment
    from modelway.records.data import S3Options
    from modelway.records.monitor import MonitorOptions
    from modelway.records.progress import Progress
    from modelway.records.rollout_state import Rollout
    from modelway.records.settings import SettingsSlice
    from modelway.settings import Override

_AGO = re.compile(r"(\d+(?:\.\d+)?)([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@dataclass(frozen=True)
class Scene:
    """Where a command looks.

    Attributes:
        options: the settings' `monitor`.
        settings: all of them; None where there is no file.
        root: the directory of the settings file.
    """

    options: MonitorOptions
    settings: SettingsSlice | None
    root: Path

    @property
    def cache(self) -> Path:
        """Where objects of `s3://` addresses are kept."""
        return self.root / ".modelway" / "cache"

    @property
    def s3(self) -> S3Options:
        """Where `s3://` leads: the section's own, else that of the log, else that of the data."""
        options = [self.options.s3]
        if self.settings is not None:
            options += [self.settings.serve.s3, *([self.settings.prepare.s3] if self.settings.prepare else [])]
        return next((one for one in options if one != type(one)()), options[0])

    def path(self, uri: str) -> str:
        """An address of the settings, from their file's directory on."""
        return uri if "://" in uri else str(self.root / uri)

    @property
    def hashed(self) -> tuple[str, ...]:
        """The columns that the log holds hashes of: by the release that runs, else by the project's settings.

        A record of releases that can't be read stops no monitoring.
        """
        environment = environment_of(self)
        try:
            release = None if environment is None else environment.state.read().current
        except ModelwayError:
            release = None
        if release is not None and release.settings is not None:
            return release.settings.serve.log.hashed
        return () if self.settings is None else self.settings.serve.log.hashed


def add_time_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say from when to when a log is read."""
    parser.add_argument(
        "--since",
        metavar="TIME",
        help="of a prediction log, read from then on: ISO 8601, or 24h, 7d ago (default: 24h)",
    )
    parser.add_argument("--until", metavar="TIME", help="and up to then (default: now)")


def read_scene(args: argparse.Namespace, flags: Sequence[Override] = ()) -> Scene:
    """The settings where there are any; a command whose flags name everything needs none."""
    from modelway.records.monitor import MonitorOptions

    if args.config is None and not args.set:
        try:
            find_settings(Path.cwd())
        except SettingsError:
            return Scene(_overridden(MonitorOptions(), flags), None, Path.cwd())
    settings, root = read_slice(args, flags)
    return Scene(settings.monitor, settings, root)


def environment_of(scene: Scene) -> Environment | None:
    """The environment that is watched; None where nothing was ever delivered to it from here."""
    from modelway.pipeline.environment import open_environment

    if scene.settings is None:
        return None
    found = open_environment(scene.settings, scene.options.environment, scene.root, os.environ)
    return found if "://" in found.state.uri or Path(found.state.uri).is_dir() else None


def log_of(scene: Scene, given: str | None, flag: str = "--predictions") -> str:
    """The prediction log that is asked for: else the environment's own, else that of a bare `modelway serve`."""
    if given is not None:
        return address(given)
    if scene.options.log is not None:
        return scene.path(scene.options.log)
    if scene.settings is None:
        raise UsageError("no prediction log is named", remedy=f"Name one with {flag}, or set monitor.log.")
    if (environment := environment_of(scene)) is not None:
        return environment.place.log
    return scene.path(scene.settings.serve.log.uri)


def log_cache(root: Path) -> Path:
    """Where copies of a log in a bucket are kept; apart from those of a rollout, which needs other hours."""
    return root / ".modelway" / "cache" / "monitor"


def newest_rollout(scene: Scene) -> Rollout | None:
    """The environment's newest rollout; None where it never had one."""
    environment = environment_of(scene)
    if environment is None:
        return None
    from modelway.rollout.store import RolloutStore

    return RolloutStore(environment.state.uri, environment.state.s3).read()


def released_at(scene: Scene) -> datetime | None:
    """When the live release was put there, by the environment's own record; None where that has none."""
    environment = environment_of(scene)
    events = environment.state.read().events if environment is not None else ()
    last = next((event for event in reversed(events) if event.what != "failed"), None)
    return moment(last.time, datetime.now(UTC), "released") if last is not None and last.what == "deployed" else None


def reference_of(args: argparse.Namespace, scene: Scene, given: str | None, progress: Progress) -> Reference:
    """The baseline that is asked for; the live champion's where none is named."""
    from modelway.pipeline.baselines import champion_reference, open_reference

    uri = address(given) if given is not None else None
    if uri is None and scene.options.baseline is not None:
        uri = scene.path(scene.options.baseline)
    if uri is not None:
        prepare = scene.settings.prepare if scene.settings is not None else None
        slices = scene.options.drift.slices or ()
        return open_reference(uri, scene.s3, scene.cache, prepare=prepare, slices=slices, progress=progress)
    if scene.settings is None:
        raise UsageError("no baseline is named", remedy="Name one with --baseline, or set monitor.baseline.")
    settings, root = read_slice(args, registry_overrides(args))
    return champion_reference(open_registry(settings, root))


def span(args: argparse.Namespace, hours: float, now: datetime | None = None) -> tuple[datetime, datetime]:
    """The first moment and the end of what is looked at, in UTC."""
    now = now or datetime.now(UTC)
    until = moment(args.until, now, "--until") if args.until else now
    since = moment(args.since, until, "--since") if args.since else until - timedelta(hours=hours)
    if since >= until:
        raise UsageError(
            "the time asked for ends before it begins", where=f"{since.isoformat()} to {until.isoformat()}"
        )
    return since, until


def moment(text: str, now: datetime, flag: str) -> datetime:
    """A time: ISO 8601 (UTC where it has no zone), or how long ago."""
    if ago := _AGO.fullmatch(text):
        return now - float(ago[1]) * _UNITS[ago[2]]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", where=flag, remedy="Give ISO 8601, or 30m, 24h, 7d, 2w.") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _overridden(options: MonitorOptions, flags: Sequence[Override]) -> MonitorOptions:
    """The defaults with what the command's own flags say; those are all below `monitor`."""
    import json

    from pydantic import ValidationError

    from modelway.records.monitor import MonitorOptions

    values = json.loads(options.model_dump_json())
    for flag in flags:
        place = values
        for key in flag.keys[1:-1]:
            place = place[key]
        place[flag.keys[-1]] = flag.value
    try:
        return MonitorOptions.from_json(json.dumps(values))
    except ValidationError as error:
        raise UsageError(error.errors()[0]["msg"], where=" ".join(flag.flag for flag in flags)) from error


def labels_of(scene: Scene, given: str | None) -> str | None:
    """Where the labels are, if anybody said."""
    if given is not None:
        return address(given)
    return scene.path(scene.options.performance.labels) if scene.options.performance.labels is not None else None


def slices_of(scene: Scene) -> tuple[str, ...]:
    """The columns whose values are measured one by one."""
    evaluated = scene.settings.evaluate.slices if scene.settings is not None else ()
    return scene.options.performance.slices or evaluated
