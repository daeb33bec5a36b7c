"""The ledger of keys: a set, whatever the order and the size of what is added; ticks carry it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.errors import InputError
from modelway.observe.key_ledger import NO_KEYS, KeyLedger, decode_keys, encode_keys, keys_of_texts
from modelway.records.deploy import BundleRef
from modelway.records.rollout_seen import RolloutAction, RolloutDecision
from modelway.records.rollout_state import RolloutStatus, Tick

KEYS = st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=30)


def array(keys) -> np.ndarray:
    return np.array(list(keys), np.uint64)


@given(st.lists(st.tuples(KEYS, KEYS), max_size=8), KEYS)
def test_it_is_a_set(steps, asked) -> None:
    ledger, seen, failed = KeyLedger(), set(), set()
    for fresh, bad in steps:
        before = ledger
        ledger = ledger.add(array(fresh), array(bad))
        assert len(before) == len(seen)
        seen |= {*fresh, *bad}
        failed |= set(bad)
    assert len(ledger) == len(seen)
    for keys in (asked, sorted(seen)):
        assert ledger.has_seen(array(keys)).tolist() == [key in seen for key in keys]
        assert ledger.has_failed(array(keys)).tolist() == [key in failed for key in keys]


@given(KEYS)
def test_a_tick_carries_it(keys) -> None:
    assert decode_keys(encode_keys(array(keys))).tolist() == keys
    assert encode_keys(array([1])) == "AQAAAAAAAAA="  # little-endian


def tick(number: int, seen: list[int], failed: list[int]) -> Tick:
    bundle = BundleRef.model_construct()
    return Tick.model_construct(
        number=number,
        time=0.0,
        step=0,
        share=0.1,
        status=RolloutStatus.RUNNING,
        decision=RolloutDecision(action=RolloutAction.HOLD, reasons=(), numbers={}),
        flags="",
        epoch="e",
        champion=bundle,
        challenger=bundle,
        intervals=(),
        seen_keys=encode_keys(array(seen)),
        failed_keys=encode_keys(array(failed)),
    )


def test_ticks_add_up() -> None:
    ledger = KeyLedger.of([tick(0, [1, 2], []), tick(1, [3], [2]), tick(2, [], [])])
    assert ledger.has_seen(array([1, 2, 3, 4])).tolist() == [True, True, True, False]
    assert ledger.has_failed(array([1, 2, 3, 4])).tolist() == [False, True, False, False]
    assert len(KeyLedger.of([])) == 0


@pytest.mark.parametrize("text", ["AQAAAAAAAA==", "?", "AQAAAAAAAAA"])
def test_torn_keys_are_refused(text) -> None:
    with pytest.raises(InputError, match="torn"):
        decode_keys(text)


@given(KEYS, st.integers(0, 3))
def test_the_logs_keys_are_hexadecimal_numbers(keys, skipped) -> None:
    texts = pa.array([f"{key:016x}" for key in keys], pa.string()).slice(skipped)
    assert keys_of_texts(texts).tolist() == keys[skipped:]


@pytest.mark.parametrize("text", ["customer", "customer-7-16-ch", "000000000000000", "000000000000000A", "0" * 17])
def test_other_keys_are_refused(text) -> None:
    with pytest.raises(pa.ArrowInvalid, match="16 hexadecimal"):
        keys_of_texts(pa.array(["0" * 16, text]))


def test_millions_of_keys_are_fine() -> None:
    random = np.random.default_rng(0)
    ledger = KeyLedger()
    for _ in range(50):
        ledger = ledger.add(random.integers(0, 2**64, 40_000, np.uint64), NO_KEYS)
    assert len(ledger) == 2_000_000
    assert len(ledger._seen.runs) <= 22
