"""Documents that several writers change at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import InputError, OutsideError
from modelway.storage import Document, documents


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
    assert counter(f"{tmp_path}/number").change(lambda _: 7) == (7, True)
    assert (tmp_path / "number").read_text() == "  7 "


def test_an_answer_that_got_lost_is_no_reason_to_change_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = documents.write_if_unchanged

    def lose(*given: Any, **more: Any) -> None:
        written(*given, **more)

    monkeypatch.setattr(documents, "write_if_unchanged", lose)
    assert counter(f"{tmp_path}/number").change(lambda number: number + 1) == (1, True)


def test_others_who_never_stop_are_told_of(tmp_path: Path) -> None:
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
