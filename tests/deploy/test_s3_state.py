"""Records, flags and lock of an environment on s3://, by conditional writes over HTTP."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelway.deploy.flow import Flow
from modelway.deploy.lock import Lock, deploy_lock, holder
from modelway.deploy.state import EnvironmentState
from modelway.errors import OutsideError
from modelway.flags import read_shares, update_flags, with_shares
from modelway.processes import start_of
from modelway.records.data import S3Options
from modelway.records.environment import EnvironmentOptions, LocalOptions, WaitOptions
from modelway.records.flags import Shares
from modelway.records.releases import Lease
from modelway.storage.s3 import s3_client
from tests.deploy.file_target import FileTarget, ask, place_in, release

DOCS = Path(__file__).parents[2] / "docs" / "aws-permissions.md"
WAIT = WaitOptions(stable_seconds=5.0, poll_seconds=0.02, lease_seconds=300.0)  # however busy the machine is


@pytest.fixture
def s3(empty_moto: str) -> S3Options:
    options = S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True)
    s3_client(options).create_bucket(Bucket="deploys")
    return options


URI = "s3://deploys/staging"


@dataclass(frozen=True)
class Driver:
    """Makes flows whose target is a file and whose state is in the bucket, each as if of a machine of its own."""

    root: Path
    s3: S3Options

    def flow(self, say: Any = lambda _: None, wait: WaitOptions = WAIT) -> Flow:
        options = EnvironmentOptions(target=LocalOptions(kind="local"), wait=wait, s3=self.s3)
        place = place_in(self.root, options, environment="staging", flags=f"{URI}/flags.json", log=f"{URI}/log")
        return Flow(place, self.target, EnvironmentState(URI, self.s3), ask, say, "me")

    @property
    def target(self) -> FileTarget:
        return FileTarget(self.root / "target.json")


@pytest.fixture
def driver(tmp_path: Path, s3: S3Options) -> Driver:
    return Driver(tmp_path, s3)


def lease(s3: S3Options) -> Lease:
    return Lease.from_json(s3_client(s3).get_object(Bucket="deploys", Key="staging/lock.json")["Body"].read())


def write_lease(s3: S3Options, **changes: Any) -> None:
    told = {"owner": "another", "host": "elsewhere", "pid": 1, "started": "", "nonce": "n", "expires": ""}
    content = json.dumps(told | changes).encode()
    s3_client(s3).put_object(Bucket="deploys", Key="staging/lock.json", Body=content)


def until(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()


def test_a_deploy_leaves_its_record_there_and_the_next_one_reads_it(s3: S3Options, driver: Driver) -> None:
    first = driver.flow()
    first.deploy(release(1))
    again = driver.flow()
    assert again.state.read().current.id == release(1).id
    assert not again.deploy(release(1)).plan.steps
    again.deploy(release(2))
    assert [one.champion.version for one in first.state.read().history] == [1, 2]
    first.roll_back()
    assert [one.champion.version for one in again.state.read().history] == [1]


def test_the_lock_has_an_owner_and_an_expiry(s3: S3Options, driver: Driver) -> None:
    with deploy_lock(URI, s3, "somebody", WAIT):
        found = lease(s3)
        assert found.owner == "somebody"
        assert datetime.fromisoformat(found.expires) > datetime.now(UTC)
        with pytest.raises(OutsideError, match="somebody, until"):
            driver.flow().deploy(release(1))
    assert holder(URI, s3) is None
    driver.flow().deploy(release(1))


def test_a_lease_that_is_over_is_taken_and_one_that_is_not_is_respected(s3: S3Options, driver: Driver) -> None:
    write_lease(s3, expires=until(10))
    with pytest.raises(OutsideError, match="another"):
        driver.flow().deploy(release(1))
    write_lease(s3, expires=until(-10))
    driver.flow().deploy(release(1))


def test_a_lock_that_another_took_meanwhile_is_lost_and_nothing_more_is_changed(s3: S3Options, driver: Driver) -> None:
    def taken(words: str) -> None:
        if words.startswith("register"):
            write_lease(s3, expires=until(60))
            time.sleep(4.5)  # a renewal sees it after a second; without one the lease is over

    short = WaitOptions(stable_seconds=5.0, poll_seconds=0.02, lease_seconds=4.0)
    with pytest.raises(OutsideError, match="the lock was lost"):
        driver.flow(taken, short).deploy(release(1))
    assert driver.target.inspect().release is None
    assert lease(s3).owner == "another"


def test_a_lock_of_another_host_says_whose_it_is_and_how_to_remove_it(s3: S3Options, driver: Driver) -> None:
    write_lease(s3, expires=until(10), host="ci-7", pid=4711)
    with pytest.raises(OutsideError, match="process 4711 on ci-7") as error:
        driver.flow().deploy(release(1))
    assert f"aws s3 rm {URI}/lock.json" in str(error.value.remedy)
    write_lease(s3, expires=until(10), host=socket.gethostname(), pid=os.getpid(), started=start_of(os.getpid()))
    with pytest.raises(OutsideError) as error:
        driver.flow().deploy(release(1))
    assert f"end process {os.getpid()}" in str(error.value.remedy)
    assert "rm " not in str(error.value.remedy)


def test_a_lease_that_ended_while_the_machine_slept_is_no_longer_held(s3: S3Options) -> None:
    lock = Lock(URI, s3, "me", 3600.0)
    lock.take(0)
    lock.check()
    lock._lease = lock._lease.model_copy(update={"expires": until(-1)})
    with pytest.raises(OutsideError, match="not renewed in time"):
        lock.check()
    lock.let_go()


def test_of_many_at_once_one_holds_the_lock(s3: S3Options) -> None:
    ready, held, refused = threading.Barrier(6), [], []

    def take(number: int) -> None:
        ready.wait()
        try:
            with deploy_lock(URI, s3, f"number {number}", WAIT):
                held.append(number)
                done.wait(60)
        except OutsideError:
            refused.append(number)
            if len(refused) == 5:
                done.set()

    done = threading.Event()
    threads = [threading.Thread(target=take, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 5)


def test_two_who_change_the_records_at_once_lose_nothing(s3: S3Options, driver: Driver) -> None:
    state = EnvironmentState(URI, s3)

    def add(version: int) -> None:
        state.change(lambda known: known.model_copy(update={"history": (*known.history, release(version))}))

    threads = [threading.Thread(target=add, args=(version,)) for version in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.champion.version for one in state.read().history) == [1, 2, 3, 4, 5]


def test_a_write_whose_answer_was_lost_is_known_again(
    s3: S3Options, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """boto3 sends it again, and S3 says that the object is another one by now: it is the one that was sent."""
    from modelway.storage import documents, write_if_unchanged

    def lost(*args: Any, **more: Any) -> str | None:
        write_if_unchanged(*args, **more)
        return write_if_unchanged(*args, **more)

    monkeypatch.setattr(documents, "write_if_unchanged", lost)
    driver.flow().deploy(release(1))
    known = driver.flow().state.read()
    assert [one.champion.version for one in known.history] == [1]
    assert [event.what for event in known.events] == ["deployed"]


def test_a_rollback_switches_the_flags_there_off(s3: S3Options, driver: Driver) -> None:
    flow: Flow = driver.flow()
    flow.deploy(release(1))
    flow.deploy(release(2, 3))
    update_flags(flow.place.flags, lambda _: with_shares(None, Shares(new_model=0.5, shadow=1.0)), s3=s3)
    flow.roll_back()
    content = s3_client(s3).get_object(Bucket="deploys", Key="staging/flags.json")["Body"].read()
    assert read_shares(json.loads(content)) == Shares()


def test_the_policys_calls_of_s3_are_those_that_are_made(s3: S3Options, driver: Driver) -> None:
    called: set[str] = set()
    s3_client(s3).meta.events.register("before-call.s3.*", lambda model, **_: called.add(model.name))
    flow = driver.flow()
    flow.deploy(release(1))
    flow.deploy(release(2, 3))
    update_flags(flow.place.flags, lambda _: with_shares(None, Shares(new_model=0.5)), s3=s3)
    flow.roll_back()
    assert called == {"GetObject", "PutObject"}
    found = json.loads(DOCS.read_text(encoding="utf-8").partition("```json\n")[2].partition("```")[0])
    (state,) = [one for one in found["Statement"] if one["Sid"] == "State"]
    assert set(state["Action"]) == {f"s3:{name}" for name in called}
