"""Flags, asked over HTTP: who answers."""

from __future__ import annotations

import json

import pytest

from modelway.flags import update_flags, with_shares
from modelway.records.flags import Shares


@pytest.fixture
def flags(tmp_path):
    """Puts shares into force, or any text at all."""

    def put(content: str | None = None, **shares) -> str:
        path = tmp_path / "flags.json"
        if content is None:
            update_flags(str(path), lambda found: with_shares(found, Shares(**shares)))
        else:
            path.write_text(content)
        return str(path)

    return put


@pytest.fixture
def duo(start, bundle, flags):
    """A server of version 3 with the challenger 4, obeying a flag document."""

    def run(*more: str, **settings):
        uri = flags(new_model=0)
        return start(
            "--challenger", str(bundle(4, shift=0.1)), "--flags", uri, *more, routing__poll_seconds=0.05, **settings
        )

    return run


def _epoch(server) -> str:
    return server.predict().headers["x-share-epoch"]


def _variants(server, keys: range) -> dict[int, str]:
    return {key: server.predict(x_routing_key=str(key)).headers["x-model-variant"] for key in keys}


def test_a_change_of_the_document_comes_into_force_without_a_restart(duo, flags, until) -> None:
    server = duo()
    assert server.predict().headers["x-model-version"] == "3"
    flags(new_model=1)
    until(lambda: _epoch(server) == "2")
    answer = server.predict()
    assert answer.headers["x-model-variant"] == "challenger"
    assert answer.json["model_version"] == answer.headers["x-model-version"] == "4"
    assert answer.json["probabilities"][0]["yes"] == pytest.approx(0.7)
    flags(new_model=0)
    until(lambda: _epoch(server) == "3")
    assert server.predict().json["model_version"] == "3"


def test_a_key_stays_in_its_group_while_the_share_grows(duo, flags, until) -> None:
    server = duo()
    before: set[int] = set()
    for epoch, share in enumerate((0.1, 0.3, 0.6), start=2):
        flags(new_model=share)
        until(lambda: _epoch(server) == str(epoch))  # noqa: B023 - asked within this turn
        now = {key for key, variant in _variants(server, range(100)).items() if variant == "challenger"}
        assert before < now
        before = now


def test_groups_are_the_same_at_every_replica_and_after_a_restart(duo, flags, until) -> None:
    first = duo()
    flags(new_model=0.5)
    other = duo()
    flags(new_model=0.5)
    until(lambda: _epoch(first) == _epoch(other) == "4")
    for server in (first, other):
        assert _variants(server, range(40)) == _variants(first, range(40))


@pytest.mark.parametrize("bad", ["", "{", "[]", '{"flags": {}}', None])
def test_a_bad_document_leaves_the_last_good_one_in_force(duo, flags, until, tmp_path, bad: str | None) -> None:
    server = duo()
    flags(new_model=1)
    until(lambda: _epoch(server) == "2")
    if bad is None:
        (tmp_path / "flags.json").unlink()
    else:
        flags(bad)
    until(lambda: server.metric("modelway_flags_fault") == 1)
    assert server.predict().json["model_version"] == "4"
    (tmp_path / "flags.json").unlink(missing_ok=True)
    flags(new_model=0)
    until(lambda: server.metric("modelway_flags_fault") == 0)
    assert server.predict().json["model_version"] == "3"


def test_a_version_that_is_not_in_the_release_is_refused(duo, flags, until) -> None:
    server = duo()
    flags(new_model=1, version="4")
    until(lambda: _epoch(server) == "2")
    flags(new_model=1, version="9")
    until(lambda: server.metric("modelway_flags_fault") == 1)
    assert server.predict().json["model_version"] == "4"
    assert "'9'" in server.events("flags_refused")[-1]["error"]


def test_a_worker_that_starts_while_the_document_is_torn_has_the_last_good_one(duo, flags, until) -> None:
    import psutil

    server = duo("--admin-port", "0")
    flags(new_model=1)
    until(lambda: _epoch(server) == "2")
    flags("{")
    (worker,) = server.admin("GET", "/status").json["workers"]
    psutil.Process(worker["pid"]).kill()
    until(lambda: server.events("worker_ended") and server.metric("modelway_workers_ready") == 1)
    assert server.predict().json["model_version"] == "4"


def test_the_key_may_stand_in_a_column(duo, flags, until, row) -> None:
    server = duo(routing__column="note")
    flags(new_model=0.5)
    until(lambda: _epoch(server) == "2")
    for key in range(20):
        by_column = server.predict({**row, "note": f"key-{key}"})
        by_header = server.predict(x_routing_key=f"key-{key}")
        assert by_column.headers["x-model-variant"] == by_header.headers["x-model-variant"]


def test_without_a_key_each_request_is_routed_by_itself(duo, flags, until) -> None:
    server = duo()
    flags(new_model=0.5)
    until(lambda: _epoch(server) == "2")
    assert {server.predict().headers["x-model-variant"] for _ in range(60)} == {"champion", "challenger"}


