"""Which of several settings holds, where paths begin, and what a plan or a release's settings may be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from modelway.cli.serve_settings import _absolute
from modelway.deploy.target import Place
from modelway.errors import SettingsError, UsageError
from modelway.pipeline.check_data import with_defaults
from modelway.records.check_data import CheckDataOptions
from modelway.records.data import PrepareOptions, S3Options
from modelway.records.deploy import BundleRef, Release
from modelway.records.environment import EnvironmentOptions
from modelway.records.rollout import RolloutOptions
from modelway.records.serve import ServeOptions
from modelway.records.serving import MOST_BYTES, OF_ENVIRONMENT, ServingSettings, explicit_settings
from modelway.records.trust import is_pem, locate_key

PEM = "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"


class TestCheckData:
    """What `check_data` names counts, else what `prepare` does."""

    OWN: ClassVar[dict[str, Any]] = {
        "data": {"uri": "own.csv"},
        "s3": {"endpoint_url": "https://own.example"},
        "columns": {"own": {"type": "number"}},
        "ignore": ["own_ignored"],
    }
    PREPARE: ClassVar[dict[str, Any]] = {
        "data": {"uri": "trained.csv"},
        "s3": {"endpoint_url": "https://trained.example"},
        "columns": {"trained": {"type": "integer"}, "y": {"type": "integer"}},
        "ignore": ["trained_ignored"],
        "target": "y",
        "task": "classification",
    }

    @pytest.mark.parametrize(
        "own", [(), ("data",), ("s3",), ("columns",), ("ignore",), ("columns", "ignore"), tuple(OWN)]
    )
    @pytest.mark.parametrize("prepared", [True, False])
    def test_own_key_else_that_of_prepare(self, own: tuple[str, ...], prepared: bool) -> None:
        options = CheckDataOptions.model_validate_json(json.dumps({name: self.OWN[name] for name in own}))
        prepare = PrepareOptions.model_validate_json(json.dumps(self.PREPARE)) if prepared else None
        if not prepared and "data" not in own:
            with pytest.raises(SettingsError, match="no data set to check"):
                with_defaults(options, prepare)
            return
        found = with_defaults(options, prepare)
        assert found.data is not None
        assert found.data.uri == ("own.csv" if "data" in own else "trained.csv")
        trained = "https://trained.example" if prepared else None
        assert found.s3 is not None
        assert found.s3.endpoint_url == ("https://own.example" if "s3" in own else trained)
        columns = {"own"} if "columns" in own else {"trained", "y"} if prepared else None
        assert (None if found.columns is None else set(found.columns)) == columns
        # Columns that are declared here say nothing of those that the training ignores.
        ignored = ("trained_ignored",) if prepared and "columns" not in own else ()
        assert found.ignore == (("own_ignored",) if "ignore" in own else ignored)


class TestKey:
    """The text of a key is told from its file's path (RFC 7468), and a path begins at the settings."""

    @pytest.mark.parametrize("before", ["", " ", "\n", "\n\n   ", "\t", "\r\n"])
    @pytest.mark.parametrize("what", ["PUBLIC KEY", "EC PRIVATE KEY"])
    def test_text_is_kept_as_it_is(self, before: str, what: str) -> None:
        text = f"{before}-----BEGIN {what}-----\nMCow\n-----END {what}-----\n"
        assert is_pem(text)
        assert locate_key(text, Path("/settings")) == text

    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("key.pem", "/settings/key.pem"),
            ("keys/BEGIN.pem", "/settings/keys/BEGIN.pem"),
            ("/etc/key.pem", "/etc/key.pem"),
            ("-----BEGIN", "/settings/-----BEGIN"),
            ("a-----BEGIN PUBLIC KEY-----", "/settings/a-----BEGIN PUBLIC KEY-----"),
            (None, None),
        ],
    )
    def test_path_begins_at_the_settings(self, path: str | None, found: str | None) -> None:
        assert not is_pem(path or "")
        assert locate_key(path, Path("/settings")) == found


def serve(**changes: Any) -> ServeOptions:
    return ServeOptions.model_validate_json(json.dumps(changes))


