"""Artifact directories are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelway.artifacts import artifact_digest, digest_of, read_manifest, write_artifact
from modelway.errors import InputError, UsageError


def write(target: Path, text: str = "one", inputs: dict[str, str] | None = None) -> None:
    with write_artifact(target, "toy", inputs) as directory:
        (directory / "part").mkdir()
        (directory / "part" / "file.txt").write_text(text)
        (directory / "timings.json").write_text("{}")


def test_what_was_written_is_read_with_its_inputs(tmp_path: Path) -> None:
    write(tmp_path / "out", inputs={"data": "abc"})
    manifest = read_manifest(tmp_path / "out", "toy")
    assert list(manifest.files) == ["part/file.txt"]
    assert manifest.inputs == {"data": "abc"}


def test_the_digest_is_of_the_files_alone(tmp_path: Path) -> None:
    write(tmp_path / "one", "same", {"data": "abc"})
    write(tmp_path / "two", "same", {"data": "def"})
    write(tmp_path / "three", "other", {"data": "abc"})
    one, two, three = (artifact_digest(read_manifest(tmp_path / name)) for name in ("one", "two", "three"))
    assert one == two != three


def test_timings_stand_outside_the_digest(tmp_path: Path) -> None:
    write(tmp_path / "out")
    before = artifact_digest(read_manifest(tmp_path / "out"))
    (tmp_path / "out" / "timings.json").write_text('{"seconds": 3}')
    assert artifact_digest(read_manifest(tmp_path / "out")) == before


def test_digest_of_is_pinned() -> None:
    # Registered models carry it; another value would orphan them.
    assert digest_of({"b": "2", "a": "1"}) == "21f76dfbfe6dfe21f762080ef484112cf2952974cef30741fd1931e1c6d92112"


def test_an_error_leaves_the_old_one_and_nothing_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "out", "old")
    with pytest.raises(RuntimeError), write_artifact(tmp_path / "out", "toy") as directory:
        (directory / "file.txt").write_text("half")
        raise RuntimeError
    assert (tmp_path / "out" / "part" / "file.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_artifact_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "out", "old")
    (tmp_path / "out" / "left over").write_text("x")
    write(tmp_path / "out", "new")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", "part", "timings.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_other_peoples_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not a modelway artifact"):
        write(tmp_path / "mine")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="a file"):
        write(tmp_path / "file")


@pytest.mark.parametrize("fault", ["changed", "added", "removed", "manifest", "kind", "missing"])
def test_a_directory_that_is_not_as_it_was_made_is_refused(tmp_path: Path, fault: str) -> None:
    out = tmp_path / "out"
    write(out)
    if fault == "changed":
        (out / "part" / "file.txt").write_text("two")
    elif fault == "added":
        (out / "extra").write_text("x")
    elif fault == "removed":
        (out / "part" / "file.txt").unlink()
    elif fault == "manifest":
        (out / "manifest.json").write_text('{"kind": "toy"')
    with pytest.raises(InputError) as caught:
        read_manifest(out if fault != "missing" else tmp_path / "nowhere", "other" if fault == "kind" else "toy")
    assert str(tmp_path) in str(caught.value)
