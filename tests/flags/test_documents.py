"""What a flag document may be, and what is refused."""

from __future__ import annotations

import copy
import json
import random

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


@pytest.mark.parametrize(
    "epoch", ["abc123\n", "a\r\nb", "\0", " 1", "1 ", "é", "\ud800", "x" * 129, "\t", 10**200, "\x7f"]
)
def test_an_epoch_that_no_header_could_hold_is_refused(document, epoch: object) -> None:
    with pytest.raises(InputError):
        parse_document(json.dumps(document(metadata={"epoch": epoch})), "flags.json")


@pytest.mark.parametrize("epoch", ["abc 123", "~!", "x" * 128, -1, 10**50])
def test_an_epoch_that_a_header_can_hold_is_taken(document, epoch: object) -> None:
    assert parse_document(json.dumps(document(metadata={"epoch": epoch})), "f").epoch == str(epoch)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"off"', '"\\ud800"'),
        lambda text: text.replace("{", '{"x": "\\udfff", ', 1),
        lambda text: text.replace("{", '{"x": NaN, ', 1),
        lambda text: text.replace("{", '{"x": ' + "[" * 100_000 + "]" * 100_000 + ", ", 1),
        lambda text: text.replace("{", '{"x": ' + "[" * 200 + "]" * 200 + ", ", 1),
        lambda text: text.replace("{", '{"x": ' + "9" * 10_000 + ", ", 1),
        lambda text: text.replace("{", '{"x": "' + "x" * 2_000_000 + '", ', 1),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode().replace(b"off", b"\xff"),
    ],
)
def test_a_document_that_could_not_be_used_everywhere_is_refused(text, change) -> None:
    with pytest.raises(InputError):
        parse_document(change(text().decode()), "flags.json")


@pytest.mark.parametrize(
    "targeting",
    [
        {"fractional": [["on", 50], ["of", 50]]},
        {"fractional": [{"var": "targetingKey"}, ["on", 50], ["of", 50]]},
        {"fractional": [["on", 50], []]},
        {"fractional": [["on", 50], "off"]},
        {"if": [{"==": [{"var": "targetingKey"}, "a"]}, "yes", "off"]},
        {"if": [{"==": [{"var": "targetingKey"}, "a"]}, "on", "no"]},
        {"if": [True, "on", False, "no", "off"]},
        {"if": [True, {"if": [True, 1]}]},
        {"$ref": "missing"},
        {"$ref": "wrong"},
        {"$ref": "circle"},
        {"if": [True, "on"], "fractional": [["on", 1]]},
        ["on"],
        "on",
    ],
)
def test_a_targeting_that_may_give_an_unknown_variant_is_refused(document, targeting: object) -> None:
    evaluators = {"wrong": {"if": [True, "nothing"]}, "circle": {"$ref": "circle"}}
    flags = document(enabled=targeting, **{"$evaluators": evaluators})
    with pytest.raises(InputError, match="targeting"):
        parse_document(json.dumps(flags), "flags.json")


@pytest.mark.parametrize(
    ("targeting", "value"),
    [
        ({"if": [{"==": [{"var": "targetingKey"}, "a"]}, "on", "off"]}, True),
        ({"if": [{"==": [{"var": "targetingKey"}, "b"]}, "on", None]}, False),
        ({"if": [True, {"fractional": [["on", 1]]}, {"$ref": "split"}]}, True),
        ({"$ref": "split"}, True),
        ({"cat": ["o", "n"]}, True),
        ({"cat": ["of", "ten"]}, False),
    ],
)
def test_a_targeting_of_known_variants_is_obeyed(document, targeting: object, value: bool) -> None:
    flags = document(enabled=targeting, **{"$evaluators": {"split": {"fractional": [["on", 1]]}}})
    assert parse_document(json.dumps(flags), "flags.json").enabled.value("a") is value


def test_damaged_documents_are_refused_or_obeyed_and_never_anything_else(document) -> None:
    """Values of a good document replaced by others: a server that reads one must neither stop nor fail a request."""
    source = random.Random(5)
    whole = document(
        enabled={"fractional": [["on", 50], ["off", 50]]},
        shadow={"if": [{"==": [{"var": "targetingKey"}, "a"]}, "on", "off"]},
        version="4",
        metadata={"epoch": 3},
        **{"$evaluators": {"x": {"if": [True, "on"]}}},
    )
    values = [
        None,
        True,
        0,
        -1,
        1.5,
        2**70,
        "",
        "on",
        "\ud800",
        "x\n",
        [],
        {},
        [[]],
        {"$ref": "x"},
        {"var": []},
        [None],
    ]
    taken = 0
    for _ in range(3_000):
        damaged = copy.deepcopy(whole)
        for _ in range(source.randint(1, 2)):
            _replace(damaged, source, copy.deepcopy(source.choice(values)))
        try:
            rules = parse_document(json.dumps(damaged), "flags.json")
        except InputError:
            continue
        taken += 1
        for key in ("", "a", "\udc80", "x" * 1000):
            assert type(rules.enabled.value(key)) is bool
            assert type(rules.shadow.value(key)) is bool
            assert type(rules.version.value(key)) is str
        assert rules.epoch.isprintable()
    assert taken > 100


def _replace(found: object, source: random.Random, value: object) -> None:
    while True:
        keys = list(found) if isinstance(found, dict) else list(range(len(found)))
        if not keys:
            return
        key = source.choice(keys)
        inner = found[key]
        if not isinstance(inner, dict | list) or source.random() < 0.25:
            found[key] = value
            return
        found = inner