def test_a_request_may_name_its_version(duo, row) -> None:
    server = duo()
    inputs = [
        {"name": name, "shape": [1], "datatype": kind, "data": [row[name]]}
        for name, kind in {"age": "INT64", "home": "BYTES", "since": "BYTES", "note": "BYTES"}.items()
    ]
    for version, variant in (("3", "champion"), ("4", "challenger")):
        answer = server.ask("POST", f"/v2/models/loans/versions/{version}/infer", {"inputs": inputs})
        assert answer.json["model_version"] == version
        assert (answer.headers["x-model-variant"], answer.headers["x-share-epoch"]) == (variant, "pinned")


def test_the_environment_sends_everybody_to_the_new_model(start, bundle) -> None:
    server = start("--challenger", str(bundle(4)), env={"NEW_MODEL_ENABLED": "true"})
    assert server.predict().json["model_version"] == "4"
    assert server.predict().headers["x-model-variant"] == "challenger"


def test_the_environment_goes_before_the_document(duo, flags, until) -> None:
    server = duo(env={"NEW_MODEL_ENABLED": "true"})
    assert server.predict().json["model_version"] == "4"
    flags(new_model=0, shadow=1)
    until(lambda: _epoch(server).startswith("2-env-"))
    assert server.predict().json["model_version"] == "4"


def test_the_environment_chooses_the_version_by_commit(start, bundle) -> None:
    two = ("--challenger", str(bundle(4)), "--challenger", str(bundle(5)))
    commit = f"{4:040x}"
    server = start(*two, env={"NEW_MODEL_ENABLED": "true", "NEW_MODEL_VERSION": commit})
    assert server.predict().json["model_version"] == "4"


@pytest.mark.parametrize(
    ("env", "code"), [({"NEW_MODEL_ENABLED": "maybe"}, 2), ({"NEW_MODEL_ENABLED": "true", "NEW_MODEL_VERSION": "9"}, 3)]
)
def test_flags_of_the_environment_that_can_not_be_obeyed_are_refused_at_the_start(start, bundle, env, code) -> None:
    server = start("--challenger", str(bundle(4)), env=env)
    assert server.process.wait(20) == code == server.record["exit_code"]


def test_a_challenger_with_other_columns_is_asked_in_its_own(start, bundle, row) -> None:
    server = start(
        "--challenger",
        str(bundle(4, extra_columns=["score"])),
        env={"NEW_MODEL_ENABLED": "true"},
        input__extra="ignore",
    )
    assert server.predict(row).json["faults"][0]["field"] == "score"
    assert server.predict({**row, "score": 1.5}).json["model_version"] == "4"


def test_the_document_is_json_that_flagd_reads(tmp_path) -> None:
    from openfeature.contrib.tools.flagd.core import FlagdCore

    document = update_flags(str(tmp_path / "f.json"), lambda found: with_shares(found, Shares(new_model=0.25)))
    core = FlagdCore()
    core.set_flags((tmp_path / "f.json").read_text())
    assert json.loads((tmp_path / "f.json").read_text()) == document
    assert core.resolve_boolean_value("SHADOW_MODEL_ENABLED", True).value is False


def test_a_key_takes_one_arm_by_header_and_by_column(start, bundle, flags, row) -> None:
    server = start("--challenger", str(bundle(4)), "--flags", flags(new_model=0.5), routing__column="note")
    for number in range(10):
        key = f"Jürgen Müß {number} 株式会社"
        by_column = server.predict({**row, "note": key}).headers["x-model-variant"]
        by_header = server.predict(x_routing_key=key.encode().decode("latin-1")).headers["x-model-variant"]
        assert by_header == by_column
    assert server.predict(x_routing_key="M\xfcller").status == 200  # Latin-1, as some clients write it


def test_no_bad_document_stops_predictions_or_keeps_a_good_one_out(duo, flags, until, tmp_path) -> None:
    server = duo()
    flags(new_model=1)
    until(lambda: _epoch(server) == "2")
    good = (tmp_path / "flags.json").read_text()
    for bad in (
        good.replace('"epoch": 2', '"epoch": "abc123\\n"'),
        good.replace('"epoch": 2', '"epoch": "\\ud800"'),
        good.replace('"epoch": 2', '"epoch": ' + "[" * 100_000 + "]" * 100_000),
        good.replace('"on": true', '"on": true, "x": "yes"'),
        good.replace('"defaultVariant": "on"', '"targeting": {"fractional": [["on", 1], ["bob", 99]]}'),
        "x" * 2_000_000,
    ):
        assert bad != good
        flags(bad)
        until(lambda: server.metric("modelway_flags_fault") == 1)
        answer = server.predict()
        assert (answer.status, answer.headers["x-share-epoch"]) == (200, "2")  # the last good one
        flags(good)
        until(lambda: server.metric("modelway_flags_fault") == 0)
    flags(new_model=0)
    until(lambda: _epoch(server) == "3")