class TestServedPaths:
    """Every path of `serve` begins at the settings file, wherever the server starts."""

    @staticmethod
    def paths(path: str) -> dict[str, str | None]:
        given = serve(log={"uri": path, "spool": path}, routing={"flags": path}, rollout_page=path, public_key=path)
        made = _absolute(given, Path("/settings"))
        return {
            "uri": made.log.uri,
            "spool": made.log.spool,
            "flags": made.routing.flags,
            "page": made.rollout_page,
            "key": made.public_key,
        }

    def test_relative_path_begins_at_the_settings(self) -> None:
        assert set(self.paths("a/b").values()) == {"/settings/a/b"}

    def test_absolute_path_is_kept(self) -> None:
        assert set(self.paths("/a/b").values()) == {"/a/b"}

    def test_address_is_kept(self) -> None:
        found = self.paths("s3://bucket/a")
        assert {found[name] for name in ("uri", "flags", "page")} == {"s3://bucket/a"}

    def test_nothing_else_changes(self) -> None:
        given = serve(log={"sample": 0.5}, input={"max_rows": 7}, public_key=PEM)
        made = _absolute(given, Path("/settings"))
        assert (made.routing.flags, made.rollout_page, made.public_key) == (None, None, PEM)
        kept = {"log", "routing", "rollout_page", "public_key"}
        assert made.model_dump(exclude=kept) == given.model_dump(exclude=kept)
        assert made.log.model_dump(exclude={"uri", "spool"}) == given.log.model_dump(exclude={"uri", "spool"})


class TestServedRelease:
    """A release's servers have its own settings, at the addresses of the environment."""

    OWN: ClassVar[dict[str, Any]] = {
        "log": {"enabled": True, "sample": 0.25, "segment_seconds": 7.0, "uri": "old/log", "spool": "old/spool"},
        "routing": {"flags": "old/flags.json", "poll_seconds": 3.0},
        "input": {"max_rows": 11},
        "rollout_page": "old/page.html",
    }
    HERE: ClassVar[dict[str, Any]] = {
        "log": {"enabled": False, "sample": 0.5, "segment_seconds": 9.0, "uri": "/here/log", "spool": "/here/spool"},
        "routing": {"flags": "/here/flags.json", "poll_seconds": 4.0},
        "input": {"max_rows": 22},
        "rollout_page": "/here/page.html",
    }

    def place(self) -> Place:
        return Place(
            environment="e", model="m", options=EnvironmentOptions(), serve=serve(**self.HERE), root=Path("/r"),
            state=Path("/s"), bundles=Path("/b"), flags="/here/flags.json", log="/here/log",
            settings=ServingSettings(serve=serve(**self.HERE)),
        )  # fmt: skip

    @pytest.mark.parametrize("released", [True, False])
    def test_only_addresses_are_those_of_the_environment(self, released: bool) -> None:
        settings = ServingSettings(serve=serve(**self.OWN))
        release = Release(name="m", champion=BundleRef(version=1, digest="a" * 64), settings=settings)
        found = self.place().served(release if released else None)
        own = serve(**self.OWN) if released else ServeOptions()
        assert (found.log.uri, found.log.spool) == ("/here/log", "/here/spool")
        assert (found.routing.flags, found.rollout_page) == ("/here/flags.json", "/here/page.html")
        assert found.log.model_dump(exclude={"uri", "spool"}) == own.log.model_dump(exclude={"uri", "spool"})
        assert found.routing.model_dump(exclude={"flags"}) == own.routing.model_dump(exclude={"flags"})
        others = {"log", "routing", "rollout_page"}
        assert found.model_dump(exclude=others) == own.model_dump(exclude=others)


