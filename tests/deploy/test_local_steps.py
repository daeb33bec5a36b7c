"""Each step of a deploy, a rollback and a stop of the local target fails once: its files, and the environment's.

Keeper and server are stood in for: a keeper starts what `wanted.json` says at once, a server reports its bundles and
takes a reload. That real ones do so is seen by `test_local.py`, `test_local_restart.py` and the conformance suite.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.flow import Flow
from modelway.deploy.local import target as local
from modelway.deploy.local.files import KEEPER, READY, SERVER, WANTED, Files
from modelway.deploy.local.target import LocalTarget
from modelway.deploy.state import EnvironmentState
from modelway.records.data import S3Options
from modelway.records.environment import EnvironmentOptions, LocalOptions, WaitOptions
from tests import every_step
from tests.deploy.file_target import ask, place_in, release
from tests.deploy.flow_cases import cases, check_release
from tests.every_step import Fault, Operation

CASES = cases(release)


class Processes:
    """Keepers and servers; what they serve is outside of the directories whose calls fail."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _served(self, files: Files) -> Path:
        return self._folder / files.path.parent.parent.name

    def start(self, argv: list[str], **_: Any) -> Any:
        """Start a keeper, and at once its server."""
        files = Files(Path(argv[-1]))
        wanted = files.read(WANTED)
        self._served(files).write_text(json.dumps(wanted))
        process = {"pid": 1, "started": str(self._served(files)), "listens": True}
        said = {"exit_code": 0, "admin_url": str(self._served(files)), "url": "http://x", "workers": 1}
        for name, content in ((KEEPER, process), (SERVER, process), (READY, said)):
            with every_step._open(files.path / name, "w") as file:  # not a step: another process does it
                json.dump(content, file)

    def runs(self, pid: int, started: str) -> bool:
        return pid == 1 and Path(started).exists()

    def send(self, pid: int, started: str, number: int) -> bool:
        """Signal a process: it ends at once."""
        ran = self.runs(pid, started)
        Path(started).unlink(missing_ok=True)
        return ran

    def ask(self, url: str, token: str) -> Any:
        served = json.loads(Path(url).read_text()) if Path(url).exists() else None
        return None if served is None else {**served, "workers": [{"ready": True}]}

    def reload(self, url: str, token: str, champion: str, challengers: list[str]) -> None:
        served = json.loads(Path(url).read_text())
        Path(url).write_text(json.dumps({**served, "champion": champion, "challengers": challengers}))


@pytest.fixture(autouse=True)
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    (tmp_path / "served").mkdir()
    made = Processes(tmp_path / "served")
    monkeypatch.setattr("modelway.deploy.local.target.subprocess.Popen", made.start)
    monkeypatch.setattr("modelway.deploy.local.files.runs", made.runs)
    monkeypatch.setattr("modelway.deploy.local.files.send", made.send)
    monkeypatch.setattr(local, "ask", made.ask)
    monkeypatch.setattr(local, "reload", made.reload)
    monkeypatch.setattr("modelway.deploy.lock.runs", lambda pid, started: False)  # each run is a process that ended
    return made


def _flow(root: Path) -> Flow:
    wait = WaitOptions(stable_seconds=5.0, poll_seconds=0.02, lease_seconds=300.0)
    place = place_in(root, EnvironmentOptions(target=LocalOptions(kind="local"), wait=wait))
    return Flow(place, LocalTarget(place), EnvironmentState(str(root / "env"), S3Options()), ask, lambda _: None, "me")


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", Fault)
def test_local_target_with_each_step_failing_keeps_one_release_whole(
    tmp_path: Path, fault: Fault, case: str, every: int
) -> None:
    wanted = CASES[case]

    def start(root: Path) -> None:
        for version in wanted.before:
            _flow(root).deploy(release(version))

    def check(root: Path, done: bool) -> None:
        flow = _flow(root)
        live = flow.target.inspect()
        check_release(wanted, flow.state.read(), wanted.number(live.release), done=done)
        if done and live.release is not None:  # what a keeper would start again is what runs
            assert Files(root / "env" / "local").read(WANTED)["champion"].endswith(f"{wanted.runs:064x}")

    def traces(root: Path) -> list[str]:
        """Return all files but those of a stop that was cut off: nothing that runs reads them."""
        names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
        return [name for name in names if case != "stop" or not name.endswith((READY, WANTED, SERVER, KEEPER))]

    operation = Operation(start, lambda root: wanted.run(_flow(root)), check, traces, exit_codes=(6, 7), at_least=10)
    operation.with_each_step(tmp_path / "steps", fault, every=every)
