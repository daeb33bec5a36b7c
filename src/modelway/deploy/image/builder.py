"""Builds and pushes an image with whichever container CLI is here."""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.atomic import scratch_directory
from modelway.deploy.image.commands import PROGRAMS, Job, build_commands, login_command
from modelway.deploy.image.context import image_arguments, write_context
from modelway.deploy.image.labels import image_labels
from modelway.deploy.image.login import login_to
from modelway.deploy.image.naming import image_options, image_tags, name_image
from modelway.errors import OutsideError, UsageError
from modelway.escaping import printable_lines
from modelway.parsing import parse_json
from modelway.records.trust import join_names
from modelway.waiting import VARIABLE, default_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modelway.deploy.image.login import Login
    from modelway.deploy.target import Place
    from modelway.records.deploy import Release

_LAST_LINES = 15


def build_image(place: Place, release: Release, say: Callable[[str], None]) -> str:
    """Build the image of a release's bundles, push it under its tags, and give `REPOSITORY@sha256:DIGEST`.

    Args:
        place: the environment; `place.bundles` holds the bundles.
        release: what goes into the image.
        say: told what is done.

    Raises:
        UsageError: no container CLI is here, or the settings name no repository.
        OutsideError: the build, the login or the push failed.
    """
    options = image_options(place)
    program = find_program(place.secrets.get("PATH"))
    bundles = [place.bundles / ref.digest for ref in (release.champion, *release.challengers)]
    with scratch_directory() as directory:
        context, scratch = directory / "context", directory / "scratch"
        context.mkdir()
        scratch.mkdir(mode=0o700)
        locks = write_context(context, bundles, place.root)
        tags = image_tags(release, latest=options.latest)
        name = f"modelway-{release.id}-{secrets.token_hex(4)}"
        trusted = join_names(*(ref.trusted for ref in (release.champion, *release.challengers)))
        arguments = {"LOCKS": locks, "TRUST": " ".join(trusted), **image_arguments(context, options)}
        labels = image_labels(place, bundles, arguments["BASE_IMAGE"], release.commit)
        mounted = _mounted(place.secrets)
        job = Job(options.repository, tags, options.platforms, context, scratch, name, arguments, labels, mounted)
        login = login_to(place)
        environment = _environment(program, place.secrets, scratch)
        if login is not None:
            say(f"log in to {login.host} as {login.user}")
            _run(login_command(program, job, login.host, login.user), environment, login)
        say(f"build the image for {', '.join(options.platforms)} with {program}, and push it as {', '.join(tags)}")
        for command in build_commands(program, job, login=login is not None):
            _run(command, environment, login, typed=False)
        return name_image(place, _digest_in(job.digest_file))


def find_program(path: str | None) -> str:
    """The first container CLI on the PATH.

    Raises:
        UsageError: there is none.
    """
    found = next((program for program in PROGRAMS if shutil.which(program, path=path)), None)
    if found is None:
        raise UsageError(
            "an image has to be built, and no container CLI is on the PATH",
            where=", ".join(PROGRAMS),
            remedy="Install one, let Dagger's engine build it (`dagger call deploy`), or name one that exists with "
            "--image DIGEST.",
        )
    return found


def _run(command: Sequence[str], environment: Mapping[str, str], login: Login | None, *, typed: bool = True) -> None:
    """Run one of the commands; `typed` where it reads the token."""
    token = login.token if login is not None else ""
    try:
        done = subprocess.run(  # noqa: S603 - ours, and no shell reads it
            command,
            env=environment,
            input=token if typed else "",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=default_seconds() if typed else None,  # a login is short; a build or push may be long
        )
    except subprocess.TimeoutExpired as error:
        raise OutsideError(
            f"`{' '.join(command[:2])}` did not end within {error.timeout:g} s",
            where=login.host if login is not None else None,
            remedy=f"Check the network and the registry. {VARIABLE} allows more time.",
        ) from error
    except OSError as error:
        raise OutsideError(f"{command[0]} can't be run: {error}", remedy="Check its installation.") from error
    if done.returncode:
        text = done.stdout.replace(token, "***") if token else done.stdout
        said = printable_lines(text.strip())[-_LAST_LINES:]
        raise OutsideError(
            f"`{' '.join(command[:3])}` ended with {done.returncode}",
            remedy=("It said last:", *(f"  | {line}" for line in said), "Then try again."),
        )


def _environment(program: str, given: Mapping[str, str], scratch: Path) -> dict[str, str]:
    """The CLI's variables. Docker keeps logins in its configuration: it gets one of its own, which goes away again."""
    if program != "docker":
        return dict(given)
    theirs = Path(given.get("DOCKER_CONFIG") or Path(given.get("HOME", "/")) / ".docker")
    for name in ("cli-plugins", "contexts", "buildx"):
        if (theirs / name).is_dir():
            (scratch / name).symlink_to((theirs / name).absolute())
    kept = _read(theirs / "config.json")
    for key in ("credsStore", "credHelpers"):
        kept.pop(key, None)
    (scratch / "config.json").write_text(json.dumps(kept), encoding="utf-8")
    return {**given, "DOCKER_CONFIG": str(scratch)}


def _read(path: Path) -> dict[str, object]:
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _mounted(given: Mapping[str, str]) -> dict[str, str]:
    """A package index and certificates, where this machine has its own."""
    mounted = {"index-url": "env=UV_DEFAULT_INDEX"} if given.get("UV_DEFAULT_INDEX") else {}
    certificates = given.get("SSL_CERT_FILE")
    return mounted | ({"ca": f"src={certificates}"} if certificates and Path(certificates).is_file() else {})


def _digest_in(path: Path) -> str:
    """The digest that the CLI wrote."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        if text.startswith("{"):
            return str(parse_json(text)["containerimage.digest"])
    except (OSError, ValueError, KeyError) as error:
        raise OutsideError("the container CLI told no digest", where=str(error), remedy="Try again.") from error
    return text
