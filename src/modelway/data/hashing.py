r"""The stable 64-bit hash of rows that splits and finds duplicates.

It depends on the values, the names of their columns and the seed alone: not on the order of rows or columns, on other
rows, the machine, or the version of a library. With all sums modulo 2**64:

    mix(z)        = the output function of SplitMix64, its increment included
    text(s)       = the 8 bytes of BLAKE2b of s in UTF-8, as a little-endian number
    bits(v)       = text(v) of a string; the int64 of an integer, a boolean or a date (microseconds since 1970, UTC);
                    the IEEE 754 bits of a number, -0.0 taken as 0.0; text("\0missing") of a missing value
    row           = the sum over its columns of mix(bits(value) XOR text(column's name))
    row with seed = mix(row + mix(seed))

SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. BLAKE2b: RFC 7693.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_BLOCK = 1 << 15
"""Rows at a time: few enough to stay in the processor's cache."""
_INCREMENT = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST_SHIFT = np.uint64(31)


def hash_rows(table: pa.Table, columns: Iterable[str]) -> Hashes:
    """The hash of each row over some of its columns, without a seed; shape (rows,)."""
    names = list(columns)
    workers = min(os.cpu_count() or 1, len(names)) if table.num_rows > _BLOCK else 1
    # Each worker adds up columns of its own; sums modulo 2**64 are the same in any order.
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        sums = pool.map(partial(_hash_columns, table), (names[worker::workers] for worker in range(workers)))
        return sum(sums, start=np.zeros(table.num_rows, np.uint64))


def _hash_columns(table: pa.Table, names: Iterable[str]) -> Hashes:
    total = np.zeros(table.num_rows, np.uint64)
    for name in names:
        salt = np.uint64(hash_text(name))
        start = 0
        for bits in _bits(table[name]):
            for at in range(0, len(bits), _BLOCK):
                block = bits[at : at + _BLOCK] ^ salt
                mix(block)
                total[start + at : start + at + len(block)] += block
            start += len(bits)
    return total


def add_seed(hashes: Hashes, seed: int) -> Hashes:
    """Other hashes for each seed."""
    salt = np.array([seed % 2**64], np.uint64)
    mix(salt)
    salted = hashes + salt
    for at in range(0, len(salted), _BLOCK):
        mix(salted[at : at + _BLOCK])
    return salted


def hash_text(text: str) -> int:
    """The 64-bit hash of a string."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mix(values: Hashes) -> None:
    """SplitMix64's output function, in place."""
    shifted = np.empty_like(values)
    values += _INCREMENT
    for shift, factor in _ROUNDS:
        np.right_shift(values, shift, out=shifted)
        values ^= shifted
        values *= factor
    np.right_shift(values, _LAST_SHIFT, out=shifted)
    values ^= shifted


def _bits(values: pa.ChunkedArray) -> Iterator[Hashes]:
    """Each value's 64 bits, chunk by chunk."""
    if pa.types.is_string(values.type):
        yield from _bits_of_texts(values)
        return
    for chunk in values.chunks:
        filled = pc.fill_null(chunk, pa.scalar(0).cast(chunk.type)) if chunk.null_count else chunk
        if pa.types.is_floating(filled.type):
            bits = (filled.to_numpy() + 0.0).view(np.uint64)
        else:
            bits = filled.cast(pa.int64()).to_numpy().view(np.uint64)
        if chunk.null_count:
            bits = np.where(pc.is_null(chunk).to_numpy(zero_copy_only=False), _MISSING, bits)
        yield bits


def _bits_of_texts(values: pa.ChunkedArray) -> Iterator[Hashes]:
    """Each different text is hashed once."""
    chunks = values.dictionary_encode().unify_dictionaries().chunks
    known = np.array([hash_text(text) for text in chunks[0].dictionary.to_pylist()] if chunks else [], np.uint64)
    known = np.append(known, _MISSING)
    for chunk in chunks:
        yield known[pc.fill_null(chunk.indices, len(known) - 1).to_numpy()]


_MISSING = np.uint64(hash_text("\0missing"))
