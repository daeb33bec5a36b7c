"""An environment below a temporary directory, on the stand-in of `local_processes.py`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from modelway.deploy.target import Place
from modelway.records.deploy import BundleRef, Release
from modelway.records.environment import EnvironmentOptions, LocalOptions, WaitOptions
from modelway.records.serve import InputOptions, ServeOptions, WorkerOptions
from modelway.records.serving import ServingSettings
from modelway.records.smoke import SmokeReport

from .local_processes import Processes

BUNDLES = tuple(BundleRef(version=number, digest=f"{number:064x}") for number in (1, 2, 3, 4))
UNLOADABLE = BundleRef(version=8, digest="f" * 64)
HANGING = BundleRef(version=7, digest="e" * 64)
"""A bundle that a server never finishes loading."""
WRONG = BundleRef(version=9, digest="0" * 61 + "bad")
"""A bundle that loads, and fails the smoke test."""
PORTS = (18080, 18081)


def serving(rows: int | None) -> ServingSettings:
    """Settings with a row limit; 0 gives settings that no server starts with."""
    workers = WorkerOptions(count=1, notice_seconds=0.0, drain_seconds=2.0)
    if rows == 0:
        return ServingSettings(serve=ServeOptions(workers=workers, require_signature=True))
    if rows is None:
        return ServingSettings(serve=ServeOptions(workers=workers))
    return ServingSettings(serve=ServeOptions(workers=workers, input=InputOptions(max_rows=rows)))


class StandIn:
    """An environment below a temporary directory, on the stand-in."""

    ports, unloadable = PORTS, UNLOADABLE

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="modelway-machine-"))
        self.processes = Processes()
        self.processes.broken, self.processes.hanging = {UNLOADABLE.digest}, {HANGING.digest}

    def place(self, port: int, keep: int) -> Place:
        wait = WaitOptions(stable_seconds=60.0, poll_seconds=0.2)
        return Place(
            environment="local",
            model="loans",
            options=EnvironmentOptions(target=LocalOptions(kind="local", port=port), wait=wait, keep=keep),
            serve=ServeOptions(),
            root=self.root,
            state=self.root / "env",
            bundles=self.root / "bundles",
            flags=str(self.root / "env" / "flags.json"),
            log=str(self.root / "env" / "log"),
        )

    def release(self, number: int, challenger: int | None, given: ServingSettings) -> Release:
        tried = () if challenger is None else (BUNDLES[challenger - 1],)
        return Release(name="loans", champion=BUNDLES[number - 1], challengers=tried, settings=given)

    def smoke(self, release: Release, url: str) -> SmokeReport:
        return self.processes.smoke(release, url)

    def settle(self) -> None:
        self.processes.settle()

    def kill(self, *kinds: str) -> None:
        self.processes.kill(*kinds)

    def answering(self) -> list[tuple[list[str], str | None, int]]:
        """Return the bundles, the settings and the port of each server that takes connections."""
        return [
            ([Path(path).name for path in one.bundles], one.status()["settings"], one.address[1])
            for one in self.processes.answering()
        ]

    def running(self) -> tuple[int, int]:
        """Return how many keepers and servers run."""
        return (
            sum(one.alive for one in self.processes.keepers),
            sum(one.alive for one in self.processes.servers),
        )

    def close(self) -> None:
        self.processes.close()
        shutil.rmtree(self.root)
