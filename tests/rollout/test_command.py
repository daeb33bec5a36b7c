"""`modelway rollout`: what it refuses, what it says where there is nothing to do, and rollouts of real servers."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from modelway.deploy.state import EnvironmentState
from modelway.errors import UsageError
from modelway.pipeline.environment import open_environment
from modelway.pipeline.rollout import check_log, open_controller, why_none
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Release
from modelway.records.progress import silent
from modelway.records.rollout_state import RolloutStatus
from modelway.records.serve import RoutingOptions, ServeOptions
from modelway.records.serving import ServingSettings
from modelway.rollout.people import begin
from modelway.rollout.store import RolloutStore
from modelway.settings import Override, load_settings
from tests.deploy.file_target import release as release_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "rollout"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_project: Any) -> Any:
    (tmp_path / "modelway.yaml").write_text((EXAMPLE / "modelway.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return in_project(tmp_path)


def environment(*overrides: str) -> Any:
    settings = load_settings(EXAMPLE / "modelway.yaml", [Override.parse(one) for one in overrides])
    return open_environment(settings, "local", EXAMPLE, {}), settings.rollout


def test_an_environment_has_to_be_named(project: Any) -> None:
    assert project.run("rollout") == 2
    assert "--env local" in project.err


@pytest.mark.parametrize(("running", "polls"), [(None, 0.5), (0.1, 0.1), (5.0, 5.0)])
def test_steps_wait_for_the_polls_of_the_servers_that_run(tmp_path: Path, running: float | None, polls: float) -> None:
    """The project's settings may have changed since the release was deployed."""
    found, options = environment("serve.routing.poll_seconds=1.5")
    found = replace(found, state=EnvironmentState(str(tmp_path / "env"), S3Options()))
    if running is not None:
        served = ServeOptions(routing=RoutingOptions(poll_seconds=running))
        release = release_of(1).model_copy(update={"settings": ServingSettings(serve=served)})
        found.state.change(lambda known: known.model_copy(update={"history": (release,)}))
    registry: Any = SimpleNamespace(promote=None)
    opened = open_controller(found, options, registry, tmp_path, lambda _: None, silent)
    assert opened.settle_seconds == pytest.approx(1 + 2 * polls)


@pytest.mark.parametrize("action", ["pause", "resume", "abort"])
def test_without_a_rollout_there_is_nothing_to_do_with_it(project: Any, action: str) -> None:
    assert project.run("rollout", action, "--env", "local") == 2
    assert "no rollout is under way" in project.err
    assert not (project.root / ".modelway" / "env").exists()


def test_status_of_none(project: Any) -> None:
    assert project.run("rollout", "status", "--env", "local") == 0
    assert "there never was a rollout" in project.out


def test_without_versions_there_is_nothing_to_roll_out(project: Any) -> None:
    # As on the first day of a schedule.
    assert project.run("rollout", "--env", "local", "--once") == 0
    assert "nothing to roll out: no version is the champion yet" in project.out
    assert "modelway train" in project.out


def test_a_version_that_is_named_and_missing_is_refused(project: Any) -> None:
    assert project.run("rollout", "--env", "local", "--model-version", "7") == 2
    assert "there is no version '7'" in project.err


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("serve.log.enabled=false", "serve.log.enabled"),
        ("serve.log.sample=0.5", "serve.log.sample"),
        ("serve.log.segment_seconds=3", "rollout.interval_seconds"),
        ("rollout.grace_seconds=2", "rollout.grace_seconds"),
    ],
)
def test_settings_by_which_the_log_is_no_evidence_are_refused(override: str, where: str) -> None:
    found, options = environment(override)
    with pytest.raises(UsageError) as caught:
        check_log(found, options)
    assert caught.value.where == where


SLOW_LOG = ("serve.log.segment_seconds=15", "serve.log.flush_seconds=1", "rollout.interval_seconds=60")


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        (*SLOW_LOG, "rollout.grace_seconds=31"),
        ("serve.log.segment_seconds=0.1", "rollout.interval_seconds=60"),  # 600 of them, whatever floats divide to
        ("serve.log.segment_seconds=1.2", "rollout.interval_seconds=60"),
    ],
)
def test_settings_exactly_at_their_limits_are_evidence(overrides: tuple[str, ...]) -> None:
    check_log(*environment(*overrides))


