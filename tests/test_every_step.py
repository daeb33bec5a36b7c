"""The kit that lets every step fail sees the mistakes that it was made for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from modelway.errors import InputError, OutsideError
from modelway.storage.s3 import s3_client
from tests.every_step import Failing, Fault, Operation, failing, killed


def _write_old(root: Path) -> None:
    (root / "state").write_text("old " * 100)


def _check(root: Path, done: bool) -> None:
    assert (root / "state").read_text() in {"new " * 100, *(() if done else ("old " * 100,))}


def _replace(root: Path) -> None:
    work = root / "state.part"
    try:
        with work.open("w") as file:
            file.write("new " * 100)
        work.replace(root / "state")
    except OSError as error:
        raise OutsideError("can't write", where=str(root)) from error
    finally:
        with suppress(OSError):
            work.unlink()


def _overwrite(root: Path) -> None:
    with suppress(OSError):
        (root / "state").write_text("new " * 100)


def _leave_the_part(root: Path) -> None:
    try:
        with tempfile.NamedTemporaryFile("w", dir=root, delete=False) as file:
            file.write("new " * 100)
        Path(file.name).replace(root / "state")
    except OSError as error:
        raise OutsideError("can't write", where=str(root)) from error


def _name_no_place(root: Path) -> None:
    try:
        _report_the_system(root)
    except OSError as error:
        raise OutsideError("can't write") from error


def _blame_the_input(root: Path) -> None:
    try:
        _report_the_system(root)
    except OSError as error:
        raise InputError("can't write", where=str(root)) from error


def _refuse_what_was_left(root: Path) -> None:
    (root / "state.part").touch(exist_ok=False)
    (root / "state.part").write_text("new " * 100)
    (root / "state.part").replace(root / "state")


def _report_the_system(root: Path) -> None:
    (root / "state.part").write_text("new " * 100)
    (root / "state.part").replace(root / "state")


def _operation(run: Callable[[Path], object]) -> Operation:
    return Operation(_write_old, run, _check)


@pytest.mark.parametrize("fault", Fault)
def test_with_each_step_an_operation_that_replaces_passes(tmp_path: Path, fault: Fault) -> None:
    seen = _operation(_replace).with_each_step(tmp_path, fault)
    assert seen == ([] if fault is Fault.KILLED else ["create", "write", "replace", "unlink"])


@pytest.mark.parametrize(
    ("run", "fault", "message"),
    [
        (_overwrite, Fault.FULL, "in {"),
        (_overwrite, Fault.STAYS_FULL, "in {"),
        (_overwrite, Fault.KILLED, "in {"),
        (_leave_the_part, Fault.BROKEN, "left behind"),
        (_leave_the_part, Fault.KILLED, "left behind"),
        (_refuse_what_was_left, Fault.KILLED, "File exists"),
        (_report_the_system, Fault.FULL, "No space left"),
        (_name_no_place, Fault.FULL, "no place"),
        (_blame_the_input, Fault.FULL, "exit code 3"),
    ],
)
def test_with_each_step_an_operation_with_a_mistake_fails(
    tmp_path: Path, run: Callable[[Path], object], fault: Fault, message: str
) -> None:
    with pytest.raises((AssertionError, OSError)) as caught:
        _operation(run).with_each_step(tmp_path, fault)
    assert message in str(caught.value)


def test_with_each_step_an_operation_of_too_few_steps_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="only 0 steps"):
        Operation(_write_old, lambda _: None, lambda *_: None).with_each_step(tmp_path, Fault.FULL)


@pytest.mark.parametrize(("fault", "arrives"), [(Fault.BROKEN, False), (Fault.LOST, True), (Fault.KILLED, False)])
def test_failing_requests_fail_with_their_retries(empty_moto: str, tmp_path: Path, fault: Fault, arrives: bool) -> None:
    from modelway.records.data import S3Options

    client = s3_client(S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True))

    def run() -> None:
        client.create_bucket(Bucket="first")
        client.create_bucket(Bucket="second")

    what = Failing(str(tmp_path), 1, fault)
    if fault is Fault.KILLED:
        assert killed(run, what)
    else:
        with pytest.raises(Exception, match="onnection"), failing(what):
            run()
        assert what.seen == ["request", "request"]
    buckets = {one["Name"] for one in client.list_buckets()["Buckets"]}
    assert buckets == {"first", *(("second",) if arrives else ())}
    assert urllib3.connectionpool.HTTPConnectionPool._make_request.__name__ == "_make_request"


def test_failing_requests_pass_where_the_same_is_requested_again(empty_moto: str, tmp_path: Path) -> None:
    from modelway.records.data import S3Options

    client = s3_client(S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True))
    with failing(Failing(str(tmp_path), 0, Fault.BROKEN)) as what:
        with pytest.raises(Exception, match="onnection"):
            client.list_buckets()
        client.list_buckets()
    assert what.seen == ["request", "request"]


def _leave_the_part_to_the_next_run(root: Path) -> None:
    try:
        _report_the_system(root)
    except OSError as error:
        raise OutsideError("can't write", where=str(root)) from error


def test_with_each_step_a_clean_up_left_to_the_next_run_fails_where_it_is_to_be_tidy(tmp_path: Path) -> None:
    operation = _operation(_leave_the_part_to_the_next_run)
    operation.with_each_step(tmp_path / "may", Fault.FULL)
    with pytest.raises(AssertionError, match="left at once"):
        replace(operation, tidy=True).with_each_step(tmp_path / "may not", Fault.FULL)


def test_failing_requests_that_are_lost_are_made_again_by_a_client_that_retries(
    empty_moto: str, tmp_path: Path
) -> None:
    pool = urllib3.PoolManager(retries=urllib3.Retry(2, allowed_methods=None))
    with failing(Failing(str(tmp_path), 0, Fault.LOST)) as what, pytest.raises(urllib3.exceptions.MaxRetryError):
        pool.request("PUT", f"{empty_moto}/bucket")
    assert what.seen == ["request"]
    assert b"<Name>bucket</Name>" in pool.request("GET", empty_moto).data


def test_with_each_step_a_stride_leaves_steps_out(tmp_path: Path) -> None:
    seen: list[int] = []
    operation = Operation(_write_old, _replace, lambda _, done: seen.append(done))
    operation.with_each_step(tmp_path, Fault.FULL, every=3)
    assert seen == [True, True, False, True, True, True, True]  # undisturbed twice, then the first, fourth and seventh


@pytest.mark.parametrize(("fault", "rows"), [(Fault.BROKEN, 0), (Fault.LOST, 1)])
def test_failing_commits_are_made_or_not(tmp_path: Path, fault: Fault, rows: int) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'db'}")
    with engine.begin() as connection:
        connection.execute(text("create table one (n int)"))
    with pytest.raises(OperationalError), failing(Failing(str(tmp_path), 0, fault)), engine.begin() as connection:
        connection.execute(text("insert into one values (1)"))
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from one")).scalar() == rows
    engine.dispose()
