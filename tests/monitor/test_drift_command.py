"""`modelway drift`: its reports and how it ends."""

from __future__ import annotations

import json
from datetime import timedelta

import pyarrow.parquet
import pytest

from modelway.data.sample import write_sample
from modelway.records.drift import DriftReport

UNTIL = ("--until", "2026-11-26T12:00:00Z")


def drift(project, live, *flags: str, code: int) -> DriftReport:
    found = project.run("drift", "--baseline", live.baseline, "--current", live.log, *UNTIL, *flags)
    assert found == code, project.out + project.err
    return DriftReport.from_json((project.root / "drift_report.json").read_bytes())


def moved(report: DriftReport) -> set[str]:
    return {one.name for one in report.columns if one.state == "moved"}


def test_a_quiet_log_passes(project, live) -> None:
    live.serve(2000, 5)
    report = drift(project, live, code=0)
    assert (report.verdict, report.score, moved(report), report.rows) == ("pass", 0, set(), 2000)
    assert report.versions == {"3": 2000}
    assert report.unmeasured == {}
    assert {one.name for one in report.columns} >= {"age", "income", "predictions", "predicted class"}
    assert "defaulted" not in {one.name for one in report.columns}


def test_a_log_that_drifted_fails_and_says_what_moved(project, live) -> None:
    live.serve(2000, 5, "covariate")
    report = drift(project, live, "--threshold", "0.5", code=4)
    assert {"age", "income", "credit_history_years", "predictions"} <= moved(report)
    assert report.score == pytest.approx(0.6)
    assert "the threshold 0.5" in report.reason
    assert {"purpose", "group"} == {one.column for one in report.slices}
    assert report.windows[0].rows == 2000


@pytest.mark.parametrize(("kind", "score"), [("covariate", 0.6), ("concept", 0.5), ("missing", 0.3), ("slice", 0.0)])
def test_the_kinds_of_the_sample_in_raw_rows(project, live, kind: str, score: float) -> None:
    write_sample(project.root / "now", rows=4000, seed=8, drift=kind)
    code = project.run("drift", "--baseline", live.baseline, "--current", "now", "--threshold", "0.9")
    report = DriftReport.from_json((project.root / "drift_report.json").read_bytes())
    assert (code, report.score) == (0, pytest.approx(score))
    assert report.unmeasured["predictions"] == "the rows do not have it"


def test_hours_and_replicas_are_put_together_and_other_hours_left_out(project, live, now) -> None:
    for hour in (1, 5, 11, 17, 23):
        live.serve(600, hour, at=now - timedelta(hours=hour, minutes=59))
        live.serve(100, 100 + hour, at=now - timedelta(hours=hour, minutes=59))
    live.serve(600, 50, "covariate", at=now - timedelta(hours=30))
    live.serve(600, 51, "covariate", at=now + timedelta(hours=2))
    report = drift(project, live, code=0)
    assert (report.rows, report.files, len(report.windows)) == (3500, 10, 4)
    report = drift(project, live, "--since", "2026-11-25T00:00:00Z", code=0)
    assert report.rows == 700 * 5 + 600


def test_drift_of_one_window_is_no_drift(project, live, now) -> None:
    for at, kind in ((22, None), (16, None), (10, None), (4, "covariate")):
        live.serve(1500, at, kind, at=now - timedelta(hours=at))
    report = drift(project, live, "--threshold", "0.3", code=0)
    assert {one.name for one in report.columns if one.state == "once"} >= {"income"}
    live.serve(3000, 77, "covariate", at=now - timedelta(hours=9))
    report = drift(project, live, "--threshold", "0.3", code=4)
    assert "income" in moved(report)


def test_too_few_rows_or_none_are_no_verdict(project, live) -> None:
    live.serve(120, 5, "covariate")
    assert "120 rows are too few" in drift(project, live, code=5).reason
    report = drift(project, live, "--until", "2026-11-20", code=5)
    assert (report.rows, report.verdict) == (0, "inconclusive")


def test_requests_that_were_refused_or_failed_have_no_answers(project, live) -> None:
    live.serve(1500, 5)
    live.serve(700, 6, status=500)
    live.serve(700, 7, variant="challenger", version="4")
    report = drift(project, live, code=0)
    (predictions,) = [one for one in report.columns if one.name == "predictions"]
    (age,) = [one for one in report.columns if one.name == "age"]
    assert (predictions.rows, age.rows, report.versions) == (1500, 2900, {"3": 2200, "4": 700})


def test_a_torn_segment_is_named_and_the_others_are_read(project, live, now) -> None:
    live.serve(1500, 5)
    path = live.write([{"id": "x"}] * 1000, now - timedelta(hours=3))
    path.write_bytes(path.read_bytes()[:-20])
    report = drift(project, live, code=0)
    assert (report.rows, len(report.unreadable)) == (1500, 1)
    assert path.name in report.unreadable[0]


def test_a_log_of_which_nothing_can_be_read_is_refused(project, live, now) -> None:
    live.write([], now - timedelta(hours=3)).write_bytes(b"torn")
    assert project.run("drift", "--baseline", live.baseline, "--current", live.log, *UNTIL) == 3
    assert "none of 1 files" in project.err
    assert not (project.root / "drift_report.json").exists()


