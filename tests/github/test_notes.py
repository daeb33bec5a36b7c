"""What a release says, and that equal models give equal archives."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from modelway.github.archive import pack
from modelway.github.notes import plan_release
from modelway.records.data import Task
from modelway.records.evaluate import Estimate, Evaluation, GateVerdict
from modelway.records.register import Alias, Version
from modelway.records.verdict import Verdict

COMMIT = "0123456789abcdef" * 2 + "01234567"


def version(**tags: str) -> Version:
    return Version(name="loans", number=3, run_id="run1", model_digest="d" * 64, tags=tags)


def evaluation(*gates: GateVerdict) -> Evaluation:
    return Evaluation(
        task=Task.CLASSIFICATION,
        primary="roc_auc",
        rows=1234,
        confidence=0.9,
        metrics={
            "roc_auc": Estimate(value=0.91234, low=0.9, high=0.92),
            "recall": Estimate(value=None),
            "mae": Estimate(value=123456.7, low=1.0, high=2.0),
        },
        model_digest="d" * 64,
        size_bytes=1,
        gates=gates,
        verdict=Verdict.PASS,
    )


def test_notes_hold_metrics_with_intervals_verdicts_digest_and_commit() -> None:
    gates = (
        GateVerdict(gate="minimum.roc_auc", verdict=Verdict.PASS, reason="roc_auc is 0.91"),
        GateVerdict(gate="champion", verdict=Verdict.INCONCLUSIVE, reason="no champion", waived=True),
    )
    plan = plan_release(version(commit=COMMIT, data_digest="f00"), evaluation(*gates))
    assert (plan.tag, plan.title, plan.commit) == ("loans-v3", "loans version 3", COMMIT)
    lines = plan.notes.splitlines()
    assert lines[0] == plan.marker == f"<!-- modelway: loans {'d' * 64} -->"
    assert "Measured on 1,234 held-out rows:" in lines
    assert "| metric | value | 90% interval |" in lines
    assert "| **`roc_auc`** | 0.9123 | 0.9000 to 0.9200 |" in lines
    assert "| `recall` | \N{EN DASH} | \N{EN DASH} |" in lines
    assert "| `mae` | 123,456.7 | 1.0000 to 2.0000 |" in lines
    assert "Gates: **pass**" in lines
    assert "| `minimum.roc_auc` | pass | `roc_auc is 0.91` |" in lines
    assert "| `champion` | inconclusive (let through) | `no champion` |" in lines
    assert f"| model digest | `{'d' * 64}` |" in lines
    assert "| data digest | `f00` |" in lines
    assert f"| commit | `{COMMIT}` |" in lines
    assert "| MLflow run | `run1` |" in lines


def test_a_tree_with_changes_is_told_and_the_tag_is_made_at_its_commit() -> None:
    plan = plan_release(version(commit=f"{COMMIT}-dirty"), evaluation())
    assert plan.commit == COMMIT
    assert f"| commit | `{COMMIT}` with changes that were not committed |" in plan.notes


@pytest.mark.parametrize("commit", ["", "main", "abc123", "-dirty", COMMIT.upper(), f"{COMMIT}0", f"x{COMMIT}"])
def test_the_tag_is_made_at_nothing_but_a_full_commit(commit: str) -> None:
    assert plan_release(version(**({"commit": commit} if commit else {})), evaluation()).commit is None


def test_aliases_that_move_change_no_release() -> None:
    champion = version().model_copy(update={"aliases": (Alias.CHAMPION,)})
    assert plan_release(champion, evaluation()) == plan_release(version(), evaluation())


def test_names_in_the_data_mention_nobody_and_break_no_table() -> None:
    gate = GateVerdict(gate="bias.@admin", verdict=Verdict.FAIL, reason="`@octocat` | a\n| b <img src=x>")
    (row,) = [line for line in plan_release(version(), evaluation(gate)).notes.splitlines() if "admin" in line]
    assert row == "| `bias.@admin` | fail | `` `@octocat` \\| a\\n\\| b <img src=x> `` |"


def write_model(directory: Path, names: list[str]) -> Path:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name * 100)
    return directory


def test_equal_files_give_equal_archives(tmp_path: Path) -> None:
    names = ["model.json", "code/features.py", "a.skops"]
    first = write_model(tmp_path / "first", names)
    second = write_model(tmp_path / "second", names[::-1])
    os.utime(second / "model.json", (0, 2_000_000_000))
    (second / "a.skops").chmod(0o600)
    (tmp_path / "there").mkdir()
    pack(first, tmp_path / "loans-v3.zip")
    pack(second, tmp_path / "there" / "loans-v3.zip")
    assert (tmp_path / "loans-v3.zip").read_bytes() == (tmp_path / "there" / "loans-v3.zip").read_bytes()


def test_an_archive_unpacks_to_the_directory(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", ["model.json", "code/features.py"])
    pack(model, tmp_path / "loans-v3.zip")
    with zipfile.ZipFile(tmp_path / "loans-v3.zip") as archive:
        assert archive.namelist() == ["loans-v3/code/features.py", "loans-v3/model.json"]
        archive.extractall(tmp_path)
    assert (tmp_path / "loans-v3" / "model.json").read_bytes() == (model / "model.json").read_bytes()
    assert (tmp_path / "loans-v3" / "model.json").stat().st_mode & 0o077 == 0o044
