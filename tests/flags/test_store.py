"""The document at its address."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelway.errors import InputError
from modelway.flags import FlagWatch, parse_document, read_shares, update_flags, with_shares
from modelway.records.data import S3Options
from modelway.records.flags import Shares


@pytest.fixture
def watch(tmp_path):
    """A watch on `flags.json` and the values of NEW_MODEL_ENABLED that came into force."""
    seen = []

    def accept(rules) -> None:
        if rules.version.value("") == "unknown":
            raise InputError("no such version")
        seen.append(rules.enabled.value(""))

    return FlagWatch(str(tmp_path / "flags.json"), S3Options(), accept), seen


def test_a_change_comes_into_force(watch, text, tmp_path) -> None:
    flags, seen = watch
    (tmp_path / "flags.json").write_bytes(text(enabled=False))
    assert flags.poll()
    assert not flags.poll()
    (tmp_path / "flags.json").write_bytes(text(enabled=True))
    assert flags.poll()
    assert seen == [False, True]
    assert flags.fault is None


@pytest.mark.parametrize("fault", ["torn", "missing", "lacking", "refused"])
def test_a_bad_document_leaves_the_last_good_one_in_force(watch, text, document, tmp_path, fault: str) -> None:
    flags, seen = watch
    path = tmp_path / "flags.json"
    good = text(enabled=True)
    path.write_bytes(good)
    flags.poll()
    if fault == "missing":
        path.unlink()
    else:
        lacking = document(enabled=False)
        del lacking["flags"]["SHADOW_MODEL_ENABLED"]
        refused = json.dumps(document(enabled=False, version="unknown")).encode()
        path.write_bytes({"torn": good[:40], "lacking": json.dumps(lacking).encode(), "refused": refused}[fault])
    assert not flags.poll()
    assert seen == [True]
    assert flags.content == good
    assert flags.fault
    path.write_bytes(good)
    flags.poll()
    assert flags.fault is None


def test_writers_at_once_lose_nothing(tmp_path) -> None:
    uri = str(tmp_path / "flags.json")

    def add(name: str) -> None:
        def change(found):
            document = with_shares(found, Shares()) if found is None else json.loads(json.dumps(found))
            document["flags"][name] = {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"}
            return document

        update_flags(uri, change)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, [f"flag{number}" for number in range(16)]))
    flags = json.loads((tmp_path / "flags.json").read_text())["flags"]
    assert len([name for name in flags if name.startswith("flag")]) == 16


def test_what_is_no_document_is_never_written(tmp_path) -> None:
    with pytest.raises(InputError):
        update_flags(str(tmp_path / "flags.json"), lambda _: {"flags": {}})
    assert not (tmp_path / "flags.json").exists()


def test_shares_are_read_as_they_were_written(document) -> None:
    shares = Shares(new_model=0.05, shadow=1, version="4")
    first = with_shares(None, shares)
    assert read_shares(first) == shares
    assert read_shares(document(enabled={"if": [True, "on"]})) is None


def test_the_epoch_counts_changes_of_the_shares_only() -> None:
    first = with_shares(None, Shares(new_model=0.05))
    same = with_shares(first, Shares(new_model=0.05))
    grown = with_shares(first, Shares(new_model=0.25))
    assert same == first
    assert [parse_document(json.dumps(found), "f").epoch for found in (first, grown)] == ["1", "2"]


def test_a_small_share_is_never_rounded_to_none() -> None:
    assert read_shares(with_shares(None, Shares(new_model=0.00001))).new_model == 0.0001