class TestServingSettings:
    """What is set explicitly, and fits into a server's environment."""

    @pytest.mark.parametrize("letter", ["a", "é", "列", "\U0001f600"])
    @pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
    def test_size_is_in_bytes_up_to_the_limit_itself(self, letter: str, more: int, fits: bool) -> None:
        def made(text: str) -> ServingSettings:
            return ServingSettings(serve=serve(log={"columns": [text]}))

        room = MOST_BYTES - len(made("").text.encode())
        width = len(letter.encode())
        settings = made(letter * (room // width) + "x" * (room % width + more))
        assert len(settings.text.encode()) == MOST_BYTES + more
        if fits:
            assert settings.checked() is settings
        else:
            with pytest.raises(UsageError, match="the serving settings take 32,769 bytes"):
                settings.checked()

    def test_password_in_an_address_is_refused(self) -> None:
        with pytest.raises(UsageError, match="user or password"):
            ServingSettings(serve=serve(s3={"endpoint_url": "https://u:p@s3.example"})).checked()

    def test_keys_that_each_environment_decides_are_left_out(self) -> None:
        options = serve(**TestServedRelease.HERE, public_key="key.pem", s3={"endpoint_url": "https://own.example"})
        found = explicit_settings(
            options,
            s3=S3Options(endpoint_url="https://env.example"),
            require_signature=True,
            public_key=PEM,
            workers=3,
            trusted=("b.B", "a.A", "b.B"),
        )
        text = json.loads(found.text)
        for key in OF_ENVIRONMENT:
            place: Any = text["serve"]
            for part in key.split("."):
                place = place.get(part, {})
            assert place == {}, key
        assert text["serve"] == {
            "log": {"enabled": False, "sample": 0.5, "segment_seconds": 9.0},
            "routing": {"poll_seconds": 4.0},
            "input": {"max_rows": 22},
            "workers": {"count": 3},
            "require_signature": True,
            "public_key": PEM,
            "s3": {"endpoint_url": "https://env.example"},
        }
        assert text["trusted"] == ["a.A", "b.B"]

    def test_nothing_set_is_no_text(self) -> None:
        empty = explicit_settings(ServeOptions(), s3=S3Options())
        assert (empty.text, empty.digest) == ("", None)
        assert explicit_settings(serve(public_key="key.pem"), s3=S3Options()).text == ""


def plan(text: str) -> list[dict[str, Any]]:
    """Steps from a few characters: `s` shadow, a digit a canary of so many tenths, `a` and a digit an A/B step."""
    steps: list[dict[str, Any]] = []
    for word in text.split():
        if word == "s":
            steps.append({"kind": "shadow"})
        elif word[0] == "a":
            steps.append({"kind": "ab", "share": int(word[1]) / 10})
        else:
            steps.append({"kind": "canary", "share": int(word) / 10})
    return steps


class TestRolloutPlan:
    """Shares never shrink, and shadow comes before any share."""

    @pytest.mark.parametrize(
        ("steps", "wrong"),
        [
            ("s 1 5", None),
            ("s s 1", None),
            ("s", None),
            ("1 1 2", None),
            ("1 a5 5 9", None),
            ("5 1", 1),
            ("1 5 2", 2),
            ("1 5 5 4", 3),
            ("a5 1", 1),
            ("1 a5 a4", 2),
            ("1 s", 1),
            ("s 1 s 5", 2),
            ("s 5 1 9", 2),
        ],
    )
    def test_shares_grow_from_step_to_step(self, steps: str, wrong: int | None) -> None:
        text = json.dumps({"steps": plan(steps)})
        if wrong is None:
            assert len(RolloutOptions.from_json(text).steps) == len(steps.split())
        else:
            with pytest.raises(ValidationError, match=rf"rollout\.steps\.{wrong}(\.share)? is"):
                RolloutOptions.from_json(text)

    @pytest.mark.parametrize(
        ("guards", "words"),
        [
            ({}, None),
            (
                {"errors": {"alpha": 1}, **{name: {"alpha": 0} for name in ("latency", "agreement", "predictions")}},
                None,
            ),
            ({"errors": {"alpha": 0.51}}, "more than 1"),
            ({"latency": {"alpha": 0.26}}, "more than 1"),
            ({"agreement": {"alpha": 0.16}}, "more than 1"),
            ({"predictions": {"alpha": 0.11}}, "more than 1"),
            ({"outcome": {"alpha": 0.01, "uri": "labels"}}, "more than 1"),
            ({"errors": {"alpha": 0.4}, "outcome": {"alpha": 0.1, "uri": "labels"}}, None),
            ({"errors": {"alpha": 0.4}, "outcome": {"alpha": 0.1}}, "no uri"),
            ({"outcome": {"uri": "labels", "needed": True}}, "its part of alpha is 0"),
            ({"errors": {"alpha": 0.4}, "outcome": {"alpha": 0.1, "uri": "labels", "needed": True}}, None),
        ],
    )
    def test_guards_share_alpha_among_them(self, guards: dict[str, Any], words: str | None) -> None:
        text = json.dumps({"guards": guards})
        if words is None:
            RolloutOptions.from_json(text)
        else:
            with pytest.raises(ValidationError, match=words):
                RolloutOptions.from_json(text)

    @pytest.mark.parametrize(("hours", "fits"), [(24.0, True), (24.5, False), (1.0, True)])
    def test_ab_step_ends_by_its_deadline(self, hours: float, fits: bool) -> None:
        text = json.dumps({"steps": [{"kind": "ab", "hours": hours, "deadline_hours": 24.0}]})
        if fits:
            RolloutOptions.from_json(text)
        else:
            with pytest.raises(ValidationError, match="beyond deadline_hours"):
                RolloutOptions.from_json(text)
