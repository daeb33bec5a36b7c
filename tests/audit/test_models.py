"""Code in model files, found without running any of it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from modelway.checks.audit.model_scan import scan

from .model_files import DANGEROUS, EVIL, FINE, GOOD, PICKLES, TORCH, UNREADABLE, joblib_of, zip_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Audited


def _seen(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    (folder / name).write_bytes(content)
    seen = scan({"root": str(folder), "files": [name]})["seen"]
    return seen[0] if seen else {"dangerous": [], "unreadable": [], "imports": None}


@pytest.mark.parametrize("name", DANGEROUS)
def test_code_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    seen = _seen(tmp_path, name, DANGEROUS[name])
    assert len(seen["dangerous"]) == 1, seen
    assert "system" in seen["dangerous"][0] or "Lambda" in seen["dangerous"][0]
    assert seen["unreadable"] == []
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_can_not_be_followed_is_told(tmp_path: Path, name: str) -> None:
    assert len(_seen(tmp_path, name, UNREADABLE[name])["unreadable"]) == 1


def test_an_array_does_not_lead_back(tmp_path: Path) -> None:
    # A size below 0 would make whoever skips the array read the same opcodes again, without end.
    content = joblib_of({"a": np.zeros(7)}).replace(b"K\x07\x85", b"J\xf6\xff\xff\xff\x85")
    assert _seen(tmp_path, "backwards.joblib", content)["unreadable"] == ["it holds an array of a size below 0"]


@pytest.mark.parametrize("name", FINE)
def test_what_holds_no_code_is_not_told(tmp_path: Path, name: str) -> None:
    assert _seen(tmp_path, name, FINE[name]) == {"dangerous": [], "unreadable": [], "imports": None}


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_is_told(tmp_path: Path, name: str) -> None:
    seen = _seen(tmp_path, name, PICKLES[name])
    assert (seen["dangerous"], seen["unreadable"]) == ([], [])
    assert seen["imports"] is not None


def test_a_pickle_that_breaks_off_behind_its_code_is_dangerous(tmp_path: Path) -> None:
    seen = _seen(tmp_path, "broken.pkl", EVIL[:-1] + b"\xff" * 10)
    assert seen["dangerous"]
    assert seen["unreadable"]


def test_the_memo_of_one_pickle_does_not_hide_the_imports_of_the_next(tmp_path: Path) -> None:
    # The second pickle's memo begins anew: there, 0 and 1 are "os" and "system".
    first = b"\x80\x04\x8c\x0bcollections\x94\x8c\x0bOrderedDict\x94\x93."
    second = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00h\x01\x93\x8c\x02id\x85R."
    assert _seen(tmp_path, "memo.pkl", first + second)["dangerous"]


def test_an_encrypted_archive_is_told(tmp_path: Path) -> None:
    content = bytearray(zip_of(model_DOT_pkl=EVIL))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + offset] |= 1
    assert _seen(tmp_path, "closed.zip", bytes(content))["unreadable"]


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_what_unpacks_without_end_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr("modelway.checks.audit.archives._MAX_BYTES", 2**22)
    [message] = _seen(tmp_path, "bomb.joblib", pack(bytes(2**24)))["unreadable"]
    assert "unpacks to more than" in message


def test_the_verdicts(project: Audited) -> None:
    project.only("models")
    record = project.audit()
    assert (record["exit_code"], record["by"]["models"]["verdict"]) == (0, "pass")
    project.write("models/good.pkl", GOOD)
    record = project.audit()
    assert record["exit_code"] == 0
    pickles = record["by"]["models.pickles"]
    assert (pickles["verdict"], pickles["severity"]) == ("fail", "warn")
    assert pickles["findings"][0]["path"] == "models/good.pkl"
    project.options["models"]["pickles"] = "fail"
    assert project.audit()["exit_code"] == 4
    project.options["models"]["pickles"] = "allow"
    assert project.audit()["exit_code"] == 0
    project.write("models/torn.pkl", UNREADABLE["torn.pkl"])
    record = project.audit()
    assert (record["exit_code"], record["by"]["models"]["verdict"]) == (4, "error")
    project.write("models/evil.pt", TORCH)
    record = project.audit()
    assert (record["exit_code"], record["by"]["models"]["verdict"]) == (4, "fail")
    assert {one["rule"] for one in record["by"]["models"]["findings"]} == {"dangerous-model", "unreadable"}


def test_paths_of_the_settings_are_looked_at_even_where_git_ignores_them(project: Audited) -> None:
    project.only("models")
    subprocess.run(["git", "init", "-q", "."], cwd=project.root, check=True)
    project.write(".gitignore", "artifacts/\n")
    project.write("artifacts/evil.pkl", EVIL)
    assert project.audit()["exit_code"] == 0
    project.options["models"]["paths"] = ["artifacts"]
    assert project.audit()["exit_code"] == 4
    project.options["models"]["exclude"] = ["artifacts/evil.*"]
    assert project.audit()["exit_code"] == 0
    project.options["models"]["paths"] = ["nowhere"]
    assert project.audit()["exit_code"] == 4
