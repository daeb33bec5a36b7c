"""The local target's switch: requests that fail while releases follow each other, whole deploys with their smoke tests.

Two versions take turns, 50 deploys in a row, under 200 requests a second from another process on 8 kept connections. A
request fails when its status is not 200, when no answer comes, or when neither version answers it.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from records import at_most, record, record_rounds

from modelway.bundle import bundle_digest, pack_bundle
from modelway.deploy.flow import Flow
from modelway.deploy.smoke import read_expected, smoke
from modelway.deploy.target import open_target
from modelway.pipeline.environment import open_environment
from modelway.pipeline.train import train
from modelway.records.bundle import Origin
from modelway.records.deploy import BundleRef, Release
from modelway.registry import Registry
from modelway.settings import Override, load_settings

ROOT = Path(__file__).resolve().parent.parent
DEPLOYS, RATE, CONNECTIONS = 50, 200, 8
PORT = 18999


def measure(deploys: int = DEPLOYS) -> str:
    """Run it and tell what was seen, as Markdown."""
    with tempfile.TemporaryDirectory(prefix="modelway.") as work:
        root = Path(work)
        flow, releases, body = prepare(root)
        try:
            flow.deploy(releases[0])
            stop, found = multiprocessing.Event(), multiprocessing.Queue()
            load = multiprocessing.Process(target=_load, args=(body, stop, found))
            load.start()
            seconds = []
            for number in range(deploys):
                began = time.perf_counter()
                flow.deploy(releases[(number + 1) % 2])
                seconds.append(time.perf_counter() - began)
            stop.set()
            sent, failures, versions, spent = found.get()
            load.join()
        finally:
            flow.stop()
    sent_a_second = f"{sent / spent:.0f} a second were sent of {RATE} that were offered"
    record("switching", "failed requests", len(failures), aim=at_most(0), note=sent_a_second)
    record("switching", "requests", sent)
    record("switching", "requests/s", sent / spent, "/s", note=f"{RATE} were offered")
    record_rounds("switching", "a deploy with its smoke test", seconds, "s")
    by_version = ", ".join(f"{count} by version {version}" for version, count in versions.items())
    lines = [
        f"{deploys} deploys in a row, two versions in turn, by `python bench/local_switch.py`:",
        f"**{len(failures)} of {sent} requests failed** ({sent / spent:.0f} a second; {by_version}).",
        f"A deploy with its smoke test took {statistics.median(seconds):.1f} s (median).",
        *(f"- {failure}" for failure in failures[:5]),
    ]
    return "\n".join(lines)


def prepare(root: Path) -> tuple[Flow, list[Release], bytes]:
    """Two versions as releases, the flow of an environment for them, and a request."""
    from modelway.data.sample import write_sample

    shutil.copy(ROOT / "modelway.yaml", root)
    (root / "data").mkdir()
    shutil.copy(write_sample(root / "sample", rows=1500), root / "data" / "loans.csv")
    releases = []
    for version, rate in enumerate((0.1, 0.2), 1):
        changes = {
            "fit.estimator.learning_rate": rate,
            "fit.estimator.epochs": 20,
            "environments.local.target.port": PORT,
            "environments.local.wait.poll_seconds": 0.2,
            "environments.local.smoke.latency_ms": 10_000.0,
        }
        overrides = [Override.parse(f"{key}={value}") for key, value in changes.items()]
        settings = load_settings(root / "modelway.yaml", overrides)
        registry = Registry(settings.register_, settings.name, root)
        train(settings, registry, root, root / "out", registers=False, commit=None)
        environment = open_environment(settings, "local", root, dict(os.environ))
        place = environment.place
        place.bundles.mkdir(parents=True, exist_ok=True)
        pack_bundle(root / "out", Origin(name=settings.name, version=version, run_id=str(version)), root / "packed")
        digest = bundle_digest(root / "packed")
        (root / "packed").rename(place.bundles / digest)
        releases.append(Release(name=settings.name, champion=BundleRef(version=version, digest=digest)))
    expected = {one.id: [read_expected(place.bundles / one.champion.digest)] for one in releases}

    def ask(release: Release, url: str) -> Any:
        return smoke(url, expected[release.id], place.options.smoke)

    flow = Flow(place, open_target(place), environment.state, ask, lambda _: None, "bench")
    example = place.bundles / releases[0].champion.digest / "serving_input_example.json"
    return flow, releases, example.read_bytes()


def _load(body: bytes, stop: Any, found: Any) -> None:
    failures: list[str] = []
    versions: dict[str, int] = {}
    lock = threading.Lock()
    began = time.perf_counter()

    def drive(offset: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        due = time.perf_counter() + offset
        while not stop.is_set():
            time.sleep(max(0.0, due - time.perf_counter()))
            due += CONNECTIONS / RATE
            try:
                connection.request("POST", "/predict", body, {"content-type": "application/json"})
                answer = connection.getresponse()
                told = json.loads(answer.read())
                version = told.get("model_version") if answer.status == 200 else f"status {answer.status}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                version = f"{type(error).__name__}: {error}"
                connection.close()
            with lock:
                versions[str(version)] = versions.get(str(version), 0) + 1
                if version not in {"1", "2"}:
                    failures.append(str(version))

    threads = [threading.Thread(target=drive, args=(at / RATE,)) for at in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found.put((sum(versions.values()), failures, versions, time.perf_counter() - began))


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else DEPLOYS))
