"""An advisory database in a file, as `--advisories` names it."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import advisory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Audited


@pytest.fixture(autouse=True)
def _small_databases_are_enough(project: Audited) -> None:
    project.only("dependencies")
    project.options["dependencies"]["advisories"] = {"min_count": 1, "max_age": 36500}


def _folder(path: Path, records: list[dict[str, Any]]) -> Path:
    for record in records:
        (path / "db" / "PyPI").mkdir(parents=True, exist_ok=True)
        (path / "db" / "PyPI" / f"{record['id']}.json").write_text(json.dumps(record, indent=2))
    return path / "db"


def _zip(path: Path, records: list[dict[str, Any]]) -> Path:
    with zipfile.ZipFile(path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for record in records:
            archive.writestr(f"{record['id']}.json", json.dumps(record))
    return path / "all.zip"


def _lines(path: Path, records: list[dict[str, Any]]) -> Path:
    (path / "db.jsonl").write_text("\n\n".join(json.dumps(record) for record in records))
    return path / "db.jsonl"


@pytest.mark.parametrize("form", [_folder, _zip, _lines])
def test_every_form_is_read(project: Audited, tmp_path: Path, form: Callable[..., Path]) -> None:
    path = form(tmp_path, [advisory("PYSEC-1"), advisory("PYSEC-2", package="other")])
    record = project.audit("--advisories", str(path))
    check = record["by"]["dependencies"]
    assert record["exit_code"] == 4
    assert [finding["rule"] for finding in check["findings"]] == ["PYSEC-1"]
    assert "2 advisories for PyPI, the newest of 2026-06-01" in check["reason"]


def test_the_settings_may_name_the_database_relative_to_them(project: Audited, database: Callable[..., Path]) -> None:
    project.write("db.jsonl", database(advisory("PYSEC-1")).read_bytes())
    project.options["dependencies"]["advisories"]["path"] = "db.jsonl"
    assert project.audit()["exit_code"] == 4


def test_what_concerns_other_versions_and_packages_passes(project: Audited, database: Callable[..., Path]) -> None:
    fixed = advisory("PYSEC-1", events=[{"introduced": "0"}, {"fixed": "3.7"}])
    withdrawn = advisory("PYSEC-2", withdrawn="2026-01-01T00:00:00Z")
    npm = advisory("GHSA-1")
    npm["affected"][0]["package"]["ecosystem"] = "npm"
    record = project.audit("--advisories", str(database(fixed, withdrawn, npm)))
    assert record["exit_code"] == 0
    assert "2 advisories for PyPI" in record["by"]["dependencies"]["reason"]


def test_the_names_of_one_vulnerability_are_told_together(project: Audited, database: Callable[..., Path]) -> None:
    path = database(advisory("GHSA-1", aliases=["CVE-1"]), advisory("PYSEC-1", aliases=["CVE-1"]))
    [finding] = project.audit("--advisories", str(path))["by"]["dependencies"]["findings"]
    assert finding["rule"] == "PYSEC-1"
    assert "CVE-1, GHSA-1" in finding["message"]


def test_an_advisory_that_names_commits_alone_passes_nothing(project: Audited, database: Callable[..., Path]) -> None:
    record = advisory("PYSEC-1")
    record["affected"][0]["ranges"][0]["type"] = "GIT"
    check = project.audit("--advisories", str(database(record)))["by"]["dependencies"]
    assert (check["verdict"], check["findings"][0]["rule"]) == ("error", "not-audited")
    assert "PYSEC-1" in check["findings"][0]["message"]


def _reason_of_error(project: Audited, path: Path) -> str:
    record = project.audit("--advisories", str(path))
    check = record["by"]["dependencies"]
    # The file is somebody's here, not an outside system's.
    assert (record["exit_code"], check["verdict"], check["outside"]) == (4, "error", False)
    return str(check["reason"])


def test_a_database_that_is_not_there(project: Audited, tmp_path: Path) -> None:
    assert "nowhere" in _reason_of_error(project, tmp_path / "nowhere")


def test_an_empty_file_and_an_empty_folder(project: Audited, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "folder").mkdir()
    assert "holds 0 advisories" in _reason_of_error(project, tmp_path / "empty.jsonl")
    assert "holds 0 advisories" in _reason_of_error(project, tmp_path / "folder")


def test_a_small_one(project: Audited, database: Callable[..., Path]) -> None:
    del project.options["dependencies"]["advisories"]["min_count"]
    assert "holds 1 advisories" in _reason_of_error(project, database(advisory("PYSEC-1", package="x")))


def test_an_old_one(project: Audited, database: Callable[..., Path]) -> None:
    project.options["dependencies"]["advisories"]["max_age"] = 14
    old = advisory("PYSEC-1", package="x", modified="2020-01-02T00:00:00Z")
    # What claims to be of a later day than today does not make it younger.
    later = advisory("PYSEC-2", package="x", modified="2999-01-02T00:00:00Z")
    assert "2020-01-02" in _reason_of_error(project, database(old, later))


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "PYSEC-1", "modi',
        "[]",
        '{"id": "PYSEC-1"}',
        '{"modified": "2026-01-01T00:00:00Z"}',
        '{"id": "PYSEC-1", "modified": "yesterday", "affected": [{"package": {"ecosystem": "PyPI", "name": "x"}}]}',
        '{"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z", "affected": [7]}',
        '{"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z", "affected": [{"package": {"ecosystem": "PyPI"}}]}',
        '{"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z", "schema_version": "2.0.0"}',
    ],
)
def test_a_torn_one(project: Audited, tmp_path: Path, line: str) -> None:
    path = tmp_path / "torn.jsonl"
    path.write_text(json.dumps(advisory("PYSEC-9", package="x")) + "\n" + line)
    _reason_of_error(project, path)


def test_a_torn_zip(project: Audited, tmp_path: Path) -> None:
    path = _zip(tmp_path, [advisory(f"PYSEC-{number}", package="x") for number in range(50)])
    content = bytearray(path.read_bytes())
    content[40:60] = bytes(20)
    path.write_bytes(content)
    _reason_of_error(project, path)


def test_a_record_without_end_is_not_read_to_its_end(project: Audited, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PYSEC-1.json", b" " * (20 * 2**20))
    assert "larger than" in _reason_of_error(project, tmp_path / "bomb.zip")
    (tmp_path / "line.jsonl").write_bytes(b" " * (20 * 2**20))
    assert "larger than" in _reason_of_error(project, tmp_path / "line.jsonl")
