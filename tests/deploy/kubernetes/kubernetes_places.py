"""The place and the releases that the worlds of the `kubernetes` target have in common."""

from __future__ import annotations

from pathlib import Path

from modelway.deploy.target import Place
from modelway.records.deploy import BundleRef, Release
from modelway.records.environment import EnvironmentOptions
from modelway.records.kubernetes import KubernetesOptions
from modelway.records.serve import ServeOptions


def place_of(root: Path, target: KubernetesOptions, secrets: dict[str, str], environment: str = "production") -> Place:
    return Place(
        environment=environment,
        model="loans",
        options=EnvironmentOptions(target=target),
        serve=ServeOptions(),
        root=root,
        state=root / "state",
        bundles=root / "bundles",
        flags="s3://models/production/flags.json",
        log="s3://models/production/log",
        secrets=secrets,
    )


def release_of(number: int) -> Release:
    """A release with an image; each number is another one."""
    digest = f"{number:064x}"
    image = f"ghcr.io/octocat/loans@sha256:{digest}"
    return Release(name="loans", champion=BundleRef(version=number, digest=digest), image=image)
