"""`dagger call ci` on an engine, on a project that is not modelway: every part, in parallel, and nothing twice."""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import subprocess
import sys
import uuid

import pytest

pytestmark = pytest.mark.slow

SETTINGS = """\
name: NAME
prepare:
  task: classification
  target: defaulted
  positive: "yes"
  data: {uri: data/loans.csv}
  columns:
    applied_on: {type: date}
    age: {type: integer}
    income: {type: number}
    amount: {type: number}
    late_payments: {type: integer}
    purpose: {type: category}
    group: {type: category}
    defaulted: {type: category}
  ignore: [term_months, employment, home, credit_history_years, note]
fit:
  features: {drop: [group]}
  estimator: {kind: boosted_trees, epochs: 30, num_leaves: 15}
evaluate:
  gates:
    minimum: {roc_auc: 0.6}
check_data:
  baseline: baseline.json
  checks:
    - {check: range, column: age, min: 18, max: 120}
audit:
  dependencies:
    advisories: {min_count: 1}
"""
CODE = '''"""Loans."""


def ratio(amount: float, income: float) -> float:
    """How much of a year's income a loan is."""
    return amount / income
'''
TEST = '''"""Tests of loans."""

from loanlib import ratio


def test_ratio() -> None:
    """A half."""
    assert ratio(1.0, 2.0) == 0.5
'''
LOCK = """\
idna==3.7 \\
    --hash=sha256:028ff3aadf0609c1fd278d8ea3089299412a7a8b9bd005dd08b9f8285bcb5cfc \\
    --hash=sha256:82fee1fc78add43492d3a1898bfa6d8a904cc97d8427f683ed8e798d07761aa0
"""
SECRET = "AKIA" + "Q3EGRIXLFOH4KQWZ"
CLOSED = "audit.dependencies.osv_url=http://127.0.0.1:9/v1/query"
PARTS = ("check-code", "check-data", "test", "audit", "smoke-train")


def advisory(package):
    """A database of one advisory, of today."""
    affected = {"package": {"ecosystem": "PyPI", "name": package}}
    affected["ranges"] = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
    today = datetime.datetime.now(tz=datetime.UTC).isoformat()
    return json.dumps({"id": "PYSEC-1", "modified": today, "affected": [affected]}) + "\n"


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A project with code, tests, data and a lock of its own, and the module elsewhere."""
    from modelway.data.sample import write_sample

    folder = tmp_path_factory.mktemp("stranger")
    files = {
        "modelway.yaml": SETTINGS.replace("NAME", f"stranger-{uuid.uuid4().hex[:8]}"),
        "src/loanlib/__init__.py": CODE,
        "tests/test_loanlib.py": TEST,
        "requirements.lock": LOCK,
        # Data of a suite that are no code, and that git does not know.
        ".gitignore": ".env\nbaseline.json\n",
        ".env": f"AWS_ACCESS_KEY_ID={SECRET}\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    write_sample(folder / "data", rows=2000, seed=5)
    bare = ["--config", "modelway.yaml", "--set", "check_data.baseline=null", "--output", "made"]
    subprocess.run([sys.executable, "-m", "modelway", "check-data", *bare], cwd=folder, check=True, capture_output=True)
    shutil.move(folder / "made" / "profile.json", folder / "baseline.json")
    shutil.rmtree(folder / "made")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def advisories(tmp_path_factory):
    """A database with nothing against the project's packages."""
    path = tmp_path_factory.mktemp("advisories") / "advisories.jsonl"
    path.write_text(advisory("none-of-ours"))
    return path


@pytest.fixture(scope="module")
def check(call, project, stranger):
    """Calls a function on the stranger's project; gives the call and the summary, if it was exported."""

    def checking(function, *words):
        target = stranger / "reports"
        done = call(
            *("-m", str(project), "--source", ".", function, *words, "export", "--path", "reports", "--wipe"),
            cwd=stranger,
        )
        return done, json.loads((target / "summary.json").read_text()) if done.exit_code == 0 else None

    return checking


@pytest.fixture(scope="module")
def called(check, advisories):
    """The summary of a call with which everything is in the cache, by the day."""
    summaries = {}

    def calling():
        # What the audit said is known until midnight, and exceptions expire.
        day = datetime.datetime.now(tz=datetime.UTC).date()
        if day not in summaries:
            done, summaries[day] = check("ci", "--advisories", str(advisories))
            assert done.exit_code == 0, done.log[-5000:]
        return summaries[day]

    return calling


@pytest.fixture
def green(called):
    """The first call of the day."""
    return called()


