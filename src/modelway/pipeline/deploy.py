"""The `deploy` stage: a registered version in, a release that runs out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from modelway.bundle import public_key_text
from modelway.deploy.flow import Flow
from modelway.deploy.image import build_image, known_image, missing_login, name_image
from modelway.deploy.smoke import read_expected, smoke
from modelway.deploy.target import open_target
from modelway.errors import InputError, OutsideError, UsageError
from modelway.pipeline.bundles import BundleStore
from modelway.records.deploy import BundleRef, Release
from modelway.records.environment import LocalOptions
from modelway.records.progress import Progress, silent
from modelway.records.serving import ServingSettings
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modelway.deploy.target import Place, Target
    from modelway.pipeline.environment import Environment
    from modelway.records.deploy import MissingSecret
    from modelway.records.smoke import SmokeReport
    from modelway.registry import Registry


@dataclass(frozen=True)
class Wanted:
    """What is to be deployed.

    Attributes:
        champion: a version's number, alias or run.
        challengers: the same of versions to be tried beside it.
        image: the digest of an image that holds just these bundles; built where none is named.
        commit: the revision of the user's code.
        rebuild: whether an image is built also where one of the same bundles ran here before.
    """

    champion: str
    challengers: tuple[str, ...] = ()
    image: str | None = None
    commit: str | None = None
    rebuild: bool = False


def check_secrets(environment: Environment, target: Target, *, pushes: bool = False) -> None:
    """Raise `UsageError` that names every secret that is missing, before anything is begun.

    Args:
        environment: which one.
        target: its target.
        pushes: whether an image may have to be pushed, too.
    """
    missing = {one.name: one for one in (*target.missing(), *(_missing_login(environment) if pushes else ()))}
    if not missing:
        return
    name = environment.place.environment
    lines = [f"{one.name} ({one.purpose}): set it, or `dagger call {one.argument}`" for one in missing.values()]
    lines.append(f"With no account yet, `dagger call rehearse --env {name}` shows the whole of it with stand-ins.")
    raise UsageError(
        f"{len(missing)} secrets are missing: {', '.join(missing)}",
        where=f"environments.{name}",
        remedy=lines,
    )


def _missing_login(environment: Environment) -> tuple[MissingSecret, ...]:
    if isinstance(environment.place.options.target, LocalOptions):
        return ()
    return missing_login(environment.place)


def make_release(
    environment: Environment, store: BundleStore, wanted: Wanted, say: Callable[[str], None], *, build: bool = True
) -> Release:
    """Resolve, package and verify the bundles of a release, and find or build its image.

    Args:
        environment: where it is to run.
        store: gives the bundles.
        wanted: which versions, in which image.
        say: told what is done.
        build: whether an image may be built and pushed; else one that nobody named yet is not known.

    Raises:
        UsageError: there is no such version, one is named twice, or no image can be had.
        GateError: a version's gates did not pass.
        InputError: a bundle does not verify.
        OutsideError: the registry or the image's registry fails.
    """
    champion, version = store.bring(wanted.champion)
    say(f"{version.name} version {champion.version}: its bundle is {champion.digest[:12]}")
    challengers: list[BundleRef] = []
    for reference in wanted.challengers:
        ref, _ = store.bring(reference)
        say(f"challenger: version {ref.version}, its bundle is {ref.digest[:12]}")
        if ref.version in {champion.version, *(one.version for one in challengers)}:
            raise UsageError(
                f"version {ref.version} is named twice", where="--challenger", remedy="Name another version."
            )
        challengers.append(ref)
    commit = wanted.commit or version.tags.get("commit")
    release = Release(
        name=version.name,
        champion=champion,
        challengers=tuple(challengers),
        settings=release_settings(environment.place, champion, *challengers),
        commit=commit,
    )
    if isinstance(environment.place.options.target, LocalOptions):
        return release
    return release.model_copy(update={"image": _image(environment, release, wanted, say, build=build)})


def release_settings(place: Place, *bundles: BundleRef) -> ServingSettings | None:
    """Return the settings of a release of these bundles: with the code that those may use, and the text of the key.

    Raises:
        SettingsError: the key can't be read, or is not a public one.
        UsageError: they are too large, or hold a password.
    """
    found = place.settings
    serve = found.serve
    if serve.public_key is not None:
        serve = serve.model_copy(update={"public_key": public_key_text(serve.public_key)})
    trusted = join_names(found.trusted, *(ref.trusted for ref in bundles))
    settings = ServingSettings(serve=serve, trusted=trusted).checked()
    return settings if settings.text else None


def _image(
    environment: Environment, release: Release, wanted: Wanted, say: Callable[[str], None], *, build: bool
) -> str:
    """The image that is named, else one of the same bundles that ran here, else a new one."""
    place = environment.place
    if wanted.image is None and not wanted.rebuild:
        known = known_image(place, release, environment.state.read())
        if known is not None:
            return known
    if wanted.image is not None or not build:
        return name_image(place, wanted.image)
    return build_image(place, release, say)


def open_flow(
    environment: Environment,
    registry: Registry,
    owner: str,
    say: Callable[[str], None],
    progress: Progress = silent,
    private_key: Path | None = None,
    *,
    deploys: bool = False,
) -> tuple[Flow, BundleStore]:
    """The environment's flow; its smoke test knows what each release has to answer, and how to prove itself.

    Args:
        environment: which one.
        registry: gives the versions.
        owner: who we are, in words.
        say: told what is done.
        progress: told after each question of a smoke test.
        private_key: signs the bundles.
        deploys: whether a release may be deployed: then the token is created if there is none yet. Otherwise an
            unreadable token is only reported, because a rollback must not depend on it.

    Raises:
        InputError: the token can't be read.
        OutsideError: the environment's state fails.
    """
    try:
        token = environment.state.smoke_token(create=deploys)
    except (InputError, OutsideError) as error:
        if deploys:
            raise
        say(f"smoke requests will count as traffic: {error.what}")
        token = None
    place = replace(environment.place, smoke=None if token is None else sha256(token.encode()).hexdigest())
    store = BundleStore(place.bundles, registry, place.trust, place.package, private_key)

    def ask(release: Release, url: str) -> SmokeReport:
        served = [read_expected(store.directory(ref), ref.digest) for ref in (release.champion, *release.challengers)]
        return smoke(url, served, place.options.smoke, progress, token, release)

    return Flow(place, open_target(place), environment.state, ask, say, owner), store
