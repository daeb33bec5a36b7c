"""One worker process: loads the release, answers requests, and obeys the supervisor."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from modelway.errors import ModelwayError
from modelway.serve.app import Application
from modelway.serve.batching import Batcher
from modelway.serve.connections import SPARE_CONNECTIONS, Connections
from modelway.serve.desk import Desk
from modelway.serve.endpoint import Endpoint
from modelway.serve.events import capture_library_logs, describe_error, say
from modelway.serve.log import STREAMS, Backlog, Counts, Journal
from modelway.serve.memory import trim_often
from modelway.serve.metrics import Metrics
from modelway.serve.recorder import Recorder
from modelway.serve.release import Release, ReleasePaths, load_release
from modelway.serve.shadow import Shadow
from modelway.serve.shared import IN_MEMORY
from modelway.serve.steering import Steering

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from modelway.records.serve import WorkerOptions
    from modelway.serve.channel import Channel
    from modelway.serve.setup import Setup
    from modelway.serve.shared import SharedCounts

_PUBLISH_SECONDS = 0.2
_SWITCH_SECONDS = 0.0002
"""How long another thread (the log's, a reload's) may keep the response path waiting; Python's default is 5 ms."""
_OTHER_FILES = 128
"""Open files of a worker that are not connections."""
_CLOSE_SECONDS = 5.0
"""How long an ending worker tries to reach the log's store and to finish its shadow."""


class Worker:
    """Everything that one worker has.

    Args:
        setup: what to serve, and how.
        slot: the worker's number.
        shared: where it writes what it counts.
        channel: to the supervisor.
        shadow_address: where its shadow's process listens.

    Raises:
        ModelwayError: the release can't be served.
        OSError: the log's local directory can't be written.
    """

    def __init__(self, setup: Setup, slot: int, shared: SharedCounts, channel: Channel, shadow_address: bytes) -> None:
        options = setup.options
        self._setup = setup
        self._slot = slot
        self._shared = shared
        self._channel = channel
        self._prepared: Release | None = None
        self._server: _Server
        self._loop: asyncio.AbstractEventLoop
        replica = f"{setup.replica}-{slot}-{os.getpid()}"
        self._metrics = Metrics()
        self._connections = _connections(options.workers)
        release = load_release(setup.paths, options, setup.trust)
        self._steering = Steering(release, setup.environment, options, setup.flags, self._tell_flags)
        self._journal = Journal(options.log, options.s3, replica, self._compares) if options.log.enabled else None
        self._recorder = Recorder(options.log, self._journal, self._metrics.kept, setup.salt)
        self._shadow = Shadow(options.shadow, self._recorder, self._metrics)
        self._shadow_address = shadow_address
        self._batcher = Batcher(self._metrics)
        self._desk = Desk(options, self._metrics, self._recorder, self._journal, self._shadow, replica)
        self._endpoint = Endpoint(options, self._batcher, self._desk, setup.smoke)

    def run(self, listener: socket.socket) -> None:
        """Serve until the supervisor says otherwise, or is gone."""
        workers = self._setup.options.workers
        setup = self._setup
        application = Application(setup.options, self._steering, self._endpoint, self._total, setup.settings)
        config = uvicorn.Config(
            application,
            http=self._connections.protocol(),
            loop="uvloop",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=round(workers.drain_seconds),
        )
        self._server = _Server(config)
        self._endpoint.tasks = self._server.server_state.tasks
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._serve(listener))
        self._close()

    async def _serve(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTERM, self._drain)
        threading.Thread(target=self._obey, name="orders", daemon=True).start()
        publishing = asyncio.create_task(self._publish_often())
        counting = asyncio.create_task(self._count_often())
        showing = asyncio.create_task(self._shadow.keep_connected(self._shadow_address))
        sweeping = asyncio.create_task(self._connections.sweep_often())
        serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        champion = self._steering.plan.release.champion
        self._channel.send({"ready": True, "name": champion.name, "version": champion.version})
        await serving
        await self._shadow.finish(_CLOSE_SECONDS)
        for task in (publishing, counting, showing, sweeping):
            task.cancel()

    def _close(self) -> None:
        """Write down everything; the order matters, since each hands on to the next."""
        self._steering.close()
        self._batcher.close()
        self._recorder.close()
        deadline = time.monotonic() + _CLOSE_SECONDS
        if self._journal is not None:
            self._journal.settle(_CLOSE_SECONDS / 2)  # the last statistics tell how many records were lost
        self._desk.write_statistics(self._steering.plan, last=True)
        if self._journal is not None:
            self._journal.close(deadline - time.monotonic())
        self._publish()

    def _drain(self) -> None:
        """Be not ready first; then take no new connections and finish what is under way."""
        if not self._endpoint.draining:
            self._endpoint.draining = True
            say("draining", slot=self._slot)
            self._loop.call_later(self._setup.options.workers.notice_seconds, self._end)

    def _end(self) -> None:
        self._server.should_exit = True

    def _obey(self) -> None:
        """A thread of its own: loading a bundle takes a while, and requests go on meanwhile."""
        while (messages := self._channel.receive()) is not None:
            for message in messages:
                try:
                    self._obey_one(message)
                except Exception as error:  # noqa: BLE001 - without this thread the worker could not be told anything
                    say("order_failed", "error", **describe_error(error))
        # The supervisor is gone; nobody would restart or end this worker.
        self._loop.call_soon_threadsafe(self._drain)

    def _obey_one(self, message: dict[str, Any]) -> None:
        if message["do"] == "load":
            paths = ReleasePaths(message["champion"], tuple(message["challengers"]))
            self._channel.send({"reload": message["reload"], "loaded": True, **self._prepare(paths)})
        elif message["do"] == "commit" and self._prepared is not None:
            release, self._prepared = self._prepared, None
            self._steering.take(release)
            self._metrics.reloads += 1
            say("release_taken", champion=release.champion.version, challengers=list(release.challengers))
            self._channel.send({"reload": message["reload"], "committed": True})
        elif message["do"] == "discard":
            self._prepared = None

    def _prepare(self, paths: ReleasePaths) -> dict[str, Any]:
        """Load another release beside the one that is served."""
        try:
            self._prepared = load_release(paths, self._setup.options, self._setup.trust)
        except ModelwayError as error:
            return {"error": error.what, "where": error.where, "remedy": error.remedy, "exit_code": error.exit_code}
        except Exception as error:  # noqa: BLE001 - a bundle may be broken in any way, and serving goes on
            say("release_failed", "error", **describe_error(error))
            return {"error": f"the release can't be loaded: {type(error).__name__}: {error}", "exit_code": 3}
        champion = self._prepared.champion
        return {"name": champion.name, "version": champion.version, "challengers": list(self._prepared.challengers)}

    def _tell_flags(self, content: bytes) -> None:
        self._channel.send({"flags": content.decode("utf-8", "replace")})

    def _compares(self) -> bool:
        """Whether a challenger answers a part of the requests: a rollout may need the log back to its beginning."""
        answers = self._steering.plan.router.rules.enabled.values
        return True in answers and False in answers

    def _counts(self) -> dict[str, Any]:
        journal = self._journal
        backlog = journal.backlog() if journal else Backlog()
        gauges: dict[str, float] = {
            "workers": 1,
            "ready": int(not self._endpoint.draining),
            "queue": self._endpoint.inflight,
            "shadow_queue": self._shadow.waiting,
            **{f"log_{stream}": backlog.records.get(stream, 0) for stream in STREAMS},
            "log_bytes": backlog.disk_bytes + backlog.memory_bytes,
            "log_spool_bytes": backlog.disk_bytes,
            "log_away": int(journal.away) if journal else 0,
            "flags_fault": int(self._steering.fault is not None),
        }
        oldest = max(time.time() - backlog.oldest, 0.0) if backlog.oldest is not None else 0.0
        log = journal.counts() if journal else Counts().tree()
        counts = self._metrics.counts(gauges, log, {"log_oldest_seconds": oldest}, self._connections.closed)
        return {**counts, IN_MEMORY: dict(backlog.in_memory)}

    def _total(self) -> dict[str, Any]:
        self._publish()
        return self._shared.total()

    def _publish(self) -> None:
        self._shared.write(self._slot, os.getpid(), self._counts())

    async def _publish_often(self) -> None:
        while True:
            self._publish()
            self._shared.beat(self._slot)
            await asyncio.sleep(_PUBLISH_SECONDS)

    async def _count_often(self) -> None:
        while True:
            await asyncio.sleep(self._setup.options.log.flush_seconds)
            self._desk.write_statistics(self._steering.plan)


