"""Each stage runs with nothing but the files of its rooms: what is left out may change without running it again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime

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
    """Run a stage with its rooms alone, which lie beside the project."""
    rooms = folder.with_name(f"{folder.name}-rooms") / stage
    only(ROOMS[stage], root / "src" / "modelway", rooms / "modelway")
    command = [sys.executable, "-m", "modelway", stage, "--config", "modelway.yaml", "--verbose", *argv]
    environment = {"PYTHONPATH": str(rooms), "PATH": "/usr/bin:/bin", "HOME": str(folder), "OMP_NUM_THREADS": "1"}
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
    ("part", "flags"),
    [
        ("check-data", ()),
        ("smoke-train", ("--epochs", "1")),
        ("audit", ("--set", "audit.dependencies.enabled=false")),
        ("audit", ("--answers", "answers.json", "--set", "audit.code.enabled=false")),
        ("audit", ("--advisories", "advisories.jsonl", "--set", "audit.dependencies.advisories.min_count=1")),
    ],
)
def test_each_part_of_ci_runs_with_its_rooms_alone(root, tmp_path, part, flags):
    from modelway.data.sample import write_sample

    write_sample(tmp_path, rows=400)
    (tmp_path / "modelway.yaml").write_text(SETTINGS)
    (tmp_path / "requirements.lock").write_text("idna==3.7\n")
    (tmp_path / "code.py").write_text("X = 1\n")
    today = datetime.now(UTC).date().isoformat()
    package = {"name": "idna", "version": "3.7"}
    (tmp_path / "answers.json").write_text(json.dumps({"service": "pypi", "day": today, "packages": [package]}))
    advisory = {"id": "X", "modified": today, "affected": [{"package": {"ecosystem": "PyPI", "name": "none"}}]}
    (tmp_path / "advisories.jsonl").write_text(json.dumps(advisory) + "\n")
    done = run(part, root, tmp_path, *flags, "--output", "reports")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "reports" / "checks.json").read_text())["verdict"] == "pass"


@pytest.mark.parametrize(
    ("stage", "not_run"),
    [
        ("prepare", ("features", "train", "evaluate", "report", "registry", "bundle")),
        ("fit", ("evaluate", "report", "registry", "observe")),
        ("evaluate", ("registry",)),
        ("check-data", ("features", "train", "evaluate", "registry", "bundle", "observe", "github")),
        ("audit", ("data", "features", "train", "evaluate", "registry", "bundle", "observe", "report", "storage")),
        ("smoke-train", ("github",)),
    ],
)
def test_rooms_that_a_stage_never_enters_are_left_out(root, tmp_path, stage, not_run):
    only(ROOMS[stage], root / "src" / "modelway", tmp_path)
    assert not {path.name for path in tmp_path.iterdir()} & set(not_run)


def test_every_glob_names_something(root):
    for rooms in ROOMS.values():
        assert not [room for room in rooms if not any((root / "src" / "modelway").glob(room))]
