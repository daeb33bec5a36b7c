"""The world of the `ecs` target: a cluster that speaks ECS's protocol, with a service that runs no task yet."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.deploy.target import Place, Target, open_target
from modelway.records.deploy import BundleRef, Release
from modelway.records.ecs import EcsOptions
from modelway.records.environment import EnvironmentOptions
from modelway.records.serve import ServeOptions

sys.path.insert(0, str(Path(__file__).parents[4] / "ci" / "stand_ins"))
from ecs_stand_in import Cluster, StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/loans"


@dataclass
class EcsWorld:
    stand_in: StandIn
    root: Path
    secret: str

    def place(self, secrets: dict[str, str], **target: Any) -> Place:
        options = EcsOptions(
            kind="ecs", cluster="main", service="loans", region="eu-central-1", endpoint_url=self.stand_in.url, **target
        )
        return Place(
            environment="staging",
            model="loans",
            options=EnvironmentOptions(target=options),
            serve=ServeOptions(),
            root=self.root,
            state=self.root / "state",
            bundles=self.root / "bundles",
            flags="s3://models/staging/flags.json",
            log="s3://models/staging/log",
            secrets=secrets,
        )

    def open(self, **target: Any) -> Target:
        secrets = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": self.secret}
        return open_target(self.place(secrets, **target))

    def open_without_secrets(self) -> Target:
        return open_target(self.place({}))

    def release(self, number: int) -> Release:
        digest = f"{number:064x}"
        champion = BundleRef(version=number, digest=digest)
        return Release(name="loans", champion=champion, image=f"{REPOSITORY}@sha256:{digest}")

    def broken(self) -> Release:
        release = self.release(666)
        self.stand_in.cluster.broken[str(release.image)] = "CannotStart: the bundle does not verify"
        return release


@contextmanager
def world(request: Any, root: Path, secret: str) -> Iterator[EcsWorld]:
    cluster = Cluster("main")
    cluster.register(
        {"family": "loans", "containerDefinitions": [{"name": "server", "image": "placeholder", "essential": True}]}, []
    )
    cluster.create_service("loans", "loans", 0)
    with StandIn(cluster, key="someone") as stand_in:
        yield EcsWorld(stand_in, root, secret)
        assert not stand_in.wrong
