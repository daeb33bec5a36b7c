"""Fixtures for all tests."""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import signal
import sys
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.loaders
import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.once import made_once

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from tests.stores import Store

# Tests run side by side, one a core; OpenMP teams that share cores wait for each other most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A test module that imports mlflow is imported before mlflow sees that this is a test, and telemetry would begin.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

# Each session of boto3 reads the description of S3 again, which takes most of the time to make a client.
botocore.loaders.create_loader = cache(botocore.loaders.create_loader)

# A shell's background jobs ignore interrupts, and so would the processes that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("modelway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("modelway")
# State machines take the same steps wherever the same modules are imported: hypothesis draws constants that it finds in
# them. What fails is printed as it was found: to shrink it takes minutes.
settings.register_profile(
    "machine",
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)

ROOT = Path(__file__).resolve().parent.parent


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep what is imported and collected out of garbage collections, and make full collections rare.

    A worker holds more than a million objects by now, and what tests import adds as many: to search them all again and
    again takes a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 100)


@pytest.fixture(autouse=True)
def _own_module_path() -> Iterator[None]:
    """A command puts its project's folder first on the path; what lies there must not meet other tests' processes."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data sets; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the real data sets are not at {folder}")
    return folder


@pytest.fixture
def control_group() -> Iterator[Callable[..., list[Path]]]:
    """Makes a control group with limits; gives the files that a process joins it by. Skips where none can be made."""
    made: list[Path] = []

    def make(*, cpu: float | None = None, memory: int | None = None) -> list[Path]:
        top, name = Path("/sys/fs/cgroup"), f"modelway-test-{os.getpid()}"
        unified = (top / "cgroup.controllers").exists()
        period = 100_000
        limits: dict[str, dict[str, int | str]] = {
            "memory": {"memory.max" if unified else "memory.limit_in_bytes": memory} if memory else {},
            "cpu": {"cpu.cfs_period_us": period, "cpu.cfs_quota_us": int(cpu * period)} if cpu and not unified else {},
        }
        if unified and cpu:
            limits["cpu"] = {"cpu.max": f"{int(cpu * period)} {period}"}
        try:
            for controller, values in limits.items():
                group = top / name if unified else top / controller / name
                group.mkdir(exist_ok=True)
                made.append(group)
                for file, value in values.items():
                    (group / file).write_text(str(value))
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")
        return [group / "cgroup.procs" for group in dict.fromkeys(made)]

    yield make
    for group in dict.fromkeys(made):
        group.rmdir()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry's database as MLflow makes it, to be copied: making one takes more than a second."""
    from modelway.records.register import RegisterOptions
    from modelway.registry import Registry

    def make(root: Path) -> None:
        with Registry(RegisterOptions(), "loans", root)._calls():
            pass

    return made_once(tmp_path_factory, "empty", make) / "mlflow.db"


@pytest.fixture(scope="session")
def loop() -> ModuleType:
    """The example's commands and requests: `examples/loop/loop.py` as a module."""
    return importlib.import_module("examples.loop.loop")


@pytest.fixture(scope="session")
def rollouts() -> ModuleType:
    """Makers of rollouts and their ticks: `tests/rollout/cases.py` as a module."""
    return importlib.import_module("tests.rollout.cases")


@dataclass
class Project:
    """A directory with a settings file, and what running a command there gave."""

    root: Path
    capsys: pytest.CaptureFixture[str]
    out: str = ""
    err: str = ""

    def run(self, *argv: str) -> int:
        """Run a command in this process."""
        from modelway.cli.main import run

        self.capsys.readouterr()
        code = run(list(argv))
        self.out, self.err = self.capsys.readouterr()
        return code

    def json(self, *argv: str) -> dict[str, Any]:
        """Run a command with --json and give its record, which has to tell the exit code."""
        code = self.run(*argv, "--json")
        record: dict[str, Any] = json.loads(self.out)
        assert record["exit_code"] == code
        return record


@pytest.fixture
def aws_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Credentials that are none, whatever this machine has of its own."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "someone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    """The address of an HTTP server that stands in for AWS; what it holds is that of the whole process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def empty_moto(moto_server: str, aws_keys: None) -> Iterator[str]:
    """The same with nothing in it, and clients of S3 that no other test has made."""
    from modelway.storage.s3 import s3_client

    reset = urllib.request.Request(f"{moto_server}/moto-api/reset", method="POST")
    urllib.request.urlopen(reset, timeout=60).close()
    s3_client.cache_clear()
    yield moto_server
    s3_client.cache_clear()


@pytest.fixture(params=["files", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """A store of local files, then an empty one on S3."""
    from tests.stores import Store, s3_store

    return s3_store(request.getfixturevalue("empty_moto")) if request.param == "s3" else Store()


@pytest.fixture
def in_project(capsys: pytest.CaptureFixture[str]) -> Callable[[Path], Project]:
    """Gives a project for its directory; the test's own working directory is the caller's business."""
    return lambda root: Project(root, capsys)
