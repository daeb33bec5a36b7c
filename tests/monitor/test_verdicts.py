"""What drift and performance say, and what they are compared with: limits, directions, and each two conditions."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelway.cli.watching import Scene, labels_of, moment, released_at, slices_of
from modelway.errors import UsageError
from modelway.evaluate.metrics import METRICS
from modelway.evaluate.rows import Problem
from modelway.observe.drift import Judged
from modelway.pipeline.baselines import Reference, open_reference
from modelway.pipeline.drift import Rows, _lack, _verdict
from modelway.pipeline.performance import _Judge
from modelway.records.data import ColumnType, PrepareOptions, S3Options, Task
from modelway.records.evaluate import Estimate
from modelway.records.monitor import DriftOptions, MonitorOptions, PerformanceOptions
from modelway.records.observe import Baseline
from modelway.records.releases import Event, Releases
from modelway.records.settings import SettingsSlice
from modelway.records.verdict import Verdict

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
OPTIONS = DriftOptions()
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def rows(uri: str = "log") -> Rows:
    return Rows(uri, NOW, NOW, S3Options(), Path("cache"))


def reference(count: int = 1000, **more: Any) -> Reference:
    values = {"rows": count, "columns": {}, "predictions": None, "metrics": {}}
    return Reference(Baseline.model_validate({**values, **more}), "baseline.json", "digest")


class TestDriftVerdict:
    """Too few rows are no verdict; drift beyond the threshold fails also where little was measured."""

    @pytest.mark.parametrize(
        ("score", "measured", "count", "verdict"),
        [
            (0.6, 1.0, 500, FAIL),
            (0.6, 0.5, 500, FAIL),
            (0.6, 0.49, 500, FAIL),
            (0.6, 0.0, 500, FAIL),  # the outputs alone moved
            (0.59, 1.0, 500, PASS),
            (0.59, 0.5, 500, PASS),
            (0.59, 0.49, 500, INCONCLUSIVE),
            (None, 0.0, 500, INCONCLUSIVE),
            (0.6, 1.0, 499, INCONCLUSIVE),
            (0.0, 1.0, 499, INCONCLUSIVE),
            (1.0, 1.0, 0, INCONCLUSIVE),
        ],
    )
    def test_each_two_conditions_have_their_verdict(
        self, score: float | None, measured: float, count: int, verdict: Verdict
    ) -> None:
        judged = Judged((), (), {}, score, measured)
        assert _verdict(judged, count, OPTIONS, reference(), rows())[0] is verdict

    @pytest.mark.parametrize(
        ("count", "before", "where", "words"),
        [
            (500, 500, "log", None),
            (500, 0, "log", None),  # statistics of a whole population
            (500, 499, "log", "the baseline has 499 rows"),
            (499, 500, "log", "499 rows are too few"),
            (0, 500, "log", "there was no row"),
            (500, 500, "baseline.json", "the baseline itself"),
        ],
    )
    def test_rows_enough_are_needed_on_both_sides(self, count: int, before: int, where: str, words: str | None) -> None:
        found = _lack(count, OPTIONS, reference(before), rows(where))
        assert found is None if words is None else found is not None and words in found


def judge(metric: str, **options: Any) -> _Judge:
    task = Task.REGRESSION if metric in METRICS[Problem.REGRESSION] else Task.CLASSIFICATION
    classes = () if task is Task.REGRESSION else ("no", "yes")
    held = Baseline(
        rows=9, columns={}, predictions=None, metrics={metric: 0.5, "other": 0.9}, task=task, classes=classes
    )
    return _Judge.of(PerformanceOptions.model_validate({"metric": metric, "min_labels": 10, **options}), held)


class TestPerformanceVerdict:
    """The whole interval beyond the bound fails, whichever way the metric points."""

    @pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "log_loss", "brier", "rmse", "r2"])
    @pytest.mark.parametrize(
        ("worst", "value", "best", "verdict", "words"),
        [
            (-0.3, -0.2, -0.1, FAIL, "all of it worse"),
            (-0.3, -0.2, 0.0, INCONCLUSIVE, "not beyond doubt"),
            (-0.3, -0.2, 0.1, INCONCLUSIVE, "not beyond doubt"),
            (-0.1, 0.0, 0.1, PASS, "though not beyond doubt"),
            (-0.1, 0.1, 0.2, PASS, "though not beyond doubt"),
            (0.0, 0.1, 0.2, PASS, None),
            (0.1, 0.2, 0.3, PASS, None),
        ],
    )
    def test_interval_against_the_bound(
        self, metric: str, worst: float, value: float, best: float, verdict: Verdict, words: str | None
    ) -> None:
        """How much better than the bound are the worse end of the interval, the value, and the better end."""
        sign = 1 if metric in {"roc_auc", "accuracy", "r2"} else -1
        low, high = sorted((0.5 + sign * worst, 0.5 + sign * best))
        found = {metric: Estimate(value=0.5 + sign * value, low=low, high=high)}
        made, reason = judge(metric, threshold=0.5).verdict(found, 10, "labels")
        assert made is verdict
        assert (words or "as good as the bound of 0.5") in reason
        assert ("doubt" in reason) is (words is not None and "doubt" in words)

    @pytest.mark.parametrize(("metric", "bound"), [("roc_auc", 0.4), ("r2", 0.4), ("log_loss", 0.6), ("rmse", 0.6)])
    def test_bound_is_that_of_the_settings_else_a_margin_worse_than_at_evaluation(
        self, metric: str, bound: float
    ) -> None:
        assert judge(metric, margin=0.1).bound == pytest.approx(bound)
        assert judge(metric, margin=0.0).bound == 0.5
        assert judge(metric, margin=0.1, threshold=0.0).bound == 0.0

    @pytest.mark.parametrize(
        ("found", "labels", "given", "words"),
        [
            (Estimate(value=0.1, low=0.1, high=0.2), 10, None, "where the labels are"),
            (Estimate(value=0.1, low=0.1, high=0.2), 9, "labels", "9 labels are too few"),
            (Estimate(value=None), 10, "labels", "not defined"),
            (Estimate(value=0.1), 10, "labels", "not defined"),
        ],
    )
    def test_too_little_is_no_verdict(self, found: Estimate, labels: int, given: str | None, words: str) -> None:
        made, reason = judge("roc_auc", threshold=0.9).verdict({"roc_auc": found}, labels, given)
        assert (made, words in reason) == (INCONCLUSIVE, True)

    def test_metric_that_the_baseline_does_not_hold_has_no_bound(self) -> None:
        held = Baseline(rows=9, columns={}, predictions=None, metrics={}, task=Task.REGRESSION)
        found = {"rmse": Estimate(value=9.0, low=8.0, high=9.0)}
        made, reason = _Judge.of(PerformanceOptions(metric="rmse"), held).verdict(found, 999, "labels")
        assert (made, "no bound" in reason) == (INCONCLUSIVE, True)

    @pytest.mark.parametrize(
        ("task", "classes", "metric"),
        [
            (Task.CLASSIFICATION, ("a", "b"), "roc_auc"),
            (Task.CLASSIFICATION, ("a", "b", "c"), "log_loss"),
            (Task.REGRESSION, (), "r2"),
        ],
    )
    def test_metric_is_the_primary_one_of_the_problem(self, task: Task, classes: tuple[str, ...], metric: str) -> None:
        held = Baseline(rows=9, columns={}, predictions=None, metrics={}, task=task, classes=classes)
        assert _Judge.of(PerformanceOptions(), held).metric.name == metric
        with pytest.raises(UsageError):
            _Judge.of(PerformanceOptions(metric="nothing"), held)


class TestBaselineOfADataSet:
    """Its columns have the types of the settings, and its rows and target are those of the files."""

    @staticmethod
    def profile(folder: Path, columns: dict[str, Any] | None, **more: Any) -> Baseline:
        with (folder / "then.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["code", "x", "y", "c"])
            writer.writerows([at % 3, at, at % 2, "ab"[at % 2]] for at in range(30))
        prepare = None
        if columns is not None:
            given = {"data": {"uri": "then.csv"}, "target": "y", "task": "classification", **more}
            given["columns"] = {given["target"]: {"type": "category"}, **columns}
            prepare = PrepareOptions.model_validate_json(json.dumps(given))
        cache = folder / "cache"
        return open_reference(
            str(folder / "then.csv"), S3Options(), cache, prepare=prepare, slices=("c", "code")
        ).baseline

    def test_settings_say_what_the_columns_are(self, tmp_path: Path) -> None:
        columns = {"code": {"type": "category"}, "x": {"type": "integer"}, "absent": {"type": "number"}}
        found = self.profile(tmp_path, columns)
        assert {name: one.type for name, one in found.columns.items()} == {
            "code": ColumnType.CATEGORY,  # digits, and no number
            "x": ColumnType.INTEGER,
            "y": ColumnType.CATEGORY,
            "c": ColumnType.CATEGORY,
        }
        assert found.columns["code"].categories == {"0": 10, "1": 10, "2": 10}
        assert (found.rows, found.target) == (30, "y")
        assert {(one.column, one.value, one.rows) for one in found.slices} == {
            ("c", "a", 15), ("c", "b", 15), ("code", "0", 10), ("code", "1", 10), ("code", "2", 10),
        }  # fmt: skip

    def test_without_settings_types_are_guessed_and_no_column_is_the_target(self, tmp_path: Path) -> None:
        found = self.profile(tmp_path, None)
        assert found.columns["code"].type is ColumnType.NUMBER
        assert found.target is None
        assert {one.column for one in found.slices} == {"c"}

    def test_target_that_the_files_lack_is_none(self, tmp_path: Path) -> None:
        assert self.profile(tmp_path, {}, target="absent").target is None


def scene(folder: Path, monitor: dict[str, Any] | None = None, **sections: Any) -> Scene:
    text = {"monitor": {"environment": "local", **(monitor or {})}, "environments": {"local": {}}, **sections}
    settings = SettingsSlice.model_validate_json(json.dumps({"name": "m", **text}))
    return Scene(settings.monitor, settings, folder)


STORE = {name: {"endpoint_url": f"https://{name}.example"} for name in ("monitor", "serve", "prepare")}


class TestScene:
    """Which of several settings holds."""

    @pytest.mark.parametrize(
        ("named", "found"),
        [
            (("monitor", "serve", "prepare"), "monitor"),
            (("monitor", "prepare"), "monitor"),
            (("monitor", "serve"), "monitor"),
            (("serve", "prepare"), "serve"),
            (("serve",), "serve"),
            (("prepare",), "prepare"),
            ((), None),
        ],
    )
    def test_store_is_the_sections_own_else_the_logs_else_the_datas(
        self, tmp_path: Path, named: tuple[str, ...], found: str | None
    ) -> None:
        stores = {name: {"s3": STORE[name]} if name in named else {} for name in STORE}
        prepare = {
            "data": {"uri": "a.csv"},
            "target": "y",
            "task": "regression",
            "columns": {"y": {"type": "number"}},
            **stores["prepare"],
        }
        made = scene(tmp_path, stores["monitor"], serve=stores["serve"], prepare=prepare)
        assert made.s3.endpoint_url == (None if found is None else STORE[found]["endpoint_url"])

    def test_slices_are_the_sections_own_else_those_of_the_evaluation(self, tmp_path: Path) -> None:
        evaluated = {"evaluate": {"slices": ["a", "b"]}}
        assert slices_of(scene(tmp_path, {"performance": {"slices": ["c"]}}, **evaluated)) == ("c",)
        assert slices_of(scene(tmp_path, **evaluated)) == ("a", "b")
        assert slices_of(Scene(MonitorOptions(), None, tmp_path)) == ()

    def test_labels_are_those_named_else_those_of_the_settings_from_their_file_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path.parent)
        made = scene(tmp_path, {"performance": {"labels": "truth"}})
        assert labels_of(made, None) == str(tmp_path / "truth")
        assert Path(str(labels_of(made, "given"))) in {Path("given"), tmp_path.parent / "given"}
        assert labels_of(scene(tmp_path, {"performance": {"labels": "s3://b/truth"}}), None) == "s3://b/truth"
        assert labels_of(scene(tmp_path), None) is None

    @pytest.mark.parametrize(
        ("events", "found"),
        [
            ("", None),
            ("d", 0),
            ("dd", 1),
            ("ddf", 1),  # a release that failed changed nothing
            ("dfff", 0),
            ("dfdf", 2),
            ("ddr", None),
            ("drd", 2),
            ("ds", None),
            ("dsf", None),
            ("f", None),
            ("rdf", 1),
        ],
    )
    def test_live_release_is_of_the_last_event_that_did_not_fail(
        self, tmp_path: Path, events: str, found: int | None
    ) -> None:
        whats: dict[str, Any] = {"d": "deployed", "f": "failed", "r": "rolled back", "s": "stopped"}
        times = [NOW - timedelta(hours=10 - at) for at in range(len(events))]
        home = tmp_path / ".modelway" / "env" / "local"
        home.mkdir(parents=True)
        kept = tuple(
            Event(time=time.isoformat(), what=whats[one], release="r", owner="o")
            for one, time in zip(events, times, strict=True)
        )
        (home / "releases.json").write_text(Releases(events=kept).to_json())
        assert released_at(scene(tmp_path)) == (None if found is None else times[found])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30m", NOW - timedelta(minutes=30)),
        ("24h", NOW - timedelta(days=1)),
        ("1.5d", NOW - timedelta(hours=36)),
        ("2w", NOW - timedelta(days=14)),
        ("2026-11-30", datetime(2026, 11, 30, tzinfo=UTC)),
        ("2026-11-30T01:00:00", datetime(2026, 11, 30, 1, tzinfo=UTC)),
        ("2026-11-30T01:00:00Z", datetime(2026, 11, 30, 1, tzinfo=UTC)),
        ("2026-11-30T01:00:00+02:00", datetime(2026, 11, 29, 23, tzinfo=UTC)),
        ("24", None),
        ("h", None),
        ("yesterday", None),
    ],
)
def test_moment_is_iso_8601_or_so_long_ago(text: str, found: datetime | None) -> None:
    if found is None:
        with pytest.raises(UsageError, match="is no time"):
            moment(text, NOW, "--since")
    else:
        assert (moment(text, NOW, "--since"), moment(text, NOW, "--since").utcoffset()) == (found, timedelta(0))


def test_drift_verdict_uses_the_threshold_of_the_settings() -> None:
    options = DriftOptions(threshold=float(np.nextafter(0.6, 1)))
    assert _verdict(Judged((), (), {}, 0.6, 1.0), 500, options, reference(), rows())[0] is PASS
