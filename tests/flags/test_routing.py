"""Routing is a pure function of flags, release and key."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.errors import InputError
from modelway.flags import Router, parse_document, with_shares
from modelway.flags.rules import hash_key
from modelway.records.flags import Shares

KEYS = [f"customer-{number}" for number in range(20_000)]
CHALLENGERS = {"4": ("0123456789abcdef", "run-4"), "5": ("fedcba9876543210", "run-5")}


def _router(shares: Shares, challengers=CHALLENGERS) -> Router:
    return Router(parse_document(json.dumps(with_shares(None, shares)), "flags"), "3", challengers)


def _in_share(share: float) -> set[str]:
    router = _router(Shares(new_model=share))
    return {key for key in KEYS if router.route(key).variant == "challenger"}


@given(key=st.text(), flag=st.sampled_from(["NEW_MODEL_ENABLED", "x" * 30, "é" * 200]))
def test_the_hash_is_the_one_of_flagd(key: str, flag: str) -> None:
    import cbor2
    import mmh3

    if any(0xD800 <= ord(sign) < 0xE000 for sign in key):
        return
    assert hash_key(flag, key) == mmh3.hash(cbor2.dumps([flag, key], canonical=True), signed=False)


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 65_535, 65_536])
def test_the_hash_is_the_one_of_flagd_for_keys_of_any_length(size: int) -> None:
    import cbor2
    import mmh3

    assert hash_key("f", "k" * size) == mmh3.hash(cbor2.dumps(["f", "k" * size], canonical=True), signed=False)


@given(
    key=st.text(min_size=1, alphabet=st.characters(exclude_categories=("Cs",))),
    weights=st.lists(st.integers(0, 1000), min_size=1, max_size=4).filter(any),
)
def test_a_compiled_split_gives_each_key_what_flagd_gives_it(key: str, weights: list[int]) -> None:
    from openfeature.contrib.tools.flagd.core import FlagdCore
    from openfeature.evaluation_context import EvaluationContext

    variants = {f"v{place}": f"{place}" for place in range(len(weights))}
    arms = [[name, weight] for name, weight in zip(variants, weights, strict=True)]
    on = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    split = {"state": "ENABLED", "variants": variants, "defaultVariant": "v0", "targeting": {"fractional": arms}}
    document = json.dumps({"flags": {"NEW_MODEL_ENABLED": on, "SHADOW_MODEL_ENABLED": on, "NEW_MODEL_VERSION": split}})
    core = FlagdCore()
    core.set_flags(document)
    expected = core.resolve_string_value("NEW_MODEL_VERSION", "", EvaluationContext(targeting_key=key)).value
    rule = parse_document(document, "flags").version
    assert type(rule).__name__ == "Split"
    assert rule.value(key) == expected


def test_another_targeting_is_left_to_flagd(document) -> None:
    rule = {"if": [{"starts_with": [{"var": "targetingKey"}, "vip-"]}, "on", "off"]}
    router = Router(parse_document(json.dumps(document(enabled=rule)), "flags"), "3", CHALLENGERS)
    assert router.route("vip-7").variant == "challenger"
    assert router.route("7").variant == "champion"


def test_targeting_that_fails_for_a_key_gives_the_default(document) -> None:
    rule = {"no_such_operator": [1]}
    router = Router(parse_document(json.dumps(document(enabled=rule)), "flags"), "3", CHALLENGERS)
    assert router.route("x").variant == "champion"


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2).map(sorted), st.text(min_size=1))
def test_growing_a_share_moves_nobody_out(shares: list[float], key: str) -> None:
    small, large = (_router(Shares(new_model=share)).route(key).variant for share in shares)
    assert not (small == "challenger" and large == "champion")


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.005, 0.01, 0.05, 0.25, 0.5, 0.99, 1.0])
def test_a_share_is_exactly_what_it_says(share: float) -> None:
    # Of all 2**32 hashes, counted: one percent is one percent.
    split = parse_document(json.dumps(with_shares(None, Shares(new_model=share))), "flags").enabled
    if share in {0.0, 1.0}:
        assert split.values == (bool(share),)
    else:
        first, total = split.ends[0], split.ends[-1]
        hashes = -(-first * 2**32 // total)  # those whose hash times the total, over 2**32, is below the first end
        assert hashes / 2**32 == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_of_many_keys_as_many_are_in_the_share(share: float) -> None:
    spread = (share * (1 - share) / len(KEYS)) ** 0.5
    assert len(_in_share(share)) / len(KEYS) == pytest.approx(share, abs=5 * spread)


def test_shares_are_nested() -> None:
    groups = [_in_share(share) for share in (0.01, 0.05, 0.25, 0.5, 1)]
    for small, large in itertools.pairwise(groups):
        assert small < large


def test_shadow_and_canary_split_independently() -> None:
    router = _router(Shares(new_model=0.5, shadow=0.5))
    routes = [router.route(key) for key in KEYS]
    champion = [route for route in routes if route.variant == "champion"]
    shadowed = sum(route.shadow is not None for route in champion)
    assert shadowed / len(champion) == pytest.approx(0.5, abs=0.03)
    assert not any(route.shadow for route in routes if route.variant == "challenger")


def test_another_process_routes_alike() -> None:
    keys = KEYS[:200]
    script = (
        "import json, sys; from modelway.flags import Router, parse_document, with_shares;"
        "from modelway.records.flags import Shares;"
        "rules = parse_document(json.dumps(with_shares(None, Shares(new_model=0.3))), 'f');"
        "router = Router(rules, '3', {'4': ()});"
        "print(json.dumps([router.route(key).variant for key in json.load(sys.stdin)]))"
    )
    argv = [sys.executable, "-c", script]
    found = subprocess.run(argv, input=json.dumps(keys), capture_output=True, text=True, check=True)
    router = _router(Shares(new_model=0.3))
    assert json.loads(found.stdout) == [router.route(key).variant for key in keys]


@pytest.mark.parametrize(
    ("name", "version"), [("", "5"), ("4", "4"), ("0123456", "4"), ("run-5", "5"), ("fedcba9876543210", "5")]
)
def test_a_challenger_goes_by_version_commit_run_or_digest(name: str, version: str) -> None:
    assert _router(Shares(new_model=1, version=name)).route("x").version == version


def test_flags_that_ask_for_the_champion_by_its_version_get_it() -> None:
    """What was rolled out is the champion of the next release, before the flags are set anew."""
    for router in (
        _router(Shares(new_model=1, version="3")),
        _router(Shares(new_model=1, version="3"), challengers={}),
    ):
        route = router.route("x")
        assert (route.variant, route.version, route.shadow) == ("champion", "3", None)


@pytest.mark.parametrize("name", ["6", "012345", "run"])
def test_a_version_that_is_not_a_challenger_here_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        _router(Shares(shadow=0.1, version=name))


def test_a_release_without_challenger_refuses_flags_that_need_one() -> None:
    with pytest.raises(InputError, match="challenger"):
        _router(Shares(new_model=0.1), challengers={})
    route = _router(Shares(version="6"), challengers={}).route("x")
    assert (route.variant, route.version, route.shadow) == ("champion", "3", None)
