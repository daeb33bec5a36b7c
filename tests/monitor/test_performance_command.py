"""`modelway performance`: labels joined to predictions, and what too few of them are."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from modelway.evaluate.measure import Measurement
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.rows import BinaryRows, Problem
from modelway.records.performance import PerformanceReport

UNTIL = ("--until", "2026-11-26T12:00:00Z")


def performance(project, live, *flags: str, code: int) -> PerformanceReport:
    argv = ("--predictions", live.log, "--baseline", live.baseline, *UNTIL, *flags)
    found = project.run("performance", *argv)
    assert found == code, project.out + project.err
    return PerformanceReport.from_json((project.root / "performance_report.json").read_bytes())


def test_a_good_model_passes_with_the_metric_of_its_rows(project, live) -> None:
    records = live.serve(1500, 5)
    report = performance(project, live, "--ground-truth", live.write_labels(), code=0)
    truth = np.array([row["defaulted"] == "yes" for row in live.labels])
    yes = np.array([record["probabilities"]["yes"] for record in records])
    rows = BinaryRows(truth, np.stack([1 - yes, yes], axis=1), 0.5)
    expected = Measurement(rows).value(METRICS[Problem.BINARY]["roc_auc"])
    assert (report.verdict, report.labels, report.predictions) == ("pass", 1500, 1500)
    assert report.metrics["roc_auc"].value == pytest.approx(expected)
    assert report.threshold == pytest.approx(0.79 - 0.05)


def test_concept_drift_is_found_by_its_labels(project, live) -> None:
    live.serve(1500, 5, "concept")
    report = performance(project, live, "--ground-truth", live.write_labels(), code=4)
    assert (report.verdict, report.metric) == ("fail", "roc_auc")
    assert "all of it worse than the bound of 0.74" in report.reason


def test_a_slice_that_turned_round_is_the_worst_one(settings, live) -> None:
    live.serve(3000, 5, "slice")
    report = performance(settings, live, "--ground-truth", live.write_labels(), "--threshold", "0.5", code=0)
    by_value = {one.value: one.metrics["roc_auc"].value for one in report.slices if one.column == "purpose"}
    assert min(by_value, key=by_value.__getitem__) == "car"


def test_too_few_labels_are_no_verdict(project, live) -> None:
    live.serve(1000, 5, "concept")
    report = performance(project, live, "--ground-truth", live.write_labels(0.1), code=0)
    assert (report.verdict, report.labels) == ("inconclusive", 100)
    assert "100 labels are too few" in report.reason
    performance(project, live, "--ground-truth", live.write_labels(0.1), "--strict", code=5)
    assert performance(project, live, code=0).reason == "nobody said where the labels are"
    report = performance(project, live, "--ground-truth", "labels", "--until", "2026-01-01", code=0)
    assert (report.predictions, report.verdict) == (0, "inconclusive")


def test_what_is_not_beyond_doubt_fails_nothing(project, live) -> None:
    live.serve(400, 5)
    truth = live.write_labels()
    value = performance(project, live, "--ground-truth", truth, code=0).metrics["accuracy"].value
    assert value is not None
    flags = ("--metric", "accuracy", "--threshold", str(value + 0.01))
    report = performance(project, live, "--ground-truth", truth, *flags, code=0)
    assert report.verdict == "inconclusive"
    assert "not beyond doubt" in report.reason


def test_windows_and_versions_have_their_own_numbers(project, live, now) -> None:
    live.serve(400, 1, at=now - timedelta(hours=30))
    live.serve(500, 2, at=now - timedelta(hours=4))
    live.serve(600, 3, at=now - timedelta(hours=4), variant="challenger", version="4", fault=1.0)
    report = performance(project, live, "--ground-truth", live.write_labels(), "--since", "48h", code=0)
    assert [part.labels for part in report.windows] == [400, 500]
    values = {part.name: part.metric.value for part in report.versions}
    assert values["3"] > 0.7
    assert values["4"] < 0.3
    assert report.labels == 900


def test_the_last_label_of_a_prediction_holds_and_unknown_ones_are_counted(project, live) -> None:
    live.serve(300, 1)
    live.labels += [{"id": "p1", "defaulted": "maybe"}, {"id": "nobody", "defaulted": "yes"}]
    report = performance(project, live, "--ground-truth", live.write_labels(), code=0)
    assert (report.labels, report.unknown) == (299, 1)


def test_bad_input_is_refused(project, live) -> None:
    live.serve(10, 1)
    (project.root / "strange.csv").write_text("a,b\n1,2\n")
    argv = ("performance", "--predictions", live.log, "--baseline", live.baseline)
    assert project.run(*argv, "--ground-truth", "strange.csv") == 3
    assert "says which prediction a label is of" in project.err
    assert project.run(*argv, "--ground-truth", "nowhere") == 3
    assert project.run(*argv, "--metric", "beauty") == 2
    assert "there is no metric 'beauty'" in project.err


def test_smoke_tests_are_no_predictions(project, live) -> None:
    live.serve(1500, 5)
    quiet = performance(project, live, "--ground-truth", live.write_labels(), code=0)
    live.serve(1500, 6, fault=1.0, smoke=True)
    found = performance(project, live, "--ground-truth", live.write_labels(), code=0)
    assert (found.predictions, found.labels, found.metrics) == (quiet.predictions, quiet.labels, quiet.metrics)