@pytest.fixture
def changed(stranger):
    """Writes files, and puts everything back."""
    before = {}

    def writing(name, text):
        path = stranger / name
        before.setdefault(path, path.read_text() if path.exists() else None)
        path.write_text(text)

    yield writing
    for path, text in before.items():
        path.unlink() if text is None else path.write_text(text)


def codes(summary):
    return {part: one["exit_code"] for part, one in summary["parts"].items()}


def test_every_part_passes_and_leaves_its_reports_and_nothing_runs_twice(check, green, advisories, stranger):
    done, summary = check("ci", "--advisories", str(advisories))
    assert done.executed == []
    assert codes(summary) == codes(green) == dict.fromkeys(PARTS, 0)
    assert (green["exit_code"], green["not_run"]) == (0, {})
    for report in (
        *("check-code/findings.sarif", "check-data/data-docs/index.html", "check-data/failed_rows.parquet"),
        *("test/coverage.xml", "test/htmlcov/index.html", "audit/sbom.cdx.json", "smoke-train/model/model.json"),
        *(f"{part}/checks.json" for part in PARTS),
        *(f"{part}/junit.xml" for part in PARTS),
        *(f"{part}.log" for part in PARTS),
    ):
        assert (stranger / "reports" / report).is_file(), report
    assert "checks: test/checks.json" in (stranger / "reports/test.log").read_text()
    again, _ = check("ci", "--advisories", str(advisories))
    assert again.executed == []  # the reports in the project are no change


@pytest.mark.parametrize(
    ("name", "executed"),
    [
        # A test is linted and searched for secrets, too.
        ("tests/test_loanlib.py", ["audit", "check-code", "test"]),
        pytest.param("src/loanlib/__init__.py", ["audit", "check-code", "test"], marks=pytest.mark.exhaustive),
        pytest.param("README.md", ["audit", "test"], marks=pytest.mark.exhaustive),
        pytest.param(".env", [], marks=pytest.mark.exhaustive),
    ],
)
def test_a_change_runs_what_looks_at_it(check, green, advisories, changed, stranger, name, executed):
    text = (stranger / name).read_text() if (stranger / name).exists() else ""
    changed(name, f"{text}# {uuid.uuid4()}\n")
    done, summary = check("ci", "--advisories", str(advisories), "--report-only")
    assert done.executed == executed
    assert summary["exit_code"] in {0, 4}  # what ruff thinks of that line is no matter


@pytest.mark.exhaustive
def test_another_gate_is_for_the_small_training(check, green, advisories, changed, stranger):
    settings = (stranger / "modelway.yaml").read_text()
    changed("modelway.yaml", settings.replace("0.6", f"0.6{uuid.uuid4().int % 10**6}"))
    done, _ = check("ci", "--advisories", str(advisories))
    assert done.executed == ["audit", "smoke-train", "test"]


@pytest.mark.exhaustive
def test_an_advisory_is_for_the_audit_alone(check, green, tmp_path):
    (tmp_path / "advisories.jsonl").write_text(advisory("idna"))
    done, _ = check("ci", "--advisories", str(tmp_path / "advisories.jsonl"))
    assert done.exit_code == 4
    assert done.executed == ["audit", "table"]
    assert "requirements.lock:1: PYSEC-1 idna 3.7" in done.log.rpartition("Error:")[2]


@pytest.fixture
def planted(changed, stranger):
    """A fault for each part but the training."""
    changed("src/loanlib/__init__.py", CODE.replace('Loans."""\n', 'Loans."""\n\nimport os\n'))
    changed("tests/test_loanlib.py", TEST.replace("0.5", "0.25"))
    settings = (stranger / "modelway.yaml").read_text()
    exception = '  exceptions: [{id: B999, reason: long ago, expires: "2026-01-01"}]\n'
    changed("modelway.yaml", settings.replace("max: 120", "max: 50") + exception)


def test_faults_are_found_by_their_parts_and_all_reports_are_there(check, green, advisories, planted, stranger):
    done, summary = check("ci", "--advisories", str(advisories), "--report-only")
    assert done.exit_code == 0
    assert summary["exit_code"] == 4
    assert codes(summary) == {**dict.fromkeys(PARTS, 4), "smoke-train": 0}
    said = {part: one["reason"] for part, one in summary["parts"].items()}
    assert "lint: ruff: 1 finding" in said["check-code"]
    assert "1 failed" in said["test"]
    assert "range.age" in said["check-data"]
    assert "1 exception expired" in said["audit"]
    assert all((stranger / "reports" / part / "checks.json").is_file() for part in PARTS)


def test_a_call_ends_with_the_code_and_shows_what_failed(check, advisories, planted):
    done, _ = check("ci", "--advisories", str(advisories))
    assert done.exit_code == 4
    end = done.log.rpartition("Error:")[2]
    assert "Traceback" not in done.log
    assert "src/loanlib/__init__.py:3:8: F401" in end
    assert "smoke-train  pass" in end


