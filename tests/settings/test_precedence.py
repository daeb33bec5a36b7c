"""Which of several settings counts, where a relative path begins, and rules over several keys."""

from __future__ import annotations

import json
from argparse import Namespace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from modelway.cli.serve_settings import read_served
from modelway.cli.watching import Scene
from modelway.deploy.target import Place
from modelway.errors import UsageError
from modelway.pipeline.check_data import with_defaults
from modelway.records.check_data import CheckDataOptions
from modelway.records.data import Column, ColumnType, DataOptions, PrepareOptions, S3Options, Task
from modelway.records.deploy import BundleRef, Release
from modelway.records.environment import EnvironmentOptions
from modelway.records.monitor import MonitorOptions
from modelway.records.rollout import RolloutOptions
from modelway.records.serve import LogOptions, RoutingOptions, ServeOptions
from modelway.records.serving import MOST_BYTES, SETTINGS, ServingSettings
from modelway.records.trust import is_pem, locate_key
from modelway.settings import Override

STORES = [S3Options(endpoint_url=f"https://{name}.example.org") for name in ("monitor", "serve", "prepare")]
"""A store for each section that may name one, in the order in which they count for monitoring."""


@pytest.mark.parametrize("named", list(product([False, True], repeat=3)))
def test_scene_reads_from_the_first_store_that_monitor_serve_or_prepare_names(named: tuple[bool, ...]) -> None:
    stores = [store if one else S3Options() for one, store in zip(named, STORES, strict=True)]
    options = MonitorOptions(s3=stores[0])
    settings: Any = SimpleNamespace(serve=ServeOptions(s3=stores[1]), prepare=SimpleNamespace(s3=stores[2]))
    without_data: Any = SimpleNamespace(serve=settings.serve, prepare=None)
    for given, known in ((settings, stores), (without_data, stores[:2]), (None, stores[:1])):
        wanted = next((one for one in known if one != S3Options()), S3Options())
        assert Scene(options, given, Path()).s3 == wanted


NUMBER = Column(type=ColumnType.NUMBER)
OWN = CheckDataOptions(data=DataOptions(uri="own.csv"), s3=STORES[0], columns={"x": NUMBER}, ignore=("own",))
PREPARE = PrepareOptions(
    task=Task.REGRESSION,
    target="y",
    data=DataOptions(uri="prepare.csv"),
    s3=STORES[1],
    columns={"y": NUMBER},
    ignore=("z",),
)


@pytest.mark.parametrize("key", ["data", "s3", "columns", "ignore"])
def test_check_data_takes_its_own_key_before_that_of_prepare(key: str) -> None:
    assert getattr(with_defaults(OWN, PREPARE), key) == getattr(with_defaults(OWN, None), key) == getattr(OWN, key)
    left_out = getattr(with_defaults(OWN.model_copy(update={key: None}), PREPARE), key)
    # The columns that prepare ignores are beside its own columns.
    assert left_out == (() if key == "ignore" else getattr(PREPARE, key))
    assert getattr(with_defaults(CheckDataOptions(), PREPARE), key) == getattr(PREPARE, key)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ("c 0.1, c 0.1, c 0.5", None),
        ("s, s, c 0.1", None),
        ("c 0.999", None),
        ("c 0.5, c 0.1", "steps.1.share is 0.1"),
        ("c 0.1, c 0.5, c 0.2, c 0.6", "steps.2.share is 0.2"),
        ("c 0.1, s", "steps.1 is a shadow step"),
        ("s, c 0.1, c 0.2, s, c 0.5", "steps.3 is a shadow step"),
    ],
)
def test_rollout_shares_never_shrink_and_shadow_comes_first(steps: str, words: str | None) -> None:
    made = [
        {"kind": "canary", "share": float(one[2:])} if one.startswith("c") else {"kind": "shadow"}
        for one in steps.split(", ")
    ]
    if words is None:
        assert len(RolloutOptions.from_json(json.dumps({"steps": made})).steps) == len(made)
    else:
        with pytest.raises(ValidationError, match=words):
            RolloutOptions.from_json(json.dumps({"steps": made}))


