"""How a stage is run: which exit codes are results, what is said of the others."""

from __future__ import annotations

import json
import subprocess

import dagger
import pytest

from modelway_ci import stage, summary
from modelway_ci.images import OUT
from modelway_ci.refusal import RefusalError, only_refusal
from modelway_ci.stage import Outcome


def shell(command, out):
    """Run a command as a stage's container does."""
    script = stage._RUN.replace(OUT, str(out))
    return subprocess.run(["sh", "-c", script, "modelway", *command], capture_output=True, check=False).returncode


@pytest.mark.parametrize("code", [0, 2, 3, 4, 5])
def test_an_exit_code_that_the_inputs_decide_is_a_result(tmp_path, code):
    assert shell(["sh", "-c", f"exit {code}"], tmp_path) == 0
    assert (tmp_path / "exit_code").read_text().strip() == str(code)


@pytest.mark.parametrize("code", [1, 6, 7, 130, 137])
def test_any_other_exit_code_fails_the_step_so_that_it_is_not_cached(tmp_path, code):
    assert shell(["sh", "-c", f"exit {code}"], tmp_path) == code
    assert not (tmp_path / "exit_code").exists()


def test_arguments_reach_the_command_as_they_are(tmp_path):
    words = ["a b", "$HOME", "`id`", "it's", '"', "*"]
    assert shell(["sh", "-c", 'printf "%s\\n" "$@" > ' + str(tmp_path / "words"), "sh", *words], tmp_path) == 0
    assert (tmp_path / "words").read_text().splitlines() == words


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 6, 7, 130, 137])
@pytest.mark.parametrize("reported", [True, False])
def test_a_stage_that_is_never_cached_ends_with_a_result_where_it_left_a_report(tmp_path, code, reported):
    script = stage._RUN_LEAVING.replace(OUT, str(tmp_path))
    writes = f"mkdir -p {tmp_path}/artifact{f' && touch {tmp_path}/artifact/report' if reported else ''}"
    command = ["sh", "-c", script, "modelway", "sh", "-c", f"{writes}; exit {code}"]
    done = subprocess.run(command, capture_output=True, check=False).returncode
    result = reported or code in {0, 2, 3, 4, 5}
    assert done == (0 if result else code)
    assert (tmp_path / "exit_code").exists() is result
    assert not result or (tmp_path / "exit_code").read_text().strip() == str(code)


def part(command, out, *, reported):
    """Run a command as a part's container does, after it left its report or did not."""
    if reported:
        (out / "artifact").mkdir()
        (out / "artifact" / "checks.json").touch()
    script = stage._RUN_PART.replace(OUT, str(out))
    return subprocess.run(["sh", "-c", script, "modelway", *command], capture_output=True, check=False, text=True)


@pytest.mark.parametrize("reported", [True, False])
@pytest.mark.parametrize("code", [0, 2, 3, 4, 5])
def test_a_part_ends_with_a_result_as_a_stage_does(tmp_path, code, reported):
    assert part(["sh", "-c", f"exit {code}"], tmp_path, reported=reported).returncode == 0
    assert (tmp_path / "exit_code").read_text().strip() == str(code)


def test_a_part_that_says_why_it_ends_with_6_has_its_report_kept(tmp_path):
    assert part(["sh", "-c", "exit 6"], tmp_path, reported=True).returncode == 0
    assert (tmp_path / "exit_code").read_text().strip() == "6"


@pytest.mark.parametrize(("code", "reported"), [(6, False), (1, True), (130, True), (137, True)])
def test_any_other_end_of_a_part_is_not_cached(tmp_path, code, reported):
    assert part(["sh", "-c", f"exit {code}"], tmp_path, reported=reported).returncode == code


def test_a_part_leaves_a_log_that_leads_to_its_reports(tmp_path):
    script = f'echo "$0 $*"; echo see {tmp_path}/artifact/checks.json >&2'
    command = ["sh", "-c", script, "check-code", "a b"]  # as `python -m modelway check-code ...`: the fourth word
    done = part(command, tmp_path, reported=False)
    assert done.stdout.splitlines()[0] == "check-code a b"
    assert (tmp_path / "log").read_text().splitlines()[-1] == "see check-code/checks.json"


def exec_error(command, code, stderr=""):
    """The SDK's error of a step, which it makes from an answer of the engine."""
    error = Exception.__new__(dagger.ExecError)  # its own constructor wants the engine's whole answer
    error.command, error.exit_code, error.stdout, error.stderr = command, code, "", stderr
    return error