def test_what_the_log_hashes_is_named_as_not_measured(settings, live) -> None:
    for record in [live.serve(1000, 5)]:
        assert record
    flags = ("--set", "serve.log.hashed=[employment]", "--set", "serve.log.columns=null")
    report = drift(settings, live, *flags, code=0)
    assert report.unmeasured == {"employment": "the log holds hashes of it"}
    assert report.measured == 1.0


def test_two_data_sets_are_compared_without_settings(project, tmp_path) -> None:
    write_sample(tmp_path / "then", rows=3000, seed=1)
    write_sample(tmp_path / "now", rows=3000, seed=2, drift="covariate")
    table = pyarrow.csv.read_csv(tmp_path / "then" / "loans.csv")
    pyarrow.parquet.write_table(table, tmp_path / "then.parquet")
    code = project.run("drift", "--baseline", "then.parquet", "--current", "now", "--threshold", "0.2", "--json")
    record = json.loads(project.out)
    assert (code, record["exit_code"]) == (4, 4)
    assert {"age", "income"} <= {one["name"] for one in record["columns"] if one["state"] == "moved"}
    assert project.run("drift", "--baseline", "then.parquet", "--current", "then.parquet") == 5


def test_plain_statistics_tell_what_they_can(project, live) -> None:
    live.serve(2000, 5, "covariate")
    plain = {
        "age": {"mean": 45.5, "std": 12.6, "count": 4000},
        "income": {"mean": 44000, "std": 21000, "missing": 0.0},
        "home": {"shares": {"rent": 0.45, "mortgage": 0.35, "own": 0.2}},
        "purpose": {"car": 0.35, "home": 0.25, "education": 0.15, "business": 0.15, "other": 0.1},
        "version": "1",
    }
    (project.root / "train_stats.json").write_text(json.dumps(plain))
    code = project.run("drift", "--baseline", "train_stats.json", "--current", live.log, *UNTIL, "--threshold", "0.5")
    report = DriftReport.from_json((project.root / "drift_report.json").read_bytes())
    assert (code, moved(report), report.score) == (4, {"age", "income"}, 0.5)
    by_name = {one.name: one for one in report.columns}
    assert by_name["age"].shift.statistic == "mean"
    assert by_name["home"].state == by_name["purpose"].state == "still"


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("--baseline", "nowhere.json", "--current", "log"), 3, "there is no such file"),
        (("--baseline", "baseline.json", "--current", "nowhere"), 3, "there is no data file"),
        (("--baseline", "baseline.json", "--current", "log", "--since", "yesterday"), 2, "'yesterday' is no time"),
        (("--baseline", "baseline.json", "--current", "log", "--since", "1h", "--until", "2020-01-01"), 5, None),
        (("--baseline", "baseline.json", "--current", "log", "--threshold", "7"), 2, "less than or equal to 1"),
        (("--current", "log"), 2, "no baseline is named"),
        (("--baseline", "baseline.json"), 2, "no prediction log is named"),
        (("--baseline", "torn.json", "--current", "log"), 3, "no JSON"),
        (("--baseline", "empty.json", "--current", "log"), 3, "no column has a mean"),
        (("--baseline", "baseline.json", "--current", "bad.csv"), 3, "bad.csv"),
    ],
)
def test_bad_input_ends_with_one_clear_message(project, live, argv, code, words) -> None:
    live.serve(10, 1)
    (project.root / "torn.json").write_text("{")
    (project.root / "empty.json").write_text("{}")
    (project.root / "bad.csv").write_text("age,income\nold,3\n")
    assert project.run("drift", *argv) == code
    if words is not None:
        assert words in project.err
        assert "bug" not in project.err


def test_prometheus_reads_the_numbers(project, live) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    live.serve(2000, 5, "covariate")
    drift(project, live, "--threshold", "0.5", "--prometheus", "drift.prom", code=4)
    families = list(text_string_to_metric_families((project.root / "drift.prom").read_text()))
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }
    assert samples[("modelway_drift_score",)] == pytest.approx(0.6)
    assert samples[("modelway_drift_moved", ("column", "income"), ("role", "feature"))] == 1
    assert samples[("modelway_drift_verdict", ("verdict", "fail"))] == 1
    assert samples[("modelway_drift_verdict", ("verdict", "pass"))] == 0


def test_smoke_tests_and_their_rows_are_left_out(project, live) -> None:
    live.serve(1500, 5)
    quiet = drift(project, live, code=0)
    live.serve(800, 6, "covariate", smoke=True)
    found = drift(project, live, code=0)
    assert (found.rows, found.score, found.versions) == (quiet.rows, quiet.score, quiet.versions)


def test_extreme_values_that_a_server_answers_are_read_and_compared(project, live, now) -> None:
    """Values at the limits of validation (tests/serve/extremes.py); the verdict is theirs, a crash would be ours."""
    records = live.serve(1500, 5)
    extreme = {
        "applied_on": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"],
        "income": [1.7976931348623157e308, -1.7976931348623157e308, 5e-324, -0.0],
        "age": [2**63 - 1, -(2**63)],
        "note": ["\x00", "\U0010ffff", "x" * 5_000_000],
        "purpose": ["", "\u2028", "x" * 70_000],
    }
    rows = [
        {**records[at], "features": {**records[at]["features"], name: value}}
        for at, (name, value) in enumerate((name, value) for name, values in extreme.items() for value in values)
    ]
    live.write(rows * 20, now - timedelta(hours=3))
    report = drift(project, live, "--threshold", "1.0", code=0)
    assert (report.rows, report.unreadable, report.files) == (1500 + 20 * len(rows), (), 2)
