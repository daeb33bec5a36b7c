"""No address in the settings may hold a password, whatever its key, and none is repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.errors import SettingsError
from modelway.settings import Override, load_settings

GOOD = """\
name: loans
prepare:
  task: classification
  target: defaulted
  data: {uri: loans.csv}
  columns:
    age: {type: integer, min: 18}
    defaulted: {type: category, values: ["yes", "no"]}
fit: {estimator: {kind: linear}}
"""
HTTP = "https://me:s3cr/et@host.example.org/x"


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("prepare.s3.endpoint_url", HTTP),
        ("prepare.s3.endpoint_url", "http://s3cr@host.example.org"),
        ("prepare.data.uri", "s3://AKIA:s3cr@bucket/x"),
        ("register.tracking_uri", HTTP),
        ("register.tracking_uri", "postgresql://me:s3cr@et#@host.example.org/x"),
        ("register.artifact_location", "s3://AKIA:s3cr@bucket/x"),
        ("fit.search.storage", "mysql+pymysql://me:s3cr@host.example.org/x"),
        ("environments.production.url", HTTP),
        ("environments.production.s3.endpoint_url", HTTP),
        ("environments.production.state", "s3://AKIA:s3cr@bucket/x"),
        ("environments.production.target.endpoint_url", HTTP),
        ("environments.production.target.strategy.pause.test_url", HTTP),
        ("audit.osv_url", HTTP),
        ("serve.s3.endpoint_url", HTTP),
        ("serve.log.uri", "s3://AKIA:s3cr@bucket/x"),
        ("batch.ray_address", "ray://me:s3cr@host.example.org:1"),
        ("monitor.data.uri", "https://host.example.org/x?X-Amz-Signature=s3cr"),
        ("no.such.key", HTTP),
    ],
)
@pytest.mark.parametrize("flag", [True, False])
def test_an_address_with_a_password_is_refused_with_its_key(tmp_path: Path, key: str, address: str, flag: bool) -> None:
    path = tmp_path / "modelway.yaml"
    if flag:
        path.write_text(GOOD)
    else:
        values: Any = yaml.safe_load(GOOD)
        place = values
        for part in key.split(".")[:-1]:
            place = place.setdefault(part, {})
        place[key.rsplit(".", maxsplit=1)[-1]] = address
        path.write_text(yaml.safe_dump(values))
    with pytest.raises(SettingsError, match="must not hold a password") as caught:
        load_settings(path, [Override.parse(f"{key}={address}")] if flag else [])
    assert caught.value.what.startswith(key)
    assert "s3cr" not in str(caught.value)
    assert ("--set" if flag else f"{path}:") in str(caught.value.where)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ([HTTP], "0"),
        (["--index", HTTP], "1"),
        ([["x"], [HTTP]], "1.0"),
        ([{"x": 1}, {"url": HTTP}], "1.url"),
        ({"x": 1, "url": HTTP}, "url"),
        ({"x": {"y": ["x", {"url": HTTP}]}}, "x.y.1.url"),
    ],
)
@pytest.mark.parametrize("place", ["audit", "audit.code.command"])
def test_an_address_with_a_password_is_refused_however_deep_it_is(
    tmp_path: Path, place: str, value: Any, key: str
) -> None:
    path = tmp_path / "modelway.yaml"
    path.write_text(GOOD)
    with pytest.raises(SettingsError, match="must not hold a password") as caught:
        load_settings(path, [Override("--set", tuple(place.split(".")), value)])
    assert caught.value.what.startswith(f"{place}.{key}:")
    assert caught.value.where == "--set"
    tree: dict[str, Any] = yaml.safe_load(GOOD) | {"audit": value if place == "audit" else {"code": {"command": value}}}
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(SettingsError, match="must not hold a password") as caught:
        load_settings(path)
    assert caught.value.what.startswith(f"{place}.{key}:")
    line = int(str(caught.value.where).rpartition(":")[2])
    assert "s3cr" in path.read_text().splitlines()[line - 1]


def test_the_registrys_address_from_the_environment_may_hold_a_databases_password(tmp_path: Path) -> None:
    path = tmp_path / "modelway.yaml"
    path.write_text(GOOD)
    address = "postgresql://me:s3cr@host/x"
    given = Override("MLFLOW_TRACKING_URI", ("register", "tracking_uri"), address)
    assert load_settings(path, [given]).register_.tracking_uri == address


def test_a_user_alone_is_none(tmp_path: Path) -> None:
    path = tmp_path / "modelway.yaml"
    path.write_text(GOOD + "register: {tracking_uri: postgresql://me@host/x}\n")
    assert load_settings(path).register_.tracking_uri == "postgresql://me@host/x"


def test_another_mistake_shows_no_password(tmp_path: Path) -> None:
    path = tmp_path / "modelway.yaml"
    path.write_text(GOOD)
    given = Override("--tracking-uri", ("register", "tracking_uri"), ["postgresql://me:s3cr@host/x"])
    with pytest.raises(SettingsError) as caught:
        load_settings(path, [given])
    assert "s3cr" not in str(caught.value)
