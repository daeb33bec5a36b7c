"""Where the monitor finds what it needs: a log in S3, labels by routing key, the environment's own record."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest

from modelway.records.data import S3Options
from modelway.records.releases import Event, Releases
from modelway.storage.s3 import s3_client

UNTIL = ("--until", "2026-11-26T12:00:00Z")


@pytest.fixture
def s3(empty_moto: str) -> S3Options:
    return S3Options(endpoint_url=empty_moto, region="us-east-1", path_style=True)


def test_log_labels_baseline_and_reports_in_s3(settings, live, s3, now) -> None:
    client = s3_client(s3)
    client.create_bucket(Bucket="bucket")
    live.serve(1000, 5, at=now - timedelta(hours=3))
    live.serve(1000, 6, at=now - timedelta(hours=9))
    live.serve(500, 7, "covariate", at=now - timedelta(days=5))  # not of the last 24 hours
    live.write_labels()
    for path in [*live.root.glob("log/**/*.gz"), live.root / "labels" / "labels.csv", live.root / "baseline.json"]:
        client.put_object(Bucket="bucket", Key=f"live/{path.relative_to(live.root).as_posix()}", Body=path.read_bytes())
    where = [f"monitor.s3.{key}={value}" for key, value in s3.model_dump(mode="json").items()]
    record = settings.json(
        "monitor", "--predictions", "s3://bucket/live/log", "--baseline", "s3://bucket/live/baseline.json",
        "--ground-truth", "s3://bucket/live/labels/", "--output-dir", "s3://bucket/reports", "--no-check-data",
        *UNTIL, *(word for one in where for word in ("--set", one)),
    )  # fmt: skip
    assert (record["exit_code"], record["action"]) == (0, "nothing")
    left = {item["Key"] for item in client.list_objects_v2(Bucket="bucket", Prefix="reports/")["Contents"]}
    assert {"reports/monitoring_dashboard.html", "reports/drift_report.json"} <= left
    report = client.get_object(Bucket="bucket", Key="reports/performance_report.json")["Body"].read().decode()
    assert '"labels": 2000' in report


def test_labels_are_joined_by_routing_key_where_they_have_no_id(settings, live) -> None:
    live.serve(1500, 5, keys=True)
    folder = live.root / "labels"
    folder.mkdir()
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["key", "defaulted"])
        writer.writerows((label["id"].replace("p", "k"), label["defaulted"]) for label in live.labels)
    argv = ("performance", "--predictions", live.log, "--baseline", live.baseline, "--ground-truth", str(folder))
    by_key = settings.json(*argv, *UNTIL)
    by_id = settings.json(*argv[:-1], live.write_labels(), *UNTIL)
    assert by_key["metrics"]["roc_auc"] == by_id["metrics"]["roc_auc"]
    assert by_key["labels"] == 1500


def test_the_log_is_that_of_the_environment_that_is_watched(settings, live) -> None:
    live.serve(1500, 5)
    home = settings.root / ".modelway" / "env" / "local"
    home.mkdir(parents=True)
    (live.root / "log").rename(home / "log")
    argv = ("drift", "--baseline", live.baseline, *UNTIL, "--set", "monitor.environment=local")
    assert settings.json(*argv)["rows"] == 1500


@pytest.mark.parametrize(("hours", "last", "action"), [(2, "deployed", "roll_back"), (30, "deployed", "retrain"),
                                                       (2, "rolled back", "retrain")])  # fmt: skip
def test_a_fall_soon_after_a_release_is_put_down_to_it(settings, live, now, hours, last, action, monkeypatch) -> None:
    live.serve(1500, 5, "concept")
    home = settings.root / ".modelway" / "env" / "local"
    home.mkdir(parents=True)
    monkeypatch.setattr("modelway.cli.monitor.time.time", now.timestamp)
    at = (now - timedelta(hours=hours)).isoformat()
    events = tuple(Event(time=at, what=what, release="a release", owner="somebody") for what in (last, "failed"))
    (home / "releases.json").write_text(Releases(events=events).to_json())
    argv = ("monitor", "--predictions", live.log, "--baseline", live.baseline, "--ground-truth", live.write_labels())
    record = settings.json(*argv, "--no-check-data", *UNTIL, "--set", "monitor.environment=local")
    assert record["action"] == action


def test_a_torn_record_of_releases_stops_no_monitoring(settings, live) -> None:
    live.serve(1500, 5)
    home = settings.root / ".modelway" / "env" / "local"
    home.mkdir(parents=True)
    (home / "releases.json").write_text("{")
    argv = ("monitor", "--predictions", live.log, "--baseline", live.baseline, "--no-check-data", *UNTIL)
    assert settings.run(*argv, "--set", "monitor.environment=local") == 0
    assert "not known" in settings.err


def test_the_page_shows_the_environments_newest_rollout(settings, live, rollouts) -> None:
    live.serve(1500, 5)
    home = settings.root / ".modelway" / "env" / "local"
    home.mkdir(parents=True)
    argv = ("monitor", "--predictions", live.log, "--baseline", live.baseline, "--no-check-data", *UNTIL)
    argv = (*argv, "--set", "monitor.environment=local")
    page = settings.root / "reports" / "monitoring" / "monitoring_dashboard.html"
    said = []
    for text in (None, rollouts.bad().rollout.to_json(), "{"):
        if text is not None:
            (home / "rollout.json").write_text(text)
        assert settings.run(*argv) == 0
        said.append(page.read_text().partition('<section id="rollout">')[2])
    assert said[0] == ""
    assert "the challenger fails more often" in said[1]
    assert "Not read: " in said[2]
