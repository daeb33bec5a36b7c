"""The port behind which every target lies: at most four methods, one conformance suite (`tests/deploy/conformance`)."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from modelway.errors import UsageError
from modelway.records.package import PackageOptions
from modelway.records.serving import ServingSettings
from modelway.records.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from modelway.records.deploy import Live, MissingSecret, Release, Step
    from modelway.records.environment import EnvironmentOptions
    from modelway.records.serve import ServeOptions

KINDS = ("local", "ecs", "kubernetes")
"""The targets; each is the module or package of this room with that name, and has `open_target(place)`."""


@dataclass(frozen=True)
class Place:
    """All that a target is told of where it is to run what.

    Attributes:
        environment: the environment's name.
        model: the model's name.
        options: the environment's settings; `options.target` is of the target's own kind.
        serve: how servers would serve by the project's settings of today; paths in it are absolute. How they do is up
            to their release: see `served`.
        settings: what of that the project sets explicitly: the settings of its next release.
        root: the directory of the settings file.
        state: a local directory for what the target itself keeps on this machine.
        bundles: the local directory where each bundle of a release lies under its digest.
        flags: the address of the flag document that servers poll.
        log: the address of the prediction log that servers write.
        secrets: the environment's variables, by name. They go to the target's own clients and nowhere else: not into
            argv, steps, errors, logs or files.
        package: how a version becomes a bundle.
        smoke: SHA-256 (hexadecimal) of the token by which smoke tests prove themselves, for the servers; no secret.
            None where there is none yet.
        trust: what the project allows and demands of bundles.
    """

    environment: str
    model: str
    options: EnvironmentOptions
    serve: ServeOptions
    root: Path
    state: Path
    bundles: Path
    flags: str
    log: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    package: PackageOptions = field(default_factory=PackageOptions)
    smoke: str | None = None
    trust: Trust = field(default_factory=Trust)
    settings: ServingSettings = field(default_factory=ServingSettings)

    def served(self, release: Release | None) -> ServeOptions:
        """Return how the servers of a release serve: by its own settings, at the addresses of this environment."""
        own, here = (ServingSettings() if release is None else release.given).serve, self.serve
        addresses = {"uri": here.log.uri, "spool": here.log.spool}
        return own.model_copy(
            update={
                "log": own.log.model_copy(update=addresses),
                "routing": own.routing.model_copy(update={"flags": here.routing.flags}),
                "rollout_page": here.rollout_page,
            }
        )


class Target(Protocol):
    """Something that runs releases. It keeps nothing in memory: after a crash, a new object goes on."""

    def missing(self) -> tuple[MissingSecret, ...]:
        """The secrets that are needed and were not given; asks nobody outside."""
        ...

    def inspect(self) -> Live:
        """What runs now; changes nothing.

        Raises:
            OutsideError: it can't be found out.
        """
        ...

    def plan(self, wanted: Release | None, live: Live) -> tuple[Step, ...]:
        """The steps from what runs to what is wanted; pure: no I/O, the same arguments give the same steps.

        Args:
            wanted: the release, by the settings of now; one with a `revision`, or with what was `applied` for it, is to
                run as it did, whatever the settings have become. None to run nothing any more.
            live: what `inspect` gave.

        Returns:
            Steps of room `target`, none where what is wanted runs or is on its way already.

        Raises:
            UsageError: the settings don't allow it (no image is named, a path where servers need s3://).
        """
        ...

    def apply(self, step: Step) -> None:
        """Run one of the steps. It returns when the step was accepted, not when all replicas have followed.

        Run again after an interruption at any point, it ends where it would have ended without.

        Raises:
            OutsideError: the outside system refused or failed; what ran before still runs.
        """
        ...


def open_target(place: Place) -> Target:
    """The environment's target.

    Raises:
        UsageError: the environment names none, or what the target needs is not installed.
    """
    options = place.options.target
    if options is None:
        raise UsageError(
            "the environment names no target",
            where=f"environments.{place.environment}.target",
            remedy=f"Give it a kind: {', '.join(KINDS)}. examples/loans/modelway.yaml explains each.",
        )
    name = f"modelway.deploy.{options.kind}"
    if importlib.util.find_spec(name) is None:
        raise UsageError(
            f"this version of modelway has no target {options.kind!r}",
            where=f"environments.{place.environment}.target",
            remedy="`--env local` runs on this machine.",
        )
    module: Any = importlib.import_module(name)
    target: Target = module.open_target(place)
    return target
