"""A local environment with real keepers, servers and bundles, as `test_local_machine.py` drives it."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from modelway.deploy.local.admin import ask
from modelway.deploy.local.files import KEEPER, NEXT_SERVER, OLD_SERVER, READY, SERVER, TOKEN, Files
from modelway.deploy.target import Place, open_target
from modelway.records.deploy import LiveState, Release
from modelway.records.environment import LocalOptions
from modelway.records.serving import ServingSettings
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict


class RealServers:
    """The same environment with real keepers and servers, and real bundles."""

    def __init__(self, make_place: Any, bundles: Any, ports: tuple[int, int]) -> None:
        self.ports, self.unloadable = ports, bundles.broken
        self._make_place, self._bundles = make_place, bundles
        self._files = Files(make_place().state / "local")
        self._address: tuple[int, int] = (ports[0], 2)

    def place(self, port: int, keep: int) -> Place:
        self._address = (port, keep)
        place = self._make_place()
        changes = {"target": LocalOptions(kind="local", port=port), "keep": keep}
        return replace(place, options=place.options.model_copy(update=changes))

    def release(self, number: int, challenger: int | None, given: ServingSettings) -> Release:
        tried = () if challenger is None else (self._bundles.refs[number % 3],)
        return Release(name="loans", champion=self._bundles.refs[number - 1], challengers=tried, settings=given)

    def smoke(self, release: Release, url: str) -> SmokeReport:
        """Compare what answers; again for a while, as the real one does: the server before may still answer."""
        wanted = [one.digest for one in (release.champion, *release.challengers)]
        deadline = time.monotonic() + 60
        while True:
            found = [(bundles, digest) for bundles, digest, port in self.answering() if url.endswith(f":{port}")]
            if found == [(wanted, release.given.digest)] or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        verdict = Verdict.PASS if found == [(wanted, release.given.digest)] else Verdict.FAIL
        check = SmokeCheck(name="predictions", verdict=verdict, detail=f"{found} answers")
        return SmokeReport(endpoint=url, versions=("1",), checks=(check,))

    def settle(self) -> None:
        deadline = time.monotonic() + 120
        target = open_target(self.place(*self._address))
        while target.inspect().state is LiveState.CHANGING or self._files.process(OLD_SERVER) is not None:
            assert time.monotonic() < deadline, target.inspect()
            time.sleep(0.1)

    def kill(self, *kinds: str) -> None:
        """Kill keepers or servers, and wait for a server's workers: they answer until they have drained."""
        for kind in kinds:
            name = KEEPER if kind == "keeper" else SERVER
            number = self._files.process(name)
            below = [] if number is None or kind == "keeper" else psutil.Process(number).children()
            self._files.signal(name, signal.SIGKILL)
            while number is not None and self._files.process(name) == number:
                time.sleep(0.05)
            assert not psutil.wait_procs(below, 60)[1]

    def answering(self) -> list[tuple[list[str], str | None, int]]:
        """Return what each port itself says, and the bundles by the admin port."""
        found = []
        for port in self.ports:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2", timeout=30) as answer:
                    digest = json.load(answer)["settings_digest"]
            except OSError:
                continue
            loaded = self._loaded()
            found.append(([Path(path).name for path in (loaded["champion"], *loaded["challengers"])], digest, port))
        return found

    def _loaded(self) -> dict[str, Any]:
        """Return what the server that is ready reports; again for a while where it has just been replaced."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            ready = self._files.read(READY)
            loaded = ready and ask(ready["admin_url"], (self._files.path / TOKEN).read_text())
            if loaded:
                return loaded
            time.sleep(0.1)
        raise AssertionError(ready)

    def running(self) -> tuple[int, int]:
        servers = (SERVER, OLD_SERVER, NEXT_SERVER)
        return (
            int(self._files.process(KEEPER) is not None),
            sum(self._files.process(name) is not None for name in servers),
        )

    def close(self) -> None:
        """The fixture `nothing_left_behind` ends what still runs."""
