"""The smoke test against a real server with real bundles: it passes what is right and fails what is not."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from modelway.deploy.smoke import read_expected, smoke
from modelway.deploy.smoke.asking import Reply
from modelway.deploy.smoke.judging import refuses
from modelway.deploy.smoke.questions import questions
from modelway.deploy.target import open_target
from modelway.records.deploy import LiveState
from modelway.records.environment import SmokeOptions
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict
from modelway.serve.answers import write_inference_refusal
from modelway.serve.refusals import ABSENT, Faults, RefusedError

OPTIONS = SmokeOptions(deadline_seconds=0.5, requests=3, latency_ms=20_000.0)


@pytest.fixture
def served(make_place: Any, bundles: Any) -> Any:
    """The endpoint of bundle 1 with bundle 2 beside it, and what is expected of both."""
    import time

    target = open_target(make_place())
    for step in target.plan(bundles.release(1, 2), target.inspect()):
        target.apply(step)
    while (live := target.inspect()).state is not LiveState.STABLE:
        assert live.state is LiveState.CHANGING, live.reason
        time.sleep(0.1)
    yield live.url, [read_expected(bundles.path / ref.digest) for ref in bundles.refs]
    for step in target.plan(None, target.inspect()):
        target.apply(step)


def failed(report: Any) -> dict[str, str]:
    return {check.name: check.detail for check in report.checks if check.verdict is not Verdict.PASS}


def test_it_tells_right_from_wrong(served: Any) -> None:
    url, (first, second, third) = served
    assert failed(smoke(url, [first, second], OPTIONS)) == {}
    assert failed(smoke(f"{url}/predict", [first, second], OPTIONS)) == {}

    # Another version than those that are served.
    assert {"metadata", "predictions of version 3"} <= set(failed(smoke(url, [first, third], OPTIONS)))

    # Other predictions than those that are expected, by a little.
    moved = [[value + 1e-4, *row[1:]] for row in (first.probabilities or []) for value in row[:1]]
    wrong = failed(smoke(url, [dataclasses.replace(first, probabilities=moved), second], OPTIONS))
    assert set(wrong) == {"predictions of version 1"}
    assert "expected" in wrong["predictions of version 1"]

    # Too slow.
    slow = OPTIONS.model_copy(update={"latency_ms": 0.001})
    assert set(failed(smoke(url, [first, second], slow))) == {"latency"}

    # Without a bundle no prediction can be judged, and that is no pass.
    unknown = smoke(url, [], OPTIONS)
    assert (unknown.verdict, set(failed(unknown))) == (Verdict.INCONCLUSIVE, {"predictions"})
    assert unknown.versions == ("1", "2")


_STRANGE = [b"null", b"[]", b'"a"', b'{"versions": null}', b'{"versions": ["1"], "inputs": [1]}', b'{"outputs": [[]]}']
_STRANGE += [
    b'{"model_version": "1", "outputs": [{"name": "prediction", "data": %s}]}' % data for data in (b"1", b'"ab"')
]
_STRANGE += [b'{"model_version": ["1"], "predictions": {"a": 1}}', b'{"versions": [1, "a"], "inputs": {"a": 1}}']


def test_json_of_another_form_is_wrong(bundles: Any) -> None:
    asked = questions([read_expected(bundles.path / bundles.refs[0].digest)], 1e-6)
    for question in (one for one in asked if one.name != "health"):
        for body in _STRANGE:
            assert question.wrong(Reply(200, body, 0.0)), (question.name, body)


def test_nobody_there_is_a_failure(bundles: Any, free_port: int) -> None:
    expected = read_expected(bundles.path / bundles.refs[0].digest)
    report = smoke(f"http://127.0.0.1:{free_port}", [expected], OPTIONS)
    assert report.verdict is Verdict.FAIL
    assert {check.verdict for check in report.checks} == {Verdict.FAIL}
    assert 1 <= report.reason.count("no answer") <= 3
    assert len(report.reason) < 400


def test_a_reason_names_each_thing_once() -> None:
    checks = [SmokeCheck(name=name, verdict=Verdict.FAIL, detail="status 404: not here") for name in ("live", "ready")]
    report = SmokeReport(endpoint="http://x", versions=(), checks=tuple(checks))
    assert report.reason == "live, ready: status 404: not here"
    more = [check.model_copy(update={"name": name}) for check, name in zip(checks * 3, "abcdef", strict=True)]
    report = report.model_copy(update={"checks": tuple(more)})
    assert report.reason == "a, b and 4 more: status 404: not here"


def test_a_bundle_that_cant_be_read_is_refused(bundles: Any, tmp_path: Path) -> None:
    from modelway.errors import InputError

    shutil.copytree(bundles.path / bundles.refs[0].digest, tmp_path / "torn")
    (tmp_path / "torn" / "reference.parquet").write_bytes(b"torn")
    with pytest.raises(InputError, match="not the one of the manifest"):
        read_expected(tmp_path / "torn")
    with pytest.raises(InputError, match="digest"):
        read_expected(bundles.path / bundles.refs[0].digest, "0" * 64)


def test_an_address_that_is_none_is_refused() -> None:
    from modelway.errors import UsageError

    for endpoint in ("localhost:8080", "ftp://x", "http://", "https://user:canary@x"):
        with pytest.raises(UsageError):
            smoke(endpoint, [], OPTIONS)


@pytest.mark.parametrize("name", ['say "hi"', "back\\slash", "a\ttab\x00", "x" * 79 + "ü and more", "\u2028", "{}%s"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_refusal_that_names_an_odd_column_passes_and_another_does_not(name: str, ascii_only: bool) -> None:
    faults = Faults(10)
    faults.add(name, "a number", ABSENT)
    with pytest.raises(RefusedError) as raised:
        faults.refuse()
    body = json.dumps(write_inference_refusal(raised.value, "r"), ensure_ascii=ascii_only, default=to_builtins).encode()
    assert refuses(name)(Reply(422, body, 1.0)) is None
    assert "does not name" in (refuses(f"other {name}")(Reply(422, body, 1.0)) or "")
