"""A target that is a file, and flows over it."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modelway.deploy.flow import Flow
from modelway.deploy.state import EnvironmentState
from modelway.deploy.target import Place
from modelway.errors import OutsideError, RefusedError
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Live, LiveState, MissingSecret, Release, Step
from modelway.records.environment import EnvironmentOptions, LocalOptions, WaitOptions
from modelway.records.serve import ServeOptions
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict
from modelway.storage import write_bytes


def release(version: int, *challengers: int) -> Release:
    def ref(number: int) -> BundleRef:
        return BundleRef(version=number, digest=f"{number:064x}")

    return Release(name="loans", champion=ref(version), challengers=tuple(map(ref, challengers)))


UNHEALTHY, WRONG, REFUSED, SLOW, FORBIDDEN, THEIRS = 90, 91, 92, 93, 94, 95
"""Versions that never get healthy, fail the smoke test, are refused by the target, are never there in time, are refused
for good, are not ours."""


@dataclass
class FileTarget:
    """Two steps to a release: `register` it, then `switch` to it. A file holds which one runs, by which settings."""

    path: Path
    fails: set[str] = field(default_factory=set)
    settings: str = "good"
    """What a deploy applies with a release; with `bad` ones it never gets healthy."""
    records: bool = True
    """Whether it reports what it applied, as older versions did not."""

    def missing(self) -> tuple[MissingSecret, ...]:
        return ()

    def inspect(self) -> Live:
        if "inspect" in self.fails:
            raise OutsideError("no answer")
        content = self._read()
        if not content.get("runs"):
            return Live(state=LiveState.ABSENT)
        state = {UNHEALTHY: LiveState.FAILED, SLOW: LiveState.CHANGING}.get(content["version"], LiveState.STABLE)
        live = Live(
            state=LiveState.FAILED if content["settings"] == "bad" else state,
            release=None if content["version"] == THEIRS else content["runs"],
            revision=f"r{content['version']}",
            wanted=1,
            ready=1,
            url="http://x",
        )
        return live.model_copy(update={"applied": ({"settings": content["settings"]},)}) if self.records else live

    def plan(self, wanted: Release | None, live: Live) -> tuple[Step, ...]:
        if wanted is None:
            return () if live.state is LiveState.ABSENT else (Step(room="target", action="stop", what="stop"),)
        settings = wanted.applied[0]["settings"] if wanted.applied else self.settings
        same = self._read().get("settings") == settings
        if live.release == wanted.id and same and live.state is not LiveState.FAILED:
            return ()
        content: dict[str, Any] = {"id": wanted.id, "version": wanted.champion.version, "settings": settings}
        return tuple(Step(room="target", action=name, what=name, arguments=content) for name in ("register", "switch"))

    def apply(self, step: Step) -> None:
        if step.action in self.fails or step.arguments.get("version") == REFUSED:
            raise OutsideError(f"{step.action} was refused")
        if step.arguments.get("version") == FORBIDDEN:
            raise RefusedError(f"{step.action} is forbidden", remedy="Ask for the right.")
        content = self._read()
        if step.action == "register":
            content["registered"] = sorted({*content.get("registered", []), step.arguments["id"]})
        elif step.action == "switch":
            assert step.arguments["id"] in content["registered"]
            content |= {"runs": step.arguments["id"]} | {key: step.arguments[key] for key in ("version", "settings")}
        else:
            content["runs"] = None
        write_bytes(str(self.path), json.dumps(content).encode())

    def _read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}


def ask(release: Release, url: str) -> SmokeReport:
    verdict = Verdict.FAIL if release.champion.version == WRONG else Verdict.PASS
    check = SmokeCheck(name="predictions", verdict=verdict, detail="0.1 was answered, 0.9 expected")
    return SmokeReport(endpoint=url, versions=(str(release.champion.version),), checks=(check,))


def place_in(root: Path, options: EnvironmentOptions, **changes: str) -> Place:
    """An environment below a directory."""
    place = Place(
        environment="test",
        model="loans",
        options=options,
        serve=ServeOptions(),
        root=root,
        state=root / "env",
        bundles=root / "bundles",
        flags=str(root / "env" / "flags.json"),
        log=str(root / "log"),
    )
    return replace(place, **changes)


class World:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []
        self.target = FileTarget(root / "target.json")
        self.state = EnvironmentState(str(root / "env"), S3Options())

    def flow(self, say: Any = None) -> Flow:
        wait = WaitOptions(stable_seconds=0.6, poll_seconds=0.02, lease_seconds=30.0)
        options = EnvironmentOptions(target=LocalOptions(kind="local"), wait=wait)
        return Flow(place_in(self.root, options), self.target, self.state, ask, say or self.said.append, "me")

    @property
    def runs(self) -> str | None:
        return self.target.inspect().release

    def killed_at(self, moment: int, work: Any) -> bool:
        """Do the work in a process that is killed when it says its `moment`-th word; whether it came to that."""
        pid = os.fork()
        if pid == 0:
            said = 0

            def say(_: str) -> None:
                nonlocal said
                said += 1
                if said == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

            try:
                work(self.flow(say))
            except BaseException:  # noqa: BLE001 - how it ends is judged by what it leaves
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
