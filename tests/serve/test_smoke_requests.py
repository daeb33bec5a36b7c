"""Smoke tests prove themselves by a token; nobody else is kept apart from the traffic."""

from __future__ import annotations

import hashlib

import pytest

from modelway.records.serve import PredictionRecord

from .test_hang_ups import OUTCOMES, outcomes

TOKEN = "a-token-of-the-release"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


@pytest.mark.parametrize("env", [{"MODELWAY_SMOKE_TOKEN": TOKEN}, {"MODELWAY_SMOKE_TOKEN_SHA256": DIGEST}])
def test_request_with_the_token_is_logged_as_smoke_and_no_traffic(start, bundle, row, env) -> None:
    server = start("--challenger", str(bundle(4)), env={"SHADOW_MODEL_ENABLED": "true", **env}, log__sample=0)
    assert server.predict(row, x_modelway_smoke=TOKEN, x_request_id="smoke").status == 200
    assert server.predict({"age": "x"}, x_modelway_smoke=TOKEN, x_request_id="refused").status == 422
    assert server.metric("modelway_requests_total") == 0
    assert server.metric("modelway_shadow_requests_total") == 0
    assert outcomes(server) == dict.fromkeys(OUTCOMES, 0) | {"smoke": 2}
    server.stop()
    records = [PredictionRecord.model_validate(line) for line in server.lines()]
    assert {(one.request, one.status, one.smoke, one.probability) for one in records} == {
        ("smoke", 200, True, 1.0),
        ("refused", 422, True, 1.0),
    }
    counts = server.lines("statistics")
    assert sum(line["smoke"] for line in counts) == 2
    assert sum(line["requests"] for line in counts) == 0
    assert TOKEN not in (server.root / "stderr").read_text()


@pytest.mark.parametrize(
    ("env", "headers"),
    [
        ({"MODELWAY_SMOKE_TOKEN": TOKEN}, {"user_agent": "modelway-smoke"}),
        ({"MODELWAY_SMOKE_TOKEN": TOKEN}, {"x_modelway_smoke": TOKEN[:-1]}),
        ({"MODELWAY_SMOKE_TOKEN": TOKEN}, {"x_modelway_smoke": ""}),
        ({"MODELWAY_SMOKE_TOKEN_SHA256": DIGEST}, {"x_modelway_smoke": DIGEST}),
        ({"MODELWAY_SMOKE_TOKEN_SHA256": DIGEST, "MODELWAY_SMOKE_TOKEN": "other"}, {"x_modelway_smoke": "other"}),
        ({"MODELWAY_SMOKE_TOKEN": ""}, {"x_modelway_smoke": ""}),
        ({}, {"x_modelway_smoke": TOKEN}),
    ],
)
def test_request_without_the_token_is_traffic(start, row, env, headers) -> None:
    server = start(env=env)
    assert server.predict(row, **headers).status == 200
    assert outcomes(server) == dict.fromkeys(OUTCOMES, 0) | {"logged": 1}
    server.stop()
    (line,) = server.lines()
    assert line["smoke"] is False
    assert sum(counts["requests"] for counts in server.lines("statistics")) == 1


def test_digest_that_is_none_is_refused_at_the_start(start) -> None:
    server = start(env={"MODELWAY_SMOKE_TOKEN_SHA256": "abc"})
    assert server.process.wait(20) == 2 == server.record["exit_code"]
