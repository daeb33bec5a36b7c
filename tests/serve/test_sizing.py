"""How many workers a server has by what its container may use, and that they live within it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from modelway.records.environment import EnvironmentOptions
from modelway.records.kubernetes import ResourceOptions
from modelway.records.serve import ServeOptions, WorkerOptions
from modelway.serve.sizing import size_server, worker_bytes

MIB = 2**20


@pytest.fixture
def bundles(tmp_path: Path) -> list[Path]:
    """Two bundles of 10 MiB."""
    paths = [tmp_path / "champion", tmp_path / "challenger"]
    for path in paths:
        path.mkdir()
        (path / "model.onnx").write_bytes(bytes(10 * MIB))
    return paths


@pytest.mark.parametrize(
    ("cores", "memory", "workers"),
    [(16, None, 16), (2, 64 * 1024 * MIB, 2), (16, 512 * MIB, 1), (16, 64 * MIB, 1), (16, 2048 * MIB, 5)],
)
def test_workers_follow_the_cores_as_far_as_the_memory_goes(
    bundles: list[Path], cores: int, memory: int | None, workers: int
) -> None:
    assert size_server(ServeOptions(), bundles[:1], cores, memory).workers == workers


def test_workers_that_are_set_are_kept_and_said_not_to_fit(bundles: list[Path]) -> None:
    options = ServeOptions(workers=WorkerOptions(count=16))
    size = size_server(options, bundles[:1], 2, 512 * MIB)
    assert (size.workers, size.fits) == (16, False)
    assert size_server(options, bundles[:1], 2, 64 * 1024 * MIB).fits


def test_a_workers_worst_is_of_its_limits_its_models_and_its_shadow(bundles: list[Path]) -> None:
    small = ServeOptions(workers=WorkerOptions(upload_bytes=30_000_000))
    alone = worker_bytes(small, bundles[:1])
    assert worker_bytes(ServeOptions(), bundles[:1]) - alone == 256_000_000 - 30_000_000
    assert worker_bytes(small, bundles) - alone > 40 * MIB
    unlogged = ServeOptions.model_validate({"workers": {"upload_bytes": 30_000_000}, "log": {"enabled": False}})
    assert alone - worker_bytes(unlogged, bundles[:1]) == 32_000_000


def test_defaults_of_an_environment_fit_together(bundles: list[Path]) -> None:
    resources = ResourceOptions()
    (mebibytes,) = re.fullmatch(r"(\d+)Mi", resources.memory).groups()  # type: ignore[union-attr]
    size = size_server(ServeOptions(), bundles[:1], 64, int(mebibytes) * MIB)
    assert size.workers >= 1
    assert (size.fitting or 0) >= 1
    assert EnvironmentOptions().workers is None


@pytest.mark.slow
def test_server_in_a_container_of_the_default_memory_answers_and_lives(
    trained: Any, tmp_path: Path, control_group: Any, row: dict[str, Any], until: Any
) -> None:
    joined = [str(path) for path in control_group(memory=512 * MIB)]
    argv = ["modelway", "serve", "--bundle", str(trained.bundle), "--port", "0", "--json"]
    argv += ["--set", "serve.workers.notice_seconds=0"]
    words = f"import os, runpy, sys; [open(path, 'w').write(str(os.getpid())) for path in {joined}]\n"
    # Fewer cores than the node of a cluster has are no excuse to pass.
    words += "os.sched_getaffinity = lambda _: set(range(24))\n"
    words += f"sys.argv = {argv}; runpy.run_module('modelway', run_name='__main__', alter_sys=True)"
    with (tmp_path / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    try:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        record = json.loads(text)
        assert record["workers"] == 1
        children = {child.pid for child in psutil.Process(process.pid).children()}
        port = int(record["url"].rpartition(":")[2])
        _fill(port)
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"GET /v2/health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
        assert {child.pid for child in psutil.Process(process.pid).children()} == children
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert "worker_ended" not in (tmp_path / "stderr").read_text()


def _fill(port: int) -> None:
    """Send 40 bodies of nearly 10 MB at once, more than a worker may hold, and end none of them."""

    def send() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            try:
                head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                connection.sendall(head + b"content-length: 9900000\r\n\r\n")
                for _ in range(98):
                    connection.sendall(bytes(100_000))
                arrived.wait(60)
            except OSError:
                pass  # it was given up for another one
            finally:
                with counting:
                    done.append(1)

    arrived, counting, done = threading.Event(), threading.Lock(), []
    threads = [threading.Thread(target=send) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    arrived.set()
    for thread in threads:
        thread.join()
