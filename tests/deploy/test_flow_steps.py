"""Each step of a deploy, a rollback and a stop fails once: on files and on S3, with the target that is a file.

What the real targets add is in the test modules beside them: `test_local_steps.py`, `ecs/test_ecs_steps.py` and
`kubernetes/test_kubernetes_steps.py`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy import lock
from modelway.deploy.flow import Flow
from modelway.deploy.state import EnvironmentState
from modelway.errors import ModelwayError, RolledBackError
from modelway.flags import read_shares, update_flags, with_shares
from modelway.processes import runs
from modelway.records.data import S3Options
from modelway.records.environment import EnvironmentOptions, LocalOptions, WaitOptions
from modelway.records.flags import Shares
from modelway.storage import Document
from modelway.storage.s3 import s3_client
from tests.deploy.file_target import WRONG, FileTarget, ask, place_in, release
from tests.deploy.flow_cases import Case, cases, check_release, roll_back
from tests.every_step import Fault, Operation

WAIT = WaitOptions(stable_seconds=5.0, poll_seconds=0.02, lease_seconds=300.0)
SHARES = Shares(new_model=0.5, shadow=1.0)


@dataclass(frozen=True)
class Store:
    """Where states are: below a test's directories, or in a bucket."""

    s3: S3Options | None = None

    def uri(self, root: Path) -> str:
        return f"s3://deploys/{root.name}" if self.s3 else str(root / "env")

    def flow(self, root: Path) -> Flow:
        options = EnvironmentOptions(target=LocalOptions(kind="local"), wait=WAIT, s3=self.s3 or S3Options())
        place = place_in(root, options, flags=f"{self.uri(root)}/flags.json")
        state = EnvironmentState(self.uri(root), options.s3)
        return Flow(place, FileTarget(root / "target.json"), state, ask, lambda _: None, "me")

    def read(self, root: Path) -> dict[str, bytes]:
        """Return all files and objects."""
        found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        if self.s3:
            client = s3_client(self.s3)
            for one in client.list_objects_v2(Bucket="deploys", Prefix=f"{root.name}/").get("Contents", []):
                body = client.get_object(Bucket="deploys", Key=one["Key"])["Body"]
                found[one["Key"].replace(root.name, "env", 1)] = body.read()
        return found

    def write(self, root: Path, content: dict[str, bytes]) -> None:
        """Write files and objects that were read elsewhere."""
        for name, value in content.items():
            if self.s3 and name.startswith("env/"):
                key = name.replace("env", root.name, 1)
                s3_client(self.s3).put_object(Bucket="deploys", Key=key, Body=value)
            else:
                (root / name).parent.mkdir(exist_ok=True)
                (root / name).write_bytes(value)


def _fail(flow: Flow) -> None:
    with pytest.raises(RolledBackError, match=r"version 91 .* failed"):
        flow.deploy(release(WRONG))


CASES = {
    **cases(release),
    "failing": Case(_fail, (1,), (1,), 1, passing=(WRONG,)),
    "rollback": Case(lambda flow: roll_back(flow, release(1)), (1, 2, 1, 3), (1, 2, 1), 1),
}


@pytest.fixture(autouse=True)
def failed_leases(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let each run be a process that has ended when the next one comes; gives what failed at the lock's document."""
    failed: list[str] = []
    change = Document.change

    def watched(document: Document[Any], wanted: Any) -> Any:
        try:
            return change(document, wanted)
        except ModelwayError as error:
            failed.extend([error.what] if document.uri.endswith("lock.json") else [])
            raise

    monkeypatch.setattr(Document, "change", watched)
    monkeypatch.setattr(lock, "runs", lambda pid, started: pid != os.getpid() and runs(pid, started))
    return failed


def _operation(case: Case, store: Store, place: Path, failed: list[str]) -> Operation:
    first = place / "first"
    first.mkdir()
    flow = store.flow(first)
    for version in case.before:
        flow.deploy(release(version))
    if case.before:
        update_flags(flow.place.flags, lambda found: with_shares(found, SHARES), s3=flow.place.options.s3)
    content = store.read(first)

    def start(root: Path) -> None:
        failed.clear()
        store.write(root, content)

    def check(root: Path, done: bool) -> None:
        flow = store.flow(root)
        live = flow.target.inspect().release
        check_release(case, flow.state.read(), case.number(live), done=done)
        assert all(one.revision == f"r{one.champion.version}" for one in flow.state.read().history)
        lease = json.loads(store.read(root).get("env/lock.json", b"{}")).get("expires")
        killed = root.name.startswith("killed")
        assert root.name.startswith(("killed", "lost")) or not [*root.rglob("*.part")], "a temporary file is left"
        assert failed or killed or not lease or datetime.fromisoformat(lease) < datetime.now(UTC), "the lock is held"

    def traces(root: Path) -> object:
        found = store.read(root)
        flags = found.get("env/flags.json")
        return sorted(found), None if flags is None else read_shares(json.loads(flags))

    codes = (6, 7) if case.before else (6,)
    return Operation(start, lambda root: case.run(store.flow(root)), check, traces, exit_codes=codes, at_least=10)


FEW, ALL = pytest.param(5), pytest.param(1, marks=pytest.mark.slow)
"""In the quick tests each fault strikes at other steps than the others do."""


@pytest.mark.parametrize("every", [FEW, ALL])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("fault", Fault)
def test_flow_with_each_step_failing_keeps_one_release_whole(
    tmp_path: Path, failed_leases: list[str], fault: Fault, case: str, every: int
) -> None:
    _operation(CASES[case], Store(), tmp_path, failed_leases).with_each_step(tmp_path, fault, every=every)


@pytest.mark.parametrize("case", [pytest.param(name, marks=[pytest.mark.slow] * (name != "next")) for name in CASES])
@pytest.mark.parametrize("fault", [Fault.BROKEN, Fault.LOST, Fault.KILLED])
def test_flow_on_s3_with_each_request_failing_keeps_one_release_whole(
    tmp_path: Path, empty_moto: str, failed_leases: list[str], fault: Fault, case: str
) -> None:
    s3 = S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True)
    s3_client(s3).create_bucket(Bucket="deploys")
    every = 3 if case == "next" else 1
    _operation(CASES[case], Store(s3), tmp_path, failed_leases).with_each_step(tmp_path, fault, every=every)