@pytest.mark.parametrize(
    "part",
    ["check-code", *(pytest.param(part, marks=pytest.mark.exhaustive) for part in ("check-data", "test", "audit"))],
)
def test_a_part_by_itself_ends_with_its_code(check, green, advisories, planted, part):
    words = ("--advisories", str(advisories)) if part == "audit" else ()
    done, _ = check(part, *words)
    assert done.exit_code == 4
    assert [word for word in done.executed if word not in {"table", part}] == []


def test_advisories_that_can_not_be_had_end_with_6_and_are_asked_for_again(check, green, stranger):
    words = ("--set", "audit.dependencies.service=osv", "--set", CLOSED, "--report-only")
    done, summary = check("ci", *words)
    assert (summary["exit_code"], codes(summary)) == (6, {**dict.fromkeys(PARTS, 0), "audit": 6})
    assert done.executed == ["ask", "audit"]
    assert json.loads((stranger / "reports/audit/checks.json").read_text())["verdict"] == "error"
    again, _ = check("ci", *words)
    assert again.executed == ["ask"]


@pytest.mark.exhaustive
def test_a_fault_outweighs_advisories_that_can_not_be_had(check, green, planted):
    words = ("--set", "audit.dependencies.service=osv", "--set", CLOSED, "--report-only")
    _, summary = check("ci", *words)
    assert summary["exit_code"] == 4


@pytest.mark.exhaustive
def test_a_secret_that_git_would_add_is_found(check, green, advisories, changed):
    changed("notes.txt", f"aws_access_key_id = {SECRET}\n")
    _, summary = check("audit", "--advisories", str(advisories), "--report-only")
    assert summary["exit_code"] == 4
    assert "secrets" in summary["parts"]["audit"]["reason"]


def test_parts_are_chosen(check, green):
    _, summary = check("ci", "--only", "test")
    assert codes(summary) == {"test": 0}
    assert set(summary["not_run"]) == {*PARTS} - {"test"}
    done, _ = check("ci", "--only", "tests")
    assert done.exit_code == 2
    assert "tests is no part of ci" in done.log


@pytest.mark.exhaustive
def test_data_that_are_not_there_are_refused(check, green):
    done, summary = check("check-data", "--data-uri", "data/none.csv", "--report-only")
    assert (done.exit_code, summary["exit_code"]) == (0, 3)
    assert "data/none.csv" in summary["parts"]["check-data"]["reason"]


def test_data_are_handed_in(check, green, stranger, tmp_path):
    from modelway.data.sample import write_sample

    write_sample(tmp_path, rows=500, seed=7)
    for part in ("check-data", "smoke-train"):
        _, summary = check(part, "--data", str(tmp_path), "--set", "check_data.baseline=null")
        assert summary["exit_code"] == 0, summary


def test_another_project_than_the_one_that_one_is_in_is_refused(call, project, stranger):
    done = call("-m", str(project), "check-code", cwd=stranger)
    assert done.exit_code == 2
    assert "--source is another project" in done.log.rpartition("Error:")[2]


def test_nobody_trains_our_sample_by_accident(call, project, stranger):
    # The default of --source is the module's own repository, which has the sample's settings, and here its data, too.
    assert (project / "data" / "loans.csv").is_file()
    done = call("-m", str(project), "train", cwd=stranger)
    assert done.exit_code == 2
    assert "--source is another project" in done.log.rpartition("Error:")[2]
    assert not {"prepare", "fit", "register"} & set(done.executed)


def test_with_its_own_source_a_stranger_trains_on_its_own_data(call, project, stranger, tmp_path):
    words = ("-m", str(project), "--source", ".", "prepare", "export", "--path", str(tmp_path / "prepared"))
    done = call(*words, cwd=stranger)
    assert done.exit_code == 0, done.log[-5000:]
    theirs, ours = (hashlib.sha256((root / "data/loans.csv").read_bytes()).hexdigest() for root in (stranger, project))
    assert theirs != ours
    assert list(json.loads((tmp_path / "prepared/dataset.json").read_text())["source"].values()) == [theirs]


@pytest.mark.exhaustive
def test_the_parts_are_checks_of_dagger(call, project):
    listed = call("--list", command="check")
    assert [line.split()[0] for line in listed.log.splitlines() if line.startswith("modelway:")] == [
        f"modelway:{part}" for part in sorted(PARTS)
    ]
    assert call("modelway:check-data", command="check").exit_code == 0
    # The copy has no tests.
    red = call("modelway:test", command="check")
    assert red.exit_code != 0
    assert "exit code: 5" in red.log or "exit code: 4" in red.log
