"""Documents that several writers change at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.exceptions import ReadTimeoutError

from modelway.errors import InputError, OutsideError
from modelway.storage import Document, documents
from modelway.storage.access import read_version


def counter(uri: str, **more: Any) -> Document[int]:
    """A number that is 0 where it was never written."""

    def parse(content: bytes | None) -> int:
        try:
            return 0 if content is None else int(content)
        except ValueError as error:
            raise InputError("no number", where=uri) from error

    return Document(uri, "the number", parse, json.dumps, **more)


def test_no_change_is_lost_of_writers_at_once(tmp_path: Path) -> None:
    uri = str(tmp_path / "number")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: counter(uri).change(lambda number: number + 1), range(12)))
    assert sorted(number for number, _ in found) == list(range(1, 13))
    assert all(mine for _, mine in found)
    assert counter(uri).read() == 12


def test_it_is_kept_on_s3_as_well(bucket: Any) -> None:
    document = counter(bucket.uri("number"), s3=bucket.options)
    assert [document.change(lambda number: number + 1) for _ in range(2)] == [(1, True), (2, True)]
    assert document.read() == 2


def test_none_leaves_it_as_it_is(tmp_path: Path) -> None:
    document = counter(f"{tmp_path}/number")
    assert document.change(lambda _: None) == (0, False)
    assert not (tmp_path / "number").exists()


def test_what_is_wanted_already_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("  7 ")
    assert counter(f"{tmp_path}/number").change(lambda _: 7) == (7, False)  # somebody else wrote it
    assert (tmp_path / "number").read_text() == "  7 "


def count(bucket: Any, times: int) -> None:
    for _ in range(times):
        counter(bucket.uri("n"), s3=bucket.options).change(lambda number: number + 1)


class TestLostAnswers:
    """On S3; the answer to the first write is lost `times` times, after which `then` happens."""

    @pytest.fixture
    def lose(self, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        def patch(times: int, then: Callable[[], object] = lambda: None, *, taken: bool = True) -> None:
            session, left = bucket.client._endpoint.http_session, [times]
            real = session.send

            def send(request: Any) -> Any:
                if request.method != "PUT" or not left[0]:
                    return real(request)
                left[0] -= 1
                if taken:
                    real(request)
                if not left[0]:
                    then()
                raise ReadTimeoutError(endpoint_url=request.url)

            monkeypatch.setattr(session, "send", send)

        monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
        monkeypatch.setattr(documents, "_pause", lambda _: None)
        return patch

    @pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
    @pytest.mark.parametrize("times", [1, 4, 8], ids=["boto3 sends it again", "boto3 gives up", "twice"])
    def test_change_counts_once(self, bucket: Any, lose: Any, times: int, taken: bool) -> None:
        lose(times, taken=taken)
        assert counter(bucket.uri("n"), s3=bucket.options).change(lambda found: found + 1) == (1, True)
        assert counter(bucket.uri("n"), s3=bucket.options).read() == 1

    def test_change_is_settled_after_many_other_writes(self, bucket: Any, lose: Any) -> None:
        lose(1, lambda: count(bucket, 30))
        assert counter(bucket.uri("n"), s3=bucket.options).change(lambda found: found + 1) == (31, True)

    def test_change_is_unknown_after_more_writes_than_have_marks(self, bucket: Any, lose: Any) -> None:
        lose(1, lambda: count(bucket, 32))
        with pytest.raises(OutsideError, match="not known whether the number changed") as error:
            counter(bucket.uri("n"), s3=bucket.options).change(lambda found: found + 1)
        assert error.value.remedy
        assert counter(bucket.uri("n"), s3=bucket.options).read() == 33

    def test_change_is_unknown_after_a_write_without_marks(self, bucket: Any, lose: Any) -> None:
        bucket.put("n", b"5")
        lose(1, lambda: bucket.put("n", b"9"))  # another tool's
        with pytest.raises(OutsideError, match="not known whether the number changed"):
            counter(bucket.uri("n"), s3=bucket.options).change(lambda found: found + 1)
        assert counter(bucket.uri("n"), s3=bucket.options).read() == 9

    def test_store_that_never_answers_leaves_it_unknown(self, bucket: Any, lose: Any) -> None:
        lose(1000, taken=False)
        with pytest.raises(OutsideError, match="not known whether the number changed"):
            counter(bucket.uri("n"), s3=bucket.options).change(lambda found: found + 1)

    def test_value_that_another_wrote_is_not_taken_for_ours(self, bucket: Any, lose: Any) -> None:
        lose(1, lambda: counter(bucket.uri("n"), s3=bucket.options).change(lambda _: 7), taken=False)
        assert counter(bucket.uri("n"), s3=bucket.options).change(lambda _: 7) == (7, False)


def test_marks_of_a_server_that_capitalises_names_are_found(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    document = counter(bucket.uri("n"), s3=bucket.options)
    document.change(lambda found: found + 1)
    real = bucket.client.get_object

    def capitalised(**given: Any) -> Any:
        answer = real(**given)
        return answer | {"Metadata": {name.title(): value for name, value in answer["Metadata"].items()}}

    monkeypatch.setattr(bucket.client, "get_object", capitalised)
    document.change(lambda found: found + 1)
    assert len(read_version(bucket.uri("n"), s3=bucket.options).marks) == 3  # what was replaced first, and two writes


def test_pauses_are_random_and_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(documents, "time", SimpleNamespace(sleep=slept.append))
    for attempt in range(1, 40):
        documents._pause(attempt)
    assert len(set(slept)) == len(slept)
    assert max(slept[:3]) < 0.1
    assert 0.1 < max(slept) < 0.3


def test_others_who_never_stop_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_pause", lambda _: None)
    file = tmp_path / "number"

    def change(number: int) -> int:
        file.write_text(str(number + 10))
        return number + 1

    with pytest.raises(OutsideError, match="others keep changing the number"):
        counter(str(file)).change(change)


def test_what_cannot_be_read_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("seven")
    with pytest.raises(InputError, match="no number"):
        counter(f"{tmp_path}/number").change(lambda number: number + 1)
    assert (tmp_path / "number").read_text() == "seven"
