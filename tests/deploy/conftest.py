"""Real bundles of two small models, under their digests, as a deploy finds them."""

from __future__ import annotations

import fcntl
import importlib
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modelway.artifacts import read_manifest
from modelway.records.deploy import BundleRef, Release
from modelway.records.serve import LogOptions, ServeOptions, WorkerOptions
from modelway.records.serving import ServingSettings

ROOT = Path(__file__).resolve().parents[2]
RATES = (0.1, 0.2, 0.3)
SETTINGS = ServingSettings(serve=ServeOptions(workers=WorkerOptions(count=1, notice_seconds=0.0, drain_seconds=2.0)))
"""Servers of the releases here start and end soon."""


@pytest.fixture(scope="session")
def load_world() -> Callable[[str], Any]:
    """Gives a world of the conformance suite, by its file's name, as a module."""

    def load(kind: str) -> Any:
        return importlib.import_module(f"tests.deploy.conformance.worlds.{kind}")

    return load


@dataclass(frozen=True)
class Bundles:
    """A directory of bundles by digest."""

    path: Path
    refs: tuple[BundleRef, ...]
    broken: BundleRef
    """One whose model file is torn."""

    def release(self, number: int, *challengers: int) -> Release:
        """The release of bundle `number`, from 1, with others beside it."""
        tried = tuple(self.refs[one - 1] for one in challengers)
        return Release(name="loans", champion=self.refs[number - 1], challengers=tried, settings=SETTINGS)

    def broken_release(self) -> Release:
        return Release(name="loans", champion=self.broken, settings=SETTINGS)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Bundles:
    from modelway.bundle import bundle_digest, pack_bundle
    from modelway.data.sample import write_sample
    from modelway.pipeline.train import train
    from modelway.records.bundle import Origin
    from modelway.registry import Registry
    from modelway.settings import Override, load_settings

    root = tmp_path_factory.mktemp("bundles")
    shutil.copy(ROOT / "modelway.yaml", root)
    (root / "data").mkdir()
    shutil.copy(write_sample(root / "sample", rows=1200), root / "data" / "loans.csv")
    store, refs = root / "by-digest", []
    store.mkdir()
    for version, rate in enumerate(RATES, 1):
        overrides = [Override.parse(f"fit.estimator.learning_rate={rate}"), Override.parse("fit.estimator.epochs=10")]
        settings = load_settings(root / "modelway.yaml", overrides)
        registry = Registry(settings.register_, settings.name, root)
        train(settings, registry, root, root / "trained", registers=False, commit=None)
        origin = Origin(name="loans", version=version, run_id=f"run{version}")
        pack_bundle(root / "trained", origin, root / "packed")
        digest = bundle_digest(root / "packed")
        (root / "packed").rename(store / digest)
        refs.append(BundleRef(version=version, digest=digest))
    torn = BundleRef(version=9, digest="f" * 64)
    shutil.copytree(store / refs[0].digest, store / torn.digest)
    (store / torn.digest / "model.onnx").write_bytes(b"torn")
    assert read_manifest(store / refs[0].digest)
    return Bundles(store, tuple(refs), torn)


@pytest.fixture
def free_ports() -> Iterator[Callable[[], int]]:
    """Gives ports that no other test gets meanwhile, outside the range from which the system gives out its own."""
    with ExitStack() as kept:

        def free() -> int:
            for port in range(18000 + 100 * (hash(Path.cwd()) % 50), 30000):
                lock = kept.enter_context((Path(tempfile.gettempdir()) / f"modelway-port-{port}.lock").open("w"))
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        probe.bind(("127.0.0.1", port))
                    except OSError:
                        continue
                return port
            raise AssertionError

        yield free


@pytest.fixture
def free_port(free_ports: Callable[[], int]) -> int:
    """A port that no other test gets while this one runs."""
    return free_ports()


@pytest.fixture
def make_place(tmp_path: Path, bundles: Bundles, free_port: int) -> Any:
    """Gives the place of a local environment below a directory."""

    from modelway.deploy.target import Place
    from modelway.records.environment import EnvironmentOptions, LocalOptions, SmokeOptions, WaitOptions

    def make(**changes: Any) -> Place:
        environment: dict[str, Any] = {
            "target": LocalOptions(kind="local", port=free_port),
            "wait": WaitOptions(stable_seconds=60.0, poll_seconds=0.2),
            "smoke": SmokeOptions(deadline_seconds=5.0, requests=3, latency_ms=20_000.0),
        }
        given: dict[str, Any] = {
            "environment": "local",
            "model": "loans",
            "options": EnvironmentOptions(**environment),
            "serve": SETTINGS.serve.model_copy(update={"log": LogOptions(spool=str(tmp_path / "spool"))}),
            "settings": SETTINGS,
            "root": tmp_path,
            "state": tmp_path / "env",
            "bundles": bundles.path,
            "flags": str(tmp_path / "env" / "flags.json"),
            "log": str(tmp_path / "env" / "log"),
            "secrets": dict(os.environ),
        }
        return Place(**(given | changes))

    return make


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path: Path) -> Any:
    """Ends the servers that a test's directory knows of, by their numbers and start times."""
    yield
    import signal

    from modelway.deploy.local.files import KEEPER, NEXT_SERVER, OLD_SERVER, SERVER, Files

    names = (KEEPER, SERVER, OLD_SERVER, NEXT_SERVER)
    found = {path.parent for name in names for path in tmp_path.rglob(name)}
    for directory in found:
        files = Files(directory)
        for name in names:
            files.signal(name, signal.SIGKILL)
