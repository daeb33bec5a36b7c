"""One deploy over another on the ECS stand-in, with a fault in it, and what became of it; for the suite and bench/."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "ci" / "stand_ins"))
from ecs_stand_in import Cluster, Fault, StandIn

from modelway.deploy.flow import Flow
from modelway.deploy.state import EnvironmentState
from modelway.deploy.target import Place, open_target
from modelway.errors import ModelwayError
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Release
from modelway.records.ecs import EcsOptions
from modelway.records.environment import EnvironmentOptions, WaitOptions
from modelway.records.serve import ServeOptions
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict

STEPS = ("record what runs", "register", "let loans", "wait until", "ask it", "record that loans")
"""How the steps begin at which a deploy is killed."""
STEPS_BACK = ("let loans", "wait until", "ask it", "record that loans")
"""The same on the way back, after the smoke test failed."""
OPERATIONS = ("DescribeServices", "RegisterTaskDefinition", "UpdateService", "DescribeServiceDeployments")
FAULTS = ("none", "throttled", "failed", "lost", "expired", "unhealthy", "smoke", "killed", "killed on the way back")
REPOSITORY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/loans"


@dataclass(frozen=True)
class Outcome:
    """What became of a deploy.

    Attributes:
        code: its exit code; None where it was killed.
        serves: the version that serves after it, alone.
        outages: looks at which nobody served.
        again: the exit code of the same deploy, run again without the fault.
        then: the version that serves after that.
    """

    code: int | None
    serves: int
    outages: int
    again: int
    then: int

    def wrong(self, fault: str) -> str:
        """What is not as it has to be; empty where all is."""
        if self.outages:
            return f"nobody served at {self.outages} looks"
        told = {0: 2, 7: 1}
        if self.code in told and self.serves != told[self.code]:
            return f"exit code {self.code}, and version {self.serves} serves"
        if self.serves not in {1, 2}:
            return f"version {self.serves} serves"
        known = {"none": {0}, "unhealthy": {7}, "smoke": {7}, "killed": {None}, "expired": {6, 7}}
        if self.code not in known.get(fault.partition(" ")[0], {0}):
            return f"exit code {self.code}"
        return "" if (self.again, self.then) == (0, 2) else f"run again: {self.again}, version {self.then} serves"


def release(version: int) -> Release:
    digest = f"{version:064x}"
    return Release(
        name="loans", champion=BundleRef(version=version, digest=digest), image=f"{REPOSITORY}@sha256:{digest}"
    )


def drill(fault: str, number: int) -> Outcome:
    """Deploy version 1, then 2 with a fault; `number` chooses where it strikes."""
    cluster = Cluster("main")
    cluster.register({"family": "loans", "containerDefinitions": [{"name": "server", "image": "placeholder"}]}, [])
    cluster.create_service("loans", "loans", 0)
    with tempfile.TemporaryDirectory() as root, StandIn(cluster, key="someone") as stand_in:
        assert _run(_flow(stand_in, Path(root)), release(1)) == 0
        _plant(stand_in, fault, number)
        if fault == "killed":
            code = _killed(stand_in, Path(root), STEPS[number % len(STEPS)])
        elif fault == "killed on the way back":
            code = _killed(stand_in, Path(root), STEPS_BACK[number % len(STEPS_BACK)], back=True)
        else:
            code = _run(_flow(stand_in, Path(root), smoke_fails=fault == "smoke"), release(2))
        serves = _settle(stand_in)
        stand_in.faults.planned = []
        cluster.broken.clear()
        again = _run(_flow(stand_in, Path(root)), release(2))
        outages = cluster.services["loans"].outages
        assert not stand_in.wrong, stand_in.wrong
        return Outcome(code, serves, outages, again, _settle(stand_in))


def _plant(stand_in: StandIn, fault: str, number: int) -> None:
    if fault == "unhealthy":
        stand_in.cluster.broken[str(release(2).image)] = "it does not start"
    if fault in {"throttled", "failed", "lost"}:
        operation = OPERATIONS[number % len(OPERATIONS)]
        stand_in.faults.planned = [Fault(fault, operation, after=number // len(OPERATIONS) % 2)]
    if fault == "expired":
        stand_in.faults.planned = [Fault("expired", after=number % 12, times=None)]


def _flow(stand_in: StandIn, root: Path, *, smoke_fails: bool = False, say: Any = None) -> Flow:
    target = EcsOptions(
        kind="ecs", cluster="main", service="loans", replicas=2, region="eu-central-1", endpoint_url=stand_in.url
    )
    # A long lease, however busy the machine is: that of a killed process of this machine counts no more.
    wait = WaitOptions(stable_seconds=60.0, poll_seconds=0.02, lease_seconds=300.0, lock_seconds=60.0)
    options = EnvironmentOptions(target=target, wait=wait, url="http://loans.example")
    place = Place(
        environment="staging",
        model="loans",
        options=options,
        serve=ServeOptions(),
        root=root,
        state=root / "env",
        bundles=root / "bundles",
        flags="s3://models/flags.json",
        log="s3://models/log",
        secrets={"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret"},
    )

    def ask(asked: Release, url: str) -> SmokeReport:
        """Answers as the service would: by what serves."""
        right = stand_in.cluster.serving("loans") == {asked.image: 100.0}
        failed = (smoke_fails and asked.champion.version == 2) or not right
        check = SmokeCheck(name="version", verdict=Verdict.FAIL if failed else Verdict.PASS, detail="another answered")
        return SmokeReport(endpoint=url, versions=(str(asked.champion.version),), checks=(check,))

    state = EnvironmentState(str(root / "env"), S3Options())
    return Flow(place, open_target(place), state, ask, say or (lambda _: None), "drill")


def _run(flow: Flow, wanted: Release) -> int:
    try:
        flow.deploy(wanted)
    except ModelwayError as error:
        sys.stderr.write(f"{wanted}: {error}\n")
        return error.exit_code
    return 0


def _killed(stand_in: StandIn, root: Path, step: str, *, back: bool = False) -> int | None:
    """Kill a deploy of version 2, in a process of its own, as it begins a step; one on its way `back` has failed."""
    returning = not back

    def say(words: str) -> None:
        nonlocal returning
        returning = returning or words.startswith("failed:")
        if returning and words.startswith(step):
            os.kill(os.getpid(), signal.SIGKILL)

    def ask(one: Release, url: str) -> SmokeReport:
        # The child's copy of the cluster stands still, so what serves is not asked there.
        verdict = Verdict.FAIL if back and one.champion.version == 2 else Verdict.PASS
        check = SmokeCheck(name="version", verdict=verdict, detail="")
        return SmokeReport(endpoint=url, versions=(str(one.champion.version),), checks=(check,))

    child = os.fork()
    if child == 0:
        os._exit(_run(replace(_flow(stand_in, root, say=say), ask=ask), release(2)))
    status = os.waitpid(child, 0)[1]
    return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _settle(stand_in: StandIn) -> int:
    """Let time pass until one version serves alone; which one (0 where none does)."""
    cluster = stand_in.cluster
    for _ in range(60):
        cluster.advance(looked=True)
    serving = cluster.serving("loans")
    return int(next(iter(serving)).rpartition(":")[2], 16) if len(serving) == 1 else 0
