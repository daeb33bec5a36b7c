"""What a server tells whoever runs it: metrics for Prometheus, a line for each request."""

from __future__ import annotations

import json


def test_metrics_are_told_by_variant_and_version(start, bundle) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    server = start("--challenger", str(bundle(4)), env={"NEW_MODEL_ENABLED": "true"})
    for _ in range(3):
        assert server.predict().status == 200
    assert server.predict({"age": "old"}).status == 422
    families = {one.name: one for one in text_string_to_metric_families(server.ask("GET", "/metrics").body.decode())}
    assert {
        *("modelway_requests", "modelway_request_seconds", "modelway_batch_rows", "modelway_queue"),
        *(
            "modelway_predictions",
            "modelway_prediction_score",
            "modelway_log_dropped_records",
            "modelway_shadow_dropped",
        ),
    } <= families.keys()
    requests = {sample.labels["status"]: sample for sample in families["modelway_requests"].samples}
    assert {status: sample.value for status, sample in requests.items()} == {"200": 3, "422": 1}
    assert {(one.labels["variant"], one.labels["version"]) for one in requests.values()} == {("challenger", "4")}
    assert server.metric("modelway_batch_rows_count") == 3
    assert server.metric("modelway_batch_rows_sum") == 3
    assert server.metric("modelway_request_seconds_count") == 4
    assert server.metric("modelway_log_dropped_records_total") == 0


def test_each_request_has_a_line_where_the_settings_say_so(start) -> None:
    server = start(access_log="all")
    answer = server.predict(x_request_id="mine")
    server.stop()
    (line,) = server.events("request")
    assert (line["request"], line["prediction"]) == ("mine", answer.headers["x-prediction-id"])
    assert (line["status"], line["variant"], line["version"]) == (200, "champion", "3")


def test_only_failures_have_one_by_default(start, bundle) -> None:
    server = start(champion=bundle(3, fails=True))
    assert server.predict(x_request_id="mine").status == 500
    assert server.predict({"age": "old"}).status == 422
    server.stop()
    (line,) = server.events("request")
    assert (line["request"], line["status"], line["level"]) == ("mine", 500, "error")
    assert all(json.loads(text)["time"] for text in (server.root / "stderr").read_text().splitlines())
