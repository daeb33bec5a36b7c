"""Every key of `serve` reaches the servers of every target: started as they are rendered, they do what it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).parent))
from serving_launch import KINDS, SMOKE, Launch, Server, Store, nested, place_of, render, start
from serving_probes import FAILING, GROUPS, Group, flag_document, routed

from modelway.records.serve import ServeOptions
from modelway.records.serving import OF_ENVIRONMENT, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROBED = {key for group in GROUPS.values() for key in (*group.keys, *group.ended)}


def leaves(record: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, about in record.model_fields.items():
        kind = about.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from leaves(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.close()


@pytest.fixture
def row(bundles: Any) -> dict[str, Any]:
    example = json.loads((bundles.path / bundles.refs[0].digest / "serving_input_example.json").read_bytes())
    split = example["dataframe_split"]
    return dict(zip(split["columns"], split["data"][0], strict=True))


@pytest.fixture
def prepared(tmp_path: Path, bundles: Any, store: Store, free_port: int) -> Callable[..., tuple[Launch, Any]]:
    """Renders what a target starts for a `serve` section; gives it with its place."""
    store.clear()
    writable = tmp_path / "var"
    writable.mkdir()

    def prepare(
        kind: str, serve: dict[str, Any], *, s3: dict[str, Any] | None = None, challenger: bool = False, **more: Any
    ) -> tuple[Launch, Any]:
        environment = {"s3": store.s3() if s3 is None else s3, **more}
        place = place_of(kind, tmp_path, bundles, serve, environment, free_port)
        refs = bundles.refs[:2] if challenger else bundles.refs[:1]
        return render(kind, place, refs, writable), place

    return prepare


def seen_in(group: Group, server: Server) -> dict[str, bool]:
    """Which of its keys a server shows; it has ended after that."""
    found = {key: bool(see(server)) for key, (_, see) in group.keys.items()}
    if group.ended:
        assert routed(server)
    server.end()
    return found | {key: bool(see(server)) for key, (_, see) in group.ended.items()}


def run_group(
    name: str, kind: str, prepared: Any, store: Store, row: dict[str, Any], root: Path, *, sets: bool
) -> dict[str, bool]:
    group = GROUPS[name]
    if group.before is not None:
        group.before(store)
    store.put("here/flags.json", flag_document(group.shares))
    probes = {key: value for key, (value, _) in {**group.keys, **group.ended}.items() if value is not None}
    values = {**group.context, **(probes if sets else {})}
    s3 = {**store.s3(), "endpoint_url": "http://127.0.0.1:9"} if group.unreachable else store.s3()
    if name == "store" and not sets:
        s3 = {}
    launch, place = prepared(kind, nested(values), s3=s3, challenger=group.shares is not None)
    store.asked.clear()
    server = start(launch, place, store, row, root)
    try:
        return seen_in(group, server)
    finally:
        server.kill()


def test_every_key_of_the_record_has_a_probe_or_belongs_to_the_environment() -> None:
    known = set(leaves(ServeOptions))
    assert known == PROBED | set(FAILING) | set(OF_ENVIRONMENT)
    assert not PROBED & set(OF_ENVIRONMENT)
    for group in GROUPS.values():
        for key, (value, _) in {**group.keys, **group.ended}.items():
            default: Any = ServeOptions()
            for part in key.split("."):
                default = getattr(default, part)
            assert value != default or (value is None and key.startswith("s3.")), key


@pytest.mark.parametrize("kind", KINDS)
def test_settings_that_a_project_sets_are_those_that_the_server_has(
    kind: str, prepared: Any, store: Store, bundles: Any
) -> None:
    """The cheap form of the slow test: the very process that would serve prints what it would serve with."""
    values = {key: value for group in GROUPS.values() for key, (value, _) in {**group.keys, **group.ended}.items()}
    del values["log.enabled"]  # without a log there would be no address of one
    serve = nested({key: value for key, value in values.items() if value is not None})
    elsewhere = nested(dict.fromkeys(OF_ENVIRONMENT, "elsewhere"))
    for section, inner in elsewhere.items():
        serve[section] = {**serve.get(section, {}), **inner} if isinstance(inner, dict) else inner
    launch, place = prepared(kind, serve)
    argv = launch.argv
    if kind == "local":  # the launcher takes no flags: it becomes what it finds in its file
        wanted = json.loads((place.state / "local" / "wanted.json").read_text())
        (place.state / "local" / "wanted.json").write_text(
            json.dumps({**wanted, "argv": [*wanted["argv"], "--print-settings"]})
        )
    else:
        argv = [*argv, "--print-settings", "--json"]
    done = subprocess.run(argv, cwd=launch.folder, env=launch.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["digest"] == launch.digest
    assert found["settings"] == launch.settings
    for key in PROBED - {"log.enabled"}:
        had: Any = found["serve"]
        for part in key.split("."):
            had = had[part]
        expected = store.s3()[key.rpartition(".")[2]] if key.startswith("s3.") else values[key]
        assert had == expected, key
    assert (found["serve"]["routing"]["flags"], found["serve"]["log"]["uri"]) == (place.flags, place.log)
    assert "elsewhere" not in json.dumps(found["settings"])
    if kind == "local":
        assert found["serve"]["rollout_page"].startswith(str(place.state))
        assert found["serve"]["log"]["spool"].startswith(str(place.state))
    else:
        assert found["serve"]["rollout_page"] is None
        assert found["serve"]["log"]["spool"] == launch.environment["MODELWAY_SPOOL"]
        assert launch.environment["MODELWAY_SMOKE_TOKEN_SHA256"] == SMOKE


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", GROUPS)
def test_each_key_changes_what_the_server_does(
    name: str, kind: str, prepared: Any, store: Store, row: dict[str, Any], tmp_path: Path
) -> None:
    found = run_group(name, kind, prepared, store, row, tmp_path, sets=True)
    assert found == dict.fromkeys(found, True)


@pytest.mark.slow
@pytest.mark.parametrize("name", GROUPS)
def test_no_key_shows_where_it_is_not_set(
    name: str, prepared: Any, store: Store, row: dict[str, Any], tmp_path: Path
) -> None:
    """Else the test above would prove nothing."""
    found = run_group(name, "kubernetes", prepared, store, row, tmp_path, sets=False)
    assert found == dict.fromkeys(found, False)


@pytest.fixture
def signed(bundles: Any, tmp_path: Path) -> tuple[Any, Path, Path]:
    """A bundle that somebody has signed, the key of that somebody, and another's."""
    from modelway.bundle import bundle_digest
    from modelway.bundle.signing import sign

    keys = []
    for name in ("ours", "theirs"):
        key = ec.generate_private_key(ec.SECP256R1())
        private, public = tmp_path / f"{name}.key", tmp_path / f"{name}.pem"
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        public.write_bytes(
            key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        keys.append((private, public))
    work = tmp_path / "by-digest" / "work"
    shutil.copytree(bundles.path / bundles.refs[0].digest, work)
    sign(work, keys[0][0], "loans")
    ref = bundles.refs[0].model_copy(update={"digest": bundle_digest(work)})
    work.rename(work.parent / ref.digest)
    return replace(bundles, path=work.parent, refs=(ref,)), keys[0][1], keys[1][1]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_signatures_are_required_and_verified_with_the_key_that_travels(
    kind: str, tmp_path: Path, bundles: Any, signed: Any, store: Store, row: dict[str, Any], free_port: int
) -> None:
    ours, key, other = signed
    store.clear()
    store.put("here/flags.json", flag_document(None))
    writable = tmp_path / "var"
    writable.mkdir()

    def begin(which: Any, public_key: Path) -> Server:
        serve = nested({"workers.count": 1, "workers.notice_seconds": 0, "require_signature": True})
        serve["public_key"] = os.path.relpath(public_key, tmp_path)
        place = place_of(kind, tmp_path, which, serve, {"s3": store.s3()}, free_port)
        launch = render(kind, place, which.refs[:1], writable)
        return start(launch, place, store, row, tmp_path)

    server = begin(ours, key)
    try:
        assert server.predict()[0] == 200
    finally:
        server.end()
    with pytest.raises(AssertionError, match="not of this key"):
        begin(ours, other)
    with pytest.raises(AssertionError, match="not signed"):
        begin(bundles, key)


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_never_travels(kind: str, prepared: Any, signed: Any, tmp_path: Path) -> None:
    from modelway.errors import SettingsError

    with pytest.raises(SettingsError, match="public key can't be read"):
        prepared(kind, {"require_signature": True, "public_key": "ours.key"})
    launch, _ = prepared(kind, {"require_signature": True, "public_key": "ours.pem"})
    assert launch.settings["serve"]["public_key"] == (tmp_path / "ours.pem").read_text()


def test_where_nothing_is_set_nothing_is_passed(prepared: Any) -> None:
    launch, _ = prepared("kubernetes", {}, s3={})
    assert (launch.digest, SETTINGS in launch.environment) == (None, False)