def test_a_stage_that_fails_tells_its_own_code_and_last_lines():
    lines = "\n".join(f"line {number}" for number in range(100))
    outcome = stage._failed("fit", exec_error(["sh", "-c", "...", "modelway", "python", "-m"], 1, lines))
    assert (outcome.exit_code, outcome.artifact) == (1, None)
    assert outcome.said.splitlines()[-1] == "line 99"
    assert len(outcome.said.splitlines()) == 25


def test_a_stage_that_was_killed_says_what_that_means():
    outcome = stage._failed("fit", exec_error(["sh", "-c", "...", "modelway", "python"], 137))
    assert (outcome.exit_code, outcome.said) == (137, "killed; most often for want of memory")


def test_an_install_that_fails_is_an_outside_failure_whatever_its_code():
    outcome = stage._failed("fit", exec_error(["/opt/install/uv", "pip", "install"], 2, "no such package"))
    assert outcome.exit_code == 6
    assert "no such package" in outcome.said
    assert "/opt/install/uv pip install ended with 2" in outcome.said


GATES = [{"gate": "minimum.roc_auc", "verdict": "fail", "reason": "roc_auc 0.6 is below 0.7"}]
METRICS = json.dumps(
    {"verdict": "fail", "metrics": {"roc_auc": {"value": 0.6}}, "gates": GATES, "model_digest": "d", "rows": 1}
)


def test_the_summary_has_the_keys_of_the_commands_own_record():
    outcomes = [Outcome("prepare", 0), Outcome("evaluate", 4, said="gates: fail")]
    record = summary.summarize(outcomes, 4, METRICS)
    assert record["exit_code"] == 4
    assert record["stages"] == {"prepare": 0, "evaluate": 4}
    assert (record["verdict"], record["gates"], record["model_digest"]) == ("fail", GATES, "d")
    assert (record["version"], record["created"]) == (None, False)
    assert "evaluate ended with exit code 4" in summary.table(record)
    assert "minimum.roc_auc: fail: roc_auc 0.6 is below 0.7" in summary.table(record)
    hostile = {**record, "gates": [{**GATES[0], "gate": "bias.a\x1b[2J\n::error::fake"}]}
    assert r"gate bias.a\x1b[2J\n:\x3aerror::fake: fail" in summary.table(hostile)


def test_the_summary_names_the_version():
    told = json.dumps({"created": True, "version": {"number": 3}})
    record = summary.summarize([Outcome("register", 0)], 0, METRICS, told)
    assert (record["version"], record["created"], "failed" in record) == (3, True, False)
    assert summary.table(record).endswith("registered as version 3")


def test_the_summary_of_a_green_call_names_no_stage_that_failed():
    """A training whose model is registered already ends with 0, although its evaluation compared it with itself."""
    outcomes = [Outcome("evaluate", 5, said="inconclusive"), Outcome("register", 0)]
    told = json.dumps({"created": False, "version": {"number": 3}})
    record = summary.summarize(outcomes, 0, METRICS, told)
    assert (record["stages"], "failed" in record) == ({"evaluate": 5, "register": 0}, False)
    assert summary.table(record).endswith("already version 3")


def test_the_summary_of_a_red_call_names_the_first_stage_that_failed_and_whether_it_ran():
    outcomes = [Outcome("fit", 0), Outcome("evaluate", 4, said="gates"), Outcome("register", 6, said="away")]
    record = summary.summarize(outcomes, 6)
    assert record["failed"] == {"stage": "evaluate", "exit_code": 4, "said": "gates", "ran": outcomes[1].ran}
    assert "evaluate ended with exit code 4; it said last:\ngates" in summary.table(record)


def test_a_red_call_gives_a_directory_that_ends_with_its_code():
    base = dagger.dag.container().from_("python")
    record = summary.refused(RefusalError(2, "no such thing"))
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    green = dagger.dag.directory().with_new_file("summary.json", text)
    red = summary.conclude(base, record, None, report_only=False)
    failing = base.with_exec(["sh", "-c", summary.FAIL, "modelway", summary.table(record), "2"])
    assert red == dagger.dag.directory().with_directory("", failing.rootfs(), include=["summary.json"])
    assert summary.conclude(base, record, None, report_only=True) == green
    assert summary.conclude(base, {**record, "exit_code": 0}, None, report_only=False) != red


def test_a_refusal_comes_out_of_a_task_group():
    refusal = RefusalError(2, "x")
    assert only_refusal(ExceptionGroup("outer", [ExceptionGroup("inner", [refusal])])) is refusal
    with pytest.raises(ValueError, match="y"):
        only_refusal(ExceptionGroup("outer", [ValueError("y")]))