def work(
    setup: Setup,
    slot: int,
    shared: SharedCounts,
    channel: Channel,
    listener: socket.socket,
    shadow_address: bytes,
) -> int:
    """Be a worker; the process's exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_SECONDS)
    capture_library_logs()
    started = time.perf_counter()
    try:
        worker = Worker(setup, slot, shared, channel, shadow_address)
    except ModelwayError as error:
        channel.send({"failed": error.what, "where": error.where, "remedy": error.remedy, "exit_code": error.exit_code})
        return error.exit_code
    except OSError as error:
        what = f"can't write: {error.strerror or error}"
        channel.send({"failed": what, "where": error.filename, "remedy": "Set serve.log.spool.", "exit_code": 6})
        return 6
    trim_often()
    say("loaded", slot=slot, seconds=round(time.perf_counter() - started, 3))
    worker.run(listener)
    return 0


def _connections(options: WorkerOptions) -> Connections:
    """The limits of a worker's connections: no more than it may have open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = options.connections + SPARE_CONNECTIONS + _OTHER_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return Connections(
        max(1, min(options.connections, soft - SPARE_CONNECTIONS - _OTHER_FILES)),
        options.head_seconds,
        options.keep_alive_seconds,
        options.body_seconds,
        most_of_client=options.client_connections,
        proxies=options.proxies,
    )


class _Server(uvicorn.Server):
    """Signals are the worker's own business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Change no handler."""
        yield