@pytest.mark.parametrize("letter", ["a", "é", "字", "😀"])
def test_serving_settings_are_measured_in_bytes(letter: str) -> None:
    """What a server's environment holds is bytes of UTF-8, whatever the script of the columns' names."""

    def settings(length: int) -> ServingSettings:
        return ServingSettings(serve=ServeOptions(log=LogOptions(columns=(letter * length,))))

    empty = len(settings(0).text.encode())
    most = (MOST_BYTES - empty) // len(letter.encode())
    assert settings(most).checked() == settings(most)
    with pytest.raises(UsageError, match=f"holds {MOST_BYTES:,}"):
        settings(most + 1).checked()


PEM = "-----BEGIN PUBLIC KEY-----\nMFk=\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize("text", [PEM, f"\n{PEM}", f"  \t{PEM}", f"\r\n\r\n{PEM}"])
def test_text_of_a_key_is_none_of_a_path(text: str) -> None:
    assert is_pem(text)
    assert locate_key(text, Path("/project")) == text


@pytest.mark.parametrize("path", ["key.pem", "-----BEGIN", " key.pem", "keys/-----BEGIN PUBLIC KEY-----"])
def test_path_of_a_key_begins_at_the_settings(path: str) -> None:
    assert not is_pem(path)
    assert locate_key(path, Path("/project")) == f"/project/{path}"
    assert locate_key(None, Path("/project")) is None


PATHS = {
    "serve.log.uri": lambda options: options.log.uri,
    "serve.log.spool": lambda options: options.log.spool,
    "serve.routing.flags": lambda options: options.routing.flags,
    "serve.rollout_page": lambda options: options.rollout_page,
    "serve.public_key": lambda options: options.public_key,
}


@pytest.mark.parametrize("key", PATHS)
@pytest.mark.parametrize("source", ["settings", "release"])
@pytest.mark.parametrize(("given", "found"), [("a/b", "{root}/a/b"), ("/a/b", "/a/b"), ("s3://a/b", "s3://a/b")])
def test_server_finds_each_path_from_its_settings_on(
    key: str, source: str, given: str, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a project from the settings file's directory on, of a release, which has none, from the current directory."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = tmp_path / "modelway.yaml" if source == "settings" else None
    if config is not None:
        config.write_text("name: loans\n")
    monkeypatch.setenv(SETTINGS, "" if source == "settings" else "{}")
    args = Namespace(config=config, set=[], bundle=None, challenger=[], trust=[])
    options = read_served(args, [Override.parse(f"{key}={given}")]).options
    root = tmp_path if source == "settings" else tmp_path / "elsewhere"
    if (key, given) == ("serve.public_key", "s3://a/b"):
        found = f"{root}/s3:/a/b"  # a key is read from a file
    assert PATHS[key](options) == found.format(root=root)


def test_servers_of_a_release_serve_by_its_settings_at_the_addresses_of_the_environment() -> None:
    def options(name: str, number: int) -> ServeOptions:
        return ServeOptions.model_validate(
            {
                "input": {"max_rows": number}, "routing": {"header": name, "flags": f"{name}/flags"},
                "shadow": {"queue": number}, "workers": {"count": number}, "require_signature": name == "own",
                "log": {
                    "uri": f"{name}/log", "spool": f"{name}/spool", "sample": 1 / number, "segment_seconds": number,
                    "enabled": name == "own", "keep_days": number,
                },
                "public_key": name, "rollout_page": f"{name}/page", "s3": {"endpoint_url": f"https://{name}"},
                "access_log": "all" if name == "own" else "none",
            }
        )  # fmt: skip

    own, here = options("own", 3), options("here", 4)
    place = Place(
        environment="staging", model="loans", options=EnvironmentOptions(), serve=here, root=Path(), state=Path(),
        bundles=Path(), flags="", log="",
    )  # fmt: skip
    bundle = BundleRef(version=1, digest="1" * 64)
    release = Release(name="loans", champion=bundle, settings=ServingSettings(serve=own))
    log = {"uri": "here/log", "spool": "here/spool"}
    wanted = own.model_copy(
        update={
            "log": own.log.model_copy(update=log),
            "routing": RoutingOptions(header="own", flags="here/flags"),
            "rollout_page": "here/page",
        }
    )
    assert place.served(release) == wanted
    plain = ServeOptions(log=LogOptions(**log), routing=RoutingOptions(flags="here/flags"), rollout_page="here/page")
    assert place.served(None) == place.served(Release(name="loans", champion=bundle)) == plain