@pytest.mark.parametrize(
    ("overrides", "where"),
    [
        ((*SLOW_LOG, "rollout.grace_seconds=30.9"), "rollout.grace_seconds"),
        ((*SLOW_LOG, "serve.log.flush_seconds=1.5", "rollout.grace_seconds=31"), "rollout.grace_seconds"),
        (("serve.log.segment_seconds=8", "rollout.interval_seconds=60"), "rollout.interval_seconds"),
        (("serve.log.segment_seconds=10", "rollout.interval_seconds=5"), "rollout.interval_seconds"),
        (("serve.log.sample=0.999",), "serve.log.sample"),
    ],
)
def test_settings_beyond_their_limits_are_refused(overrides: tuple[str, ...], where: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_log(*environment(*overrides))
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("past", "versions", "again", "words"),
    [
        (None, (3, 3), False, "version 3 is the champion already"),
        (None, (3, 3), True, "version 3 is the champion already"),
        (None, (3, 4), False, None),
        (("rolled_back", 4), (3, 4), False, "version 4 was rolled back before"),
        (("aborted", 4), (3, 4), False, "version 4 was aborted before"),
        (("rolled_back", 4), (3, 4), True, None),
        (("aborted", 4), (3, 4), True, None),
        (("rolled_back", 4), (3, 5), False, None),  # another challenger
        (("aborted", 4), (3, 5), False, None),
        (("complete", 4), (3, 4), False, None),
        (("rolled_back", 4), (4, 5), False, None),
    ],
)
def test_rollout_begins_unless_this_challenger_went_back(
    tmp_path: Path, past: tuple[str, int] | None, versions: tuple[int, int], again: bool, words: str | None
) -> None:
    found, options = environment()
    found = replace(found, state=EnvironmentState(str(tmp_path), S3Options()))
    if past is not None:
        status, version = past
        release = Release(
            name="m",
            champion=BundleRef(version=3, digest="a" * 64),
            challengers=(BundleRef(version=version, digest="b" * 64),),
        )
        store = RolloutStore(str(tmp_path), S3Options())
        begin(store, release, options, 1.0)
        status_of = {one.name.lower(): one for one in RolloutStatus}
        store.change(lambda known: known.model_copy(update={"status": status_of[status]}) if known else None)
    reason = why_none(found, options, versions, again=again)
    assert reason is None if words is None else reason is not None and reason.startswith(words)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("GITHUB_TOKEN", "SLACK_WEBHOOK", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    return importlib.import_module("examples.rollout.rollout")


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.slow
@pytest.mark.exhaustive  # minutes; tests/rollout/test_controller.py is killed before and after every write, in seconds
def test_a_good_challenger_is_promoted_though_the_command_is_killed_again_and_again(
    example: ModuleType, tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, killed = example.modelway, []

    def killing(work: Path, *words: str, may: tuple[int, ...] = (0,)) -> dict[str, Any]:
        if words[0] != "rollout":
            found: dict[str, Any] = real(work, *words, may=may)
            return found
        for patience in (6, 9, 12, 15, 18, 21, None):  # it has to come to something between two kills, at any load
            command = [sys.executable, "-m", "modelway", *words, "--json"]
            process = subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, text=True)
            try:
                said, _ = process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.communicate()
                killed.append(time.time())
                continue
            assert process.returncode in may
            return dict(json.loads(said))
        raise AssertionError

    monkeypatch.setattr(example, "modelway", killing)
    found = example.roll_out(tmp_path / "work", "good", free_port, 60.0)
    assert (found["status"], found["registry_champion"]) == ("complete", found["version"]), found
    assert killed
    store = RolloutStore(str(tmp_path / "work" / ".modelway" / "env" / "local"), S3Options())
    rollout = store.read()
    assert rollout is not None
    ticks = list(store.ticks(rollout))
    starts = [interval.start for tick in ticks for interval in tick.intervals]
    assert len(starts) == len(set(starts))
    assert [epoch.share for epoch in rollout.epochs] == [0.0, 0.25, 0.5, 1.0]


@pytest.mark.slow
def test_one_that_breaks_goes_back_by_itself_and_the_champion_stays(
    example: ModuleType, tmp_path: Path, free_port: int
) -> None:
    found = example.roll_out(tmp_path / "work", "errors", free_port, 60.0)
    assert (found["status"], found["registry_champion"]) == ("rolled back", found["champion"]), found
    assert found["bad_answers"] > 0
    assert found["champions_failures"] == 0
    state = tmp_path / "work" / ".modelway" / "env" / "local"
    rollout = RolloutStore(str(state), S3Options()).read()
    assert rollout is not None
    assert rollout.status is RolloutStatus.ROLLED_BACK
    assert "rolled back" in (state / "rollout.html").read_text().lower()
