"""How a container CLI builds and pushes an image: its command lines, as data. No secret is in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DOCKERFILE = "docker/Dockerfile.serving"
PROGRAMS = ("docker", "podman", "buildah")
"""The container CLIs that are looked for, the first one first."""


@dataclass(frozen=True)
class Job:
    """What is to be built and pushed.

    Attributes:
        repository: where it goes.
        tags: what it is called there.
        platforms: what it is built for.
        context: the directory of all that goes into it.
        scratch: a directory for the CLI's own files: its login, the digest.
        name: a name that nothing else has, for what is built and not pushed yet.
        arguments: the Dockerfile's arguments.
        labels: the image's labels.
        secrets: what it mounts while it builds: by id, `env=VARIABLE` or `src=FILE`.
    """

    repository: str
    tags: tuple[str, ...]
    platforms: tuple[str, ...]
    context: Path
    scratch: Path
    name: str
    arguments: Mapping[str, str]
    labels: Mapping[str, str]
    secrets: Mapping[str, str]

    @property
    def digest_file(self) -> Path:
        """Where the CLI writes the digest: docker within JSON, the others alone."""
        return self.scratch / "digest"

    @property
    def login_file(self) -> Path:
        """Where podman and buildah keep a login."""
        return self.scratch / "auth.json"


def login_command(program: str, job: Job, host: str, user: str) -> tuple[str, ...]:
    """Logs in; the token comes by standard input."""
    kept = () if program == "docker" else ("--authfile", str(job.login_file))
    return (program, "login", *kept, "--username", user, "--password-stdin", host)


def build_commands(program: str, job: Job, *, login: bool) -> tuple[tuple[str, ...], ...]:
    """Build it for each platform, push it under each tag, and write its digest to `job.digest_file`."""
    what: tuple[str, ...] = ("--platform", ",".join(job.platforms), "--file", str(job.context / DOCKERFILE))
    what += tuple(word for name, value in job.arguments.items() for word in ("--build-arg", f"{name}={value}"))
    what += tuple(word for name, value in job.labels.items() for word in ("--label", f"{name}={value}"))
    what += tuple(word for name, source in job.secrets.items() for word in ("--secret", f"id={name},{source}"))
    addresses = [f"{job.repository}:{tag}" for tag in job.tags]
    if program == "docker":
        tags = tuple(word for address in addresses for word in ("--tag", address))
        # An attestation has the time in it, so that the same image would have another digest each time.
        push = ("--provenance=false", "--push", "--metadata-file", str(job.digest_file))
        return (("docker", "buildx", "build", *what, *tags, *push, str(job.context)),)
    kept = ("--authfile", str(job.login_file)) if login else ()
    digest = ("--digestfile", str(job.digest_file))
    return (
        (program, "build", *what, "--manifest", job.name, str(job.context)),
        *(
            (program, "manifest", "push", "--all", *kept, *digest, job.name, f"docker://{address}")
            for address in addresses
        ),
        (program, "manifest", "rm", job.name),
    )
