"""The servers that are compared: started in environments of their own, with one worker each, on this machine alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from environments import environment, locked_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).resolve().parent / "serve_peers"
PATH = "/invocations"
LOCK = ROOT / "ci" / "locks" / "serve.lock"
_PATIENCE = 120.0
_ENVIRONMENT = {
    "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{PEERS}",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class Server:
    """One of them.

    Attributes:
        python: makes its environment and gives its Python.
        arguments: the command, after Python, from the work folder and the port.
        variables: what is set besides.
    """

    python: Callable[[], Path]
    arguments: Callable[[Path, int], list[str]]
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        port: where.
        start_seconds: from its start to its first answer.
        process: what was started.
    """

    port: int
    start_seconds: float
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """What its processes have used of all cores."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    def answering_cpu_seconds(self) -> float:
        """What those of its processes have used that answer; a shadow's process lets them go before."""
        processes = [self.process, *self.process.children(recursive=True)]
        first = self.process.nice()
        return sum(sum(process.cpu_times()[:2]) for process in processes if process.nice() <= first)

    def memory_mib(self) -> float:
        """What its processes hold together; memory that they share counts once (PSS)."""
        processes = [self.process, *self.process.children(recursive=True)]
        return sum(process.memory_full_info().pss for process in processes) / 2**20


def modelway(*more: str) -> Callable[[Path, int], list[str]]:
    """`modelway serve` with one worker and everything on: validation, routing, metrics and the prediction log."""

    def command(work: Path, port: int) -> list[str]:
        return [
            *("-m", "modelway", "serve", "--bundle", str(work / "bundle"), "--port", str(port), "--workers", "1"),
            *("--log", str(work / "log"), *more),
        ]

    return command


def _mlflow(work: Path, port: int) -> list[str]:
    where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--env-manager", "local"]
    return ["-m", "mlflow", "models", "serve", "-m", str(work / "mlflow_model"), *where]


def _mlserver(work: Path, port: int) -> list[str]:
    folder = work / "mlserver"
    folder.mkdir(exist_ok=True)
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "settings.json").write_text(json.dumps({**ports, "host": "127.0.0.1", "parallel_workers": 0}))
    model = {"name": "loans", "implementation": "mlserver_mlflow.MLflowRuntime"}
    uri = {"parameters": {"uri": str(work / "mlflow_model")}}
    (folder / "model-settings.json").write_text(json.dumps({**model, **uri}))
    return ["-c", "from mlserver.cli import main; main()", "start", str(folder)]


def _served() -> Path:
    return locked_environment(LOCK)


_COMMON = ("onnxruntime==1.32.0", "pydantic", "pyyaml", "rich")
OURS = "modelway serve"
UNBATCHED = "modelway, each request scored by itself"
BARE = "bare Starlette, uvicorn, ONNX"
MLFLOW = "mlflow models serve 3.17.2"
SERVERS = {
    OURS: Server(_served, modelway()),
    UNBATCHED: Server(_served, lambda work, port: [str(PEERS / "unbatched.py"), *modelway()(work, port)[2:]]),
    BARE: Server(_served, lambda work, port: [str(PEERS / "bare.py"), str(work / "bundle"), str(port)]),
    MLFLOW: Server(lambda: environment(("mlflow==3.17.2", *_COMMON)), _mlflow),
    "BentoML 1.4.40": Server(
        lambda: environment(("bentoml==1.4.40", *_COMMON)),
        lambda _, port: ["-m", "bentoml", "serve", "bento:Loans", "--host", "127.0.0.1", "--port", str(port)],
    ),
    "MLServer 1.7.1 (MLflow runtime)": Server(
        lambda: environment(("mlserver==1.7.1", "mlserver-mlflow==1.7.1", *_COMMON)), _mlserver
    ),
}


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(server: Server, work: Path, body: bytes) -> Iterator[Running]:
    """Start a server and wait for its first answer; ends it on leaving.

    Raises:
        RuntimeError: it never answers; with what it said.
    """
    port = free_port()
    python = server.python()
    command = [str(python), *server.arguments(work, port)]
    path = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    variables = {**os.environ, **path, **_ENVIRONMENT, "BENCH_BUNDLE": str(work / "bundle"), **server.variables}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    log = work / "server.log"
    # No settings file there or above, as in an image.
    with tempfile.TemporaryDirectory() as empty, log.open("wb") as said:
        begin = time.perf_counter()
        process = psutil.Popen(command, cwd=empty, env=variables, stdout=said, stderr=said, start_new_session=True)
        try:
            while not _answers(port, body):
                if process.poll() is not None or time.perf_counter() - begin > _PATIENCE:
                    raise RuntimeError(f"{' '.join(command)} does not answer:\n{log.read_text()[-3000:]}")
                time.sleep(0.01)
            yield Running(port, time.perf_counter() - begin, process)
        finally:
            _end(process)


def first_answer(port: int, body: bytes) -> float:
    """The probability of `yes` that a server gives a request's first row."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{PATH}", body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        said = json.loads(answer.read())
    if "probabilities" in said:
        return float(said["probabilities"][0]["yes"])
    return float(said["predictions"][0]["probability_yes"])


def _answers(port: int, body: bytes) -> bool:
    try:
        first_answer(port, body)
    except urllib.error.HTTPError as error:
        if error.code in {404, 502, 503}:
            return False
        raise RuntimeError(f"{error.code}: {error.read()[:2000].decode(errors='replace')}") from error
    except (OSError, ValueError, KeyError):
        return False
    return True


def _end(process: psutil.Popen) -> None:
    if process.poll() is not None:
        return
    children = process.children(recursive=True)
    process.send_signal(signal.SIGTERM)
    _, left = psutil.wait_procs([*children, process], timeout=30)
    for one in left:
        one.kill()
