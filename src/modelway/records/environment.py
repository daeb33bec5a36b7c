"""Where a model is delivered to: one environment of the settings, whatever its target."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from modelway.records.base import Record
from modelway.records.data import S3Options
from modelway.records.ecs import EcsOptions
from modelway.records.kubernetes import KubernetesOptions

_Seconds = Annotated[float, Field(gt=0)]


class LocalOptions(Record):
    """Server processes on this machine, behind one port."""

    kind: Literal["local"]
    host: str = "127.0.0.1"
    """The address they listen at; this machine alone unless told otherwise."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    """The one port."""


TargetOptions = Annotated[LocalOptions | EcsOptions | KubernetesOptions, Field(discriminator="kind")]


class ImageOptions(Record):
    """Where an environment's images lie, for targets that run images."""

    repository: str
    """Registry and repository: `123456789012.dkr.ecr.eu-central-1.amazonaws.com/loans`, `ghcr.io/octocat/loans`."""
    platforms: tuple[str, ...] = ("linux/amd64",)
    """What they are built for."""
    latest: bool = True
    """Whether the tag `latest` moves with each of them, besides those of commit and version."""
    base_image: str | None = None
    """The image that theirs is built on instead of modelway's own, such as a mirror's; it needs a shell and Python 3.11
    or newer. `dagger call --base-image` has precedence."""
    uv_image: str | None = None
    """The image that /uv is taken from instead of modelway's own. `dagger call --uv-image` has precedence."""
    source: str | None = None
    """Where your code is, an https address, for the label `org.opencontainers.image.source`; git's remote `origin` when
    absent, or `dagger call --source-url`."""
    licenses: str | None = None
    """Under which licenses the images are distributed, an SPDX expression, for the label
    `org.opencontainers.image.licenses`; no label when absent."""
    login: bool = True
    """Whether the registry asks who pushes: ECR by AWS's credentials, any other by MODELWAY_REGISTRY_USER and
    MODELWAY_REGISTRY_TOKEN."""


class WaitOptions(Record):
    """Patience: how long a deploy waits for what."""

    stable_seconds: _Seconds = 900.0
    """For the target to run what it was told to; then it is rolled back."""
    poll_seconds: _Seconds = 2.0
    """Between two looks at the target."""
    lock_seconds: Annotated[float, Field(ge=0)] = 0.0
    """For another deploy to end; refused at once when 0."""
    lease_seconds: _Seconds = 120.0
    """How long the lock of a deploy that was killed on another machine still holds."""


class SmokeOptions(Record):
    """What a release is asked before it counts as deployed."""

    deadline_seconds: _Seconds = 60.0
    """How long what fails is asked again."""
    timeout_seconds: _Seconds = 10.0
    """How long one answer may take."""
    latency_ms: _Seconds = 1000.0
    """The bound on the median answer to the input example, in milliseconds."""
    requests: Annotated[int, Field(ge=1)] = 20
    """How many requests that median is of."""
    tolerance: Annotated[float, Field(ge=0)] = 1e-6
    """The greatest difference from an expected number, absolute and relative: another CPU rounds otherwise."""


class EnvironmentOptions(Record):
    """Where a model is delivered to. What an environment leaves out comes from `environments.defaults`."""

    model_version: str = "champion"
    """The version it runs unless told otherwise: a number, or an alias."""
    target: TargetOptions | None = None
    """What runs it: local, ecs or kubernetes, by `kind`."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Worker processes of each of its servers, instead of `serve.workers.count`. If neither is set, a server sizes
    itself by the CPU quota and the memory of its container."""
    url: str | None = None
    """Where people, and smoke, reach it; where the target says when absent."""
    image: ImageOptions | None = None
    """Where its images lie; needed by targets that run images."""
    state: str | None = None
    """What is kept of its releases, with the lock: a directory or `s3://bucket/prefix`, which all who deploy there have
    to share; `.modelway/env/NAME` beside the settings when absent."""
    flags: str | None = None
    """The flag document that its servers poll, a path or s3://; `flags.json` in the state when absent."""
    log: str | None = None
    """The prediction log of its servers, a directory or s3://; `log` in the state when absent."""
    keep: Annotated[int, Field(ge=2)] = 10
    """How many releases are remembered."""
    wait: WaitOptions = WaitOptions()
    """How long a deploy waits."""
    smoke: SmokeOptions = SmokeOptions()
    """What a release is asked."""
    s3: S3Options = S3Options()
    """Where `s3://` addresses lead."""
