"""The serving settings of a release: what is in them, what they change, and whether a server runs with them."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from modelway.deploy.ecs.definitions import configuration_of
from modelway.deploy.image import known_image
from modelway.deploy.kubernetes.manifests import manifests
from modelway.deploy.smoke import describe_settings
from modelway.deploy.smoke.asking import Asker
from modelway.deploy.smoke.settings import check_settings
from modelway.errors import UsageError
from modelway.pipeline.deploy import release_settings
from modelway.pipeline.environment import open_environment
from modelway.records.data import S3Options
from modelway.records.deploy import BundleRef, Release
from modelway.records.ecs import EcsOptions
from modelway.records.environment import EnvironmentOptions, ImageOptions
from modelway.records.kubernetes import KubernetesOptions
from modelway.records.releases import Attempt, Releases
from modelway.records.serve import LogOptions, ServeOptions, WorkerOptions
from modelway.records.serving import MOST_BYTES, OF_ENVIRONMENT, ServingSettings, explicit_settings
from modelway.records.verdict import Verdict
from modelway.settings import Override, load_slice
from modelway.waiting import Wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REF = BundleRef(version=1, digest="1" * 64)
IMAGE = f"r/i@sha256:{'1' * 64}"
PLAIN = Release(name="loans", champion=REF, image=IMAGE)
LOGGED = ServingSettings(serve=ServeOptions(log=LogOptions(sample=0.5)))
REMOTE = {"flags": "s3://models/flags.json", "log": "s3://models/log"}


def of_project(root: Path, text: str, *overrides: str, env: str = "local") -> ServingSettings | None:
    (root / "modelway.yaml").write_text(f"name: loans\n{text}\n")
    settings = load_slice(root / "modelway.yaml", [Override.parse(one) for one in overrides])
    return release_settings(open_environment(settings, env, root, {}).place, REF)


def test_settings_hold_what_is_set_and_nothing_else(tmp_path: Path) -> None:
    assert of_project(tmp_path, "") is None
    assert of_project(tmp_path, "serve: {log: {}}") is None
    found = of_project(tmp_path, "serve: {log: {columns: [age], sample: 1}, routing: {column: null}}")
    assert found is not None
    assert json.loads(found.text) == {
        "serve": {"log": {"columns": ["age"], "sample": 1.0}, "routing": {"column": None}}
    }


@pytest.mark.parametrize(
    ("text", "overrides", "expected"),
    [
        ("", ["serve.input.max_rows=2"], {"input": {"max_rows": 2}}),
        ("serve: {input: {max_rows: 3}}", ["serve.input.max_rows=2"], {"input": {"max_rows": 2}}),
        ("environments: {local: {workers: 3}}", [], {"workers": {"count": 3}}),
        ("serve: {workers: {count: 2}}\nenvironments: {local: {workers: 3}}", [], {"workers": {"count": 3}}),
        ("serve: {s3: {region: a}}\nenvironments: {local: {s3: {region: b}}}", [], {"s3": {"region": "b"}}),
        ("batch: {require_signature: true}", [], {"require_signature": True}),
    ],
)
def test_settings_come_from_every_layer(tmp_path: Path, text: str, overrides: list[str], expected: Any) -> None:
    found = of_project(tmp_path, text, *overrides)
    assert found is not None
    assert json.loads(found.text) == {"serve": expected}


def test_settings_keep_each_key_that_is_set_but_those_of_the_environment() -> None:
    everything = ServeOptions().model_dump(mode="json")
    own = {"workers": 3, "require_signature": True, "public_key": "key", "s3": S3Options(region="b")}
    found = explicit_settings(ServeOptions.from_json(json.dumps(everything)), **own)  # type: ignore[arg-type]
    for key in OF_ENVIRONMENT:
        *above, last = key.split(".")
        del (everything[above[0]] if above else everything)[last]
    everything |= {"require_signature": True, "public_key": "key", "s3": {"region": "b"}}
    everything["workers"]["count"] = 3
    assert json.loads(found.text) == {"serve": {key: one for key, one in everything.items() if one != {}}}
    less = explicit_settings(ServeOptions(), **own)  # type: ignore[arg-type]
    alone = {"workers": {"count": 3}, "require_signature": True, "public_key": "key", "s3": {"region": "b"}}
    assert json.loads(less.text) == {"serve": alone}


@pytest.mark.parametrize(
    ("state", "flags", "log"),
    list(itertools.product([None, "state", "s3://bucket/state/"], *[[None, "x", "s3://b/x"]] * 2)),
)
@pytest.mark.parametrize("target", ["{kind: local}", "{kind: ecs, cluster: c, service: s}"])
def test_an_environment_keeps_flags_and_log_in_its_state_unless_they_are_named(
    tmp_path: Path, state: str | None, flags: str | None, log: str | None, target: str
) -> None:
    named = {"state": state, "flags": flags, "log": log}
    name = "local" if "local" in target else "staging"
    options = {key: value for key, value in named.items() if value is not None} | {"target": yaml.safe_load(target)}
    text = f"environments: {json.dumps({name: options})}"
    opened = open_environment(load_slice(_written(tmp_path, text)), name, tmp_path, {})

    def at(path: str) -> str:
        return path if "://" in path else str(tmp_path / path)

    local = tmp_path / ".modelway" / "env" / name
    below = at(state or str(local)).rstrip("/")
    place = opened.place
    assert opened.state.uri == at(state or str(local))
    assert (place.flags, place.log) == (at(flags or f"{below}/flags.json"), at(log or f"{below}/log"))
    served = place.serve
    assert (served.routing.flags, served.log.uri, served.log.spool) == (place.flags, place.log, str(local / "spool"))
    assert served.rollout_page == (str(local / "rollout.html") if name == "local" else None)
    assert (place.state, place.bundles) == (local, tmp_path / ".modelway" / "bundles")


@pytest.mark.parametrize("keys", list(itertools.product([None, "a.pem"], [None, "b.pem"])))
@pytest.mark.parametrize("required", list(itertools.product([False, True], [False, True])))
def test_a_signature_is_required_of_all_where_one_section_requires_it(
    tmp_path: Path, keys: tuple[str | None, str | None], required: tuple[bool, bool]
) -> None:
    sections = {
        name: {"public_key": key, "require_signature": one}
        for name, key, one in zip(("serve", "batch"), keys, required, strict=True)
    }
    settings = load_slice(_written(tmp_path, json.dumps(sections)[1:-1].replace('}, "', '}\n"')))
    place = open_environment(settings, "local", tmp_path, {}).place
    first = next(filter(None, keys), None)
    for found in (settings.trust(tmp_path), place.serve, explicit_of(place)):
        assert found.require_signature is any(required)
        assert found.public_key == (None if first is None else str(tmp_path / first))


def explicit_of(place: Any) -> ServeOptions:
    given: ServingSettings = place.settings
    return given.serve


def test_settings_name_the_code_that_bundles_may_use_and_no_place_of_an_environment(tmp_path: Path) -> None:
    text = "serve: {log: {uri: a, spool: b}, routing: {flags: c}, rollout_page: d}"
    place = open_environment(
        load_slice(_written(tmp_path, text)), "local", tmp_path, {"MODELWAY_TRUST": "my.Type"}
    ).place
    found = release_settings(place, REF.model_copy(update={"trusted": ("its.Type",)}))
    assert found is not None
    assert json.loads(found.text) == {"trusted": ["its.Type", "my.Type"]}


def _written(root: Path, text: str) -> Path:
    (root / "modelway.yaml").write_text(f"name: loans\n{text}\n")
    return root / "modelway.yaml"


def test_digest_follows_the_values_not_how_they_are_written() -> None:
    one = ServingSettings.from_json('{"serve":{"log":{"sample":1,"hashed":[]},"input":{}}}')
    other = ServingSettings.from_json('{"trusted":[],"serve":{"log":{"hashed":[],"sample":1.0}}}')
    assert one.digest == other.digest is not None
    assert one.digest != LOGGED.digest
    assert ServingSettings().digest is None


def test_release_without_settings_keeps_the_id_that_it_had() -> None:
    text = json.dumps(["loans", ["1" * 64], IMAGE])
    assert PLAIN.id == hashlib.sha256(text.encode()).hexdigest()[:12]
    assert PLAIN.model_copy(update={"settings": ServingSettings()}).id == PLAIN.id


def test_changed_settings_are_another_release() -> None:
    changed = PLAIN.model_copy(update={"settings": LOGGED})
    more = ServingSettings(serve=ServeOptions(log=LogOptions(sample=0.6)))
    assert len({PLAIN.id, changed.id, changed.model_copy(update={"settings": more}).id}) == 3
    assert changed.model_copy(update={"commit": "abc", "revision": "7"}).id == changed.id


def test_releases_from_before_are_read_as_having_none() -> None:
    old = json.loads(Releases(history=(PLAIN,)).to_json())
    del old["history"][0]["settings"]
    assert Releases.from_json(json.dumps(old)).history == (PLAIN,)
    kept = Releases(history=(PLAIN.model_copy(update={"settings": LOGGED}),))
    assert Releases.from_json(kept.to_json()).history[0].given.text == LOGGED.text


def test_defaults_are_no_part_of_what_a_target_compares(make_place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place = make_place(**REMOTE)
    ecs = EcsOptions(kind="ecs", cluster="c", service="s", region="eu-central-1")
    release = PLAIN.model_copy(update={"settings": LOGGED})
    before = (release.id, configuration_of(place, ecs, release), release.given.text)
    monkeypatch.setattr("modelway.deploy.target.ServingSettings", _another_modelways)
    assert (release.id, configuration_of(place, ecs, release), release.given.text) == before


def _another_modelways() -> ServingSettings:
    return ServingSettings(serve=ServeOptions(workers=WorkerOptions(drain_seconds=99.0)))


def test_pod_is_given_its_releases_time_to_end_whatever_the_project_sets_now(make_place: Any) -> None:
    place = make_place(**REMOTE)
    patient = ServingSettings(serve=ServeOptions(workers=WorkerOptions(drain_seconds=300.0)))
    options = KubernetesOptions(kind="kubernetes")
    pods = [
        manifests(place, options, PLAIN.model_copy(update={"settings": one}))[0]["spec"]["template"]["spec"]
        for one in (None, patient)
    ]
    graces = [pod["terminationGracePeriodSeconds"] for pod in pods]
    assert graces[1] - graces[0] == 280


def test_settings_that_no_environment_holds_are_refused(tmp_path: Path) -> None:
    columns = [f"a_column_with_a_long_name_{number}" for number in range(1200)]
    with pytest.raises(UsageError, match=f"{MOST_BYTES:,}") as refused:
        of_project(tmp_path, f"serve: {{log: {{columns: {json.dumps(columns)}}}}}")
    assert "log.columns" in (refused.value.remedy or "")


def test_a_password_in_an_address_never_travels() -> None:
    secret = S3Options(endpoint_url="https://someone:secret@s3.example.com")
    with pytest.raises(UsageError) as refused:
        explicit_settings(ServeOptions(), s3=secret).checked()
    assert "secret@" not in str(refused.value)


def image(letter: str, repository: str = "r/i") -> str:
    return f"{repository}@sha256:{letter * 64}"


def ran(
    letter: str | None, *, settings: ServingSettings | None = None, repository: str = "r/i", **more: Any
) -> Release:
    """Give a release that ran with this image."""
    made = None if letter is None else image(letter, repository)
    return PLAIN.model_copy(update={"image": made, "settings": settings, **more})


OTHER = BundleRef(version=2, digest="2" * 64)
CHANGED = PLAIN.model_copy(update={"settings": LOGGED})
TRIED = PLAIN.model_copy(update={"challengers": (OTHER,)})
IMAGES: dict[str, tuple[Release, tuple[Release, ...], Release | None, str | None]] = {
    "nothing ran": (PLAIN, (), None, None),
    "it ran": (PLAIN, (ran("a"),), None, "a"),
    "built again since": (PLAIN, (ran("a"), ran("b"), ran("c")), None, "c"),
    "built again, and another bundle since": (PLAIN, (ran("a"), ran("b"), ran("c", champion=OTHER)), None, "b"),
    "being tried": (PLAIN, (ran("a"), ran("b")), ran("c"), "c"),
    "another bundle is being tried": (PLAIN, (ran("a"), ran("b")), ran("c", champion=OTHER), "b"),
    "without an image since": (PLAIN, (ran("a"), ran(None)), None, "a"),
    "of another repository since": (PLAIN, (ran("a"), ran("b", repository="r/i2")), None, "a"),
    "of another repository alone": (PLAIN, (ran("a", repository="q/r/i"),), None, None),
    "with a challenger": (TRIED, (ran("a"), ran("b", challengers=(OTHER,)), ran("c")), None, "b"),
    "without a challenger": (PLAIN, (ran("a"), ran("b", challengers=(OTHER,))), None, "a"),
    "as the challenger": (PLAIN, (ran("a", champion=OTHER, challengers=(REF,)),), None, None),
    "settings, and none ran": (CHANGED, (ran("a"),), None, None),
    "settings, and some ran": (CHANGED, (ran("a"), ran("b", settings=LOGGED), ran("c")), None, "b"),
    "no settings, and some ran": (PLAIN, (ran("a"), ran("b", settings=LOGGED)), None, "b"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_known_image_is_the_newest_of_the_same_bundles_whose_server_reads_the_settings(name: str) -> None:
    release, history, tried, expected = IMAGES[name]
    options = EnvironmentOptions(image=ImageOptions(repository="r/i"))
    place: Any = SimpleNamespace(options=options, environment="staging")
    attempt = tried and Attempt(kind="deploy", release=tried, started="2026-11-30T00:00:00+00:00", owner="me")
    found = known_image(place, release, Releases(history=history, attempt=attempt))
    assert found == (expected and image(expected))


class _Told(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = self.server.told.pop(0) if len(self.server.told) > 1 else self.server.told[0]  # type: ignore[attr-defined]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Any]:
    """A server that gives these answers, the last one again and again; gives its address."""
    servers = []

    def begin(*told: tuple[int, Any]) -> str:
        servers.append(server := ThreadingHTTPServer(("127.0.0.1", 0), _Told))
        server.told = list(told)  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


OLD = {"name": "modelway", "version": "1"}


@pytest.mark.parametrize(
    ("settings", "told", "verdict", "words"),
    [
        (LOGGED, [(200, OLD | {"settings_digest": LOGGED.digest})], Verdict.PASS, LOGGED.digest),
        (LOGGED, [(200, OLD), (200, OLD | {"settings_digest": LOGGED.digest})], Verdict.PASS, LOGGED.digest),
        (LOGGED, [(200, OLD)], Verdict.FAIL, "--rebuild"),
        (LOGGED, [(200, OLD | {"settings_digest": "0" * 12})], Verdict.FAIL, "0" * 12),
        (LOGGED, [(200, OLD | {"settings_digest": "\x1b[2J"})], Verdict.FAIL, "reports none"),
        (None, [(200, OLD)], Verdict.PASS, "nothing is set"),
        (None, [(200, OLD | {"settings_digest": None})], Verdict.PASS, "nothing is set"),
        (None, [(200, OLD | {"settings_digest": "0" * 12})], Verdict.FAIL, "not none"),
        (LOGGED, [(403, {})], Verdict.PASS, "not verified"),
    ],
)
def test_check_settings_compares_what_the_server_reports(
    endpoint: Any, settings: ServingSettings | None, told: list[Any], verdict: Verdict, words: str
) -> None:
    wanted = PLAIN.model_copy(update={"settings": settings}).given.digest
    check = check_settings(Asker(endpoint(*told), 5.0), wanted, Wait("the server", 2.0))
    assert check.verdict is verdict
    assert words in check.detail


def test_describe_settings_says_what_could_not_be_verified(endpoint: Any) -> None:
    release = PLAIN.model_copy(update={"settings": LOGGED})
    assert "not verified: no address" in describe_settings(release, None)
    assert "not verified: no answer" in describe_settings(release, "http://127.0.0.1:9")
    assert "not verified" in describe_settings(release, "nonsense")
    assert "(verified" in describe_settings(release, endpoint((200, OLD | {"settings_digest": LOGGED.digest})))
    assert f"not {LOGGED.digest}" in describe_settings(release, endpoint((200, OLD | {"settings_digest": "0" * 12})))
