"""An environment of the settings, opened: its place, its state, its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.deploy.state import FLAGS, LOG, ROLLOUT_PAGE, EnvironmentState, below
from modelway.deploy.target import Place, open_target
from modelway.errors import UsageError
from modelway.records.environment import LocalOptions
from modelway.records.serving import explicit_settings
from modelway.records.trust import TRUST, read_names

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.deploy.target import Target
    from modelway.records.environment import EnvironmentOptions
    from modelway.records.serve import ServeOptions
    from modelway.records.serving import ServingSettings
    from modelway.records.settings import SettingsSlice
    from modelway.records.trust import Trust

BUNDLES = "bundles"
"""Where bundles lie by their digests, below `.modelway`."""


@dataclass(frozen=True)
class Environment:
    """One environment.

    Attributes:
        place: what its target is told.
        state: what is known of its releases.
    """

    place: Place
    state: EnvironmentState

    def target(self) -> Target:
        """Its target; raises `UsageError` where it has none."""
        return open_target(self.place)


def open_environment(settings: SettingsSlice, name: str, root: Path, secrets: Mapping[str, str]) -> Environment:
    """Open an environment; asks nobody outside.

    Args:
        settings: the settings.
        name: the environment's name.
        root: the directory of the settings file.
        secrets: the environment's variables, for the target's own clients.

    Raises:
        UsageError: there is no such environment, or MODELWAY_TRUST is malformed.
    """
    options = settings.environments.get(name)
    if options is None:
        raise UsageError(
            f"there is no environment {name!r}",
            where="--env",
            remedy=f"Known are: {', '.join(sorted(settings.environments))}.",
        )
    local = root / ".modelway" / "env" / name
    uri = located(options.state, root) or str(local)
    flags = located(options.flags, root) or below(uri, FLAGS)
    log = located(options.log, root) or below(uri, LOG)
    trust = settings.trust(root).with_names(read_names(secrets.get(TRUST, ""), TRUST))
    place = Place(
        environment=name,
        model=settings.name,
        options=options,
        serve=_served(settings.serve, trust, options, flags, log, local),
        settings=_explicit(settings.serve, trust, options),
        root=root,
        state=local,
        bundles=root / ".modelway" / BUNDLES,
        flags=flags,
        log=log,
        secrets=secrets,
        package=settings.package,
        trust=trust,
    )
    return Environment(place, EnvironmentState(uri, options.s3))


def _served(
    options: ServeOptions, trust: Trust, environment: EnvironmentOptions, flags: str, log: str, local: Path
) -> ServeOptions:
    """The options of this environment's servers, with every path absolute."""
    return options.model_copy(
        update={
            "routing": options.routing.model_copy(update={"flags": flags}),
            "log": options.log.model_copy(update={"uri": log, "spool": str(local / "spool")}),
            "public_key": trust.public_key,
            "require_signature": trust.require_signature,
            # Servers elsewhere have no such file, and everybody may ask them.
            "rollout_page": str(local / ROLLOUT_PAGE) if isinstance(environment.target, LocalOptions) else None,
            "s3": environment.s3,
        }
    )


def _explicit(options: ServeOptions, trust: Trust, environment: EnvironmentOptions) -> ServingSettings:
    """What of them the project sets, as its next release carries it."""
    return explicit_settings(
        options,
        s3=environment.s3,
        require_signature=trust.require_signature,
        public_key=trust.public_key,
        workers=environment.workers,
        trusted=trust.names,
    )


def located(path: str | None, root: Path) -> str | None:
    """An address of the settings, from their file's directory on."""
    return path if path is None or "://" in path else str(root / path)
