"""Each stage runs with nothing but the files of its rooms: what is left out may change without running it again."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from modelway_ci.rooms import ROOMS

SETTINGS = """\
name: rooms
prepare:
  task: classification
  target: defaulted
  positive: "yes"
  data: {uri: loans.csv}
  columns:
    applied_on: {type: date}
    income: {type: number}
    purpose: {type: category}
    note: {type: text}
    group: {type: category}
    defaulted: {type: category}
  ignore: [age, amount, term_months, employment, home, credit_history_years, late_payments]
fit:
  features: {drop: [group]}
  estimator: {kind: boosted_trees, epochs: 3}
  search: {trials: 1}
evaluate:
  slices: [purpose]
  sensitive: [group]
"""


def only(rooms, source, target):
    """Copy the package without what is outside of the rooms."""
    for pattern in rooms:
        for path in source.glob(f"{pattern}/*" if pattern.endswith("**") else pattern):
            if path.is_file() and path.suffix != ".pyc":
                place = target / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)


def run(stage, root, folder, *argv):
    """Run a stage with its rooms alone."""
    only(ROOMS[stage], root / "src" / "modelway", folder / stage / "modelway")
    command = [sys.executable, "-m", "modelway", stage, "--config", "modelway.yaml", "--verbose", *argv]
    environment = {"PYTHONPATH": str(folder / stage), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_each_stage_runs_with_its_rooms_alone(root, tmp_path):
    from modelway.data.sample import write_sample

    write_sample(tmp_path, rows=400)
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    done = run("prepare", root, tmp_path, "--output", "prepared")
    assert done.returncode == 0, done.stderr
    done = run("fit", root, tmp_path, "--prepared", "prepared", "--output", "model")
    assert done.returncode == 0, done.stderr
    inputs = ("--prepared", "prepared", "--model", "model", "--champion", "model")
    done = run("evaluate", root, tmp_path, *inputs, "--output", "evaluated")
    assert done.returncode in {4, 5}, done.stderr
    assert "ModuleNotFoundError" not in done.stderr
    assert (tmp_path / "evaluated" / "report.html").is_file()


@pytest.mark.parametrize(
    ("stage", "not_run"),
    [
        ("prepare", ("features", "train", "evaluate", "report", "registry", "bundle")),
        ("fit", ("evaluate", "report", "registry", "observe")),
        ("evaluate", ("registry",)),
    ],
)
def test_rooms_that_a_stage_never_enters_are_left_out(root, tmp_path, stage, not_run):
    only(ROOMS[stage], root / "src" / "modelway", tmp_path)
    assert not {path.name for path in tmp_path.iterdir()} & set(not_run)


def test_every_glob_names_something(root):
    for rooms in ROOMS.values():
        assert not [room for room in rooms if not any((root / "src" / "modelway").glob(room))]
