"""What a flag document may be, and what is refused."""

from __future__ import annotations

import json

import pytest

from modelway.errors import InputError, UsageError
from modelway.flags import parse_document, rules_from_environment


def test_a_fixed_flag_has_its_value_for_every_key(text) -> None:
    rules = parse_document(text(enabled=True, shadow=False, version="4"), "flags.json")
    assert (rules.enabled.value("x"), rules.shadow.value("x"), rules.version.value("x")) == (True, False, "4")


def test_a_disabled_flag_is_off(document) -> None:
    flags = document(enabled=True, version="4")
    for flag in flags["flags"].values():
        flag["state"] = "DISABLED"
    rules = parse_document(json.dumps(flags), "flags.json")
    assert (rules.enabled.value("x"), rules.version.value("x")) == (False, "")


def test_flags_of_others_may_stand_in_the_document(document) -> None:
    flags = document()
    flags["flags"]["banner"] = {"state": "ENABLED", "variants": {"a": 1, "b": {}}, "defaultVariant": "a"}
    assert parse_document(json.dumps(flags), "flags.json").enabled.value("x") is False


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"flags": {"NEW_MODEL_ENABLED": {"state": "ENA',
        b"[]",
        b"{}",
        b'{"flags": []}',
        b'{"flags": {}}',
        b"\xff\xfe",
        b'{"flags": {"NEW_MODEL_ENABLED": 1}}',
        b'{"flags": {"NEW_MODEL_ENABLED": {"state": "ENABLED"}}}',
    ],
)
def test_a_torn_or_foreign_document_is_refused(content: bytes) -> None:
    with pytest.raises(InputError):
        parse_document(content, "flags.json")


@pytest.mark.parametrize("name", ["NEW_MODEL_ENABLED", "SHADOW_MODEL_ENABLED"])
def test_a_flag_that_we_need_must_be_there(document, name: str) -> None:
    flags = document()
    del flags["flags"][name]
    with pytest.raises(InputError, match=name):
        parse_document(json.dumps(flags), "flags.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [("variants", {"on": "yes"}), ("variants", {"on": 1, "off": 0}), ("defaultVariant", "maybe"), ("state", "ON")],
)
def test_a_flag_of_another_form_is_refused(document, key: str, value: object) -> None:
    flags = document()
    flags["flags"]["NEW_MODEL_ENABLED"][key] = value
    with pytest.raises(InputError):
        parse_document(json.dumps(flags), "flags.json")


def test_the_epoch_is_the_documents_own_or_follows_from_our_flags(document) -> None:
    def epoch(flags: dict) -> str:
        return parse_document(json.dumps(flags), "flags.json").epoch

    assert epoch(document(metadata={"epoch": 7})) == "7"
    assert epoch(document()) == epoch(document(metadata={"owner": "me"})) != epoch(document(enabled=True))


def test_the_environment_is_the_simplest_flags() -> None:
    rules = rules_from_environment({"NEW_MODEL_ENABLED": "true", "NEW_MODEL_VERSION": "4"})
    assert (rules.enabled.value("x"), rules.shadow.value("x"), rules.version.value("x")) == (True, False, "4")
    off = rules_from_environment({})
    assert not off.uses_challenger
    assert off.epoch != rules.epoch


def test_the_environment_goes_before_the_document_flag_by_flag(text) -> None:
    document = parse_document(text(enabled=True, shadow=False, version="4"), "flags.json")
    assert rules_from_environment({"NEW_MODEL_ENABLED": ""}, document) is document
    rules = rules_from_environment({"NEW_MODEL_ENABLED": "false", "SHADOW_MODEL_ENABLED": "TRUE"}, document)
    assert (rules.enabled.value("x"), rules.shadow.value("x"), rules.version.value("x")) == (False, True, "4")
    other = rules_from_environment({"SHADOW_MODEL_ENABLED": "true"}, document)
    assert len({document.epoch, rules.epoch, other.epoch}) == 3


def test_a_word_that_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(UsageError, match="SHADOW_MODEL_ENABLED"):
        rules_from_environment({"SHADOW_MODEL_ENABLED": "maybe"})
