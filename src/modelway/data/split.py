"""Which row goes into which part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from modelway.data.classes import class_text
from modelway.data.convert import parse_dates
from modelway.data.hashing import add_seed, hash_rows, hash_text
from modelway.data.refusals import place_in
from modelway.errors import InputError
from modelway.records.data import GroupSplit, HashSplit, StratifiedSplit, Task, TimeSplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from modelway.records.data import PrepareOptions

    Parts = NDArray[np.int8]

PARTS = ("train", "validation", "test")
"""The names of the parts; `assign_parts` gives indexes into it."""
_TRAIN, _VALIDATION, _TEST = range(3)


def key_columns(options: PrepareOptions) -> tuple[str, ...]:
    """The columns that decide where a row goes."""
    split = options.split
    if isinstance(split, GroupSplit | TimeSplit):
        return (split.column,)
    return split.key or tuple(options.columns)


def ignored_keys(options: PrepareOptions) -> tuple[str, ...]:
    """The columns that are read for the split alone."""
    return tuple(name for name in key_columns(options) if name not in options.columns)


def sample_rows(table: pa.Table, rows: int) -> pa.Table:
    """About so many rows, in their order: those whose hash, over all columns, is a small enough fraction of 2**64.

    The hash is seeded with the word sample, so that a sample has its share of each part.
    """
    if table.num_rows <= rows:
        return table
    hashes = add_seed(hash_rows(table, table.column_names), hash_text("sample"))
    return table.filter(pa.array(hashes < np.uint64(int(rows / table.num_rows * 2**64))))


def split_rows(options: PrepareOptions, table: pa.Table) -> dict[str, pa.Table]:
    """Share the rows out among train, validation and test; each keeps the rows' order, and the declared columns only.

    Raises:
        InputError: a part would be empty, a class would be absent from train or test, or a row has no group or time.
    """
    parts = assign_parts(options, table)
    _check_parts(options, parts)
    if options.task is Task.CLASSIFICATION:
        _check_classes(table[options.target], parts, options.target)
    return _share_out(table, options.columns, parts)


def assign_parts(options: PrepareOptions, table: pa.Table) -> Parts:
    """For each row, the index of its part in `PARTS`; shape (rows,).

    - hash, group: test where the row's hash, as a fraction of 2**64, is below `test`; validation where it is below
      `test` + `validation`. The hash is that of `hashing`, over the key (all columns when there is none) or the group,
      so equal rows share a part and rows that come later move none.
    - stratified: in each class, the rows with the smallest hashes: exact fractions, rounded, but that rows with
      equal hashes stay together.
    - time: the latest rows; all of one instant go together, to the later part.
    """
    split = options.split
    if isinstance(split, TimeSplit):
        return _by_time(_times(table[split.column], split.column), split)
    if isinstance(split, GroupSplit):
        _check_present(table[split.column], split.column, "group")
    hashes = add_seed(hash_rows(table, key_columns(options)), split.seed)
    if isinstance(split, StratifiedSplit):
        return _by_class(hashes, table[options.target], split)
    return _by_hash(hashes, split)


def _by_hash(hashes: NDArray[np.uint64], split: HashSplit | GroupSplit) -> Parts:
    parts = np.zeros(len(hashes), np.int8)
    parts[hashes < np.uint64(int((split.test + split.validation) * 2**64))] = _VALIDATION
    parts[hashes < np.uint64(int(split.test * 2**64))] = _TEST
    return parts


def _by_class(hashes: NDArray[np.uint64], target: pa.ChunkedArray, split: StratifiedSplit) -> Parts:
    parts = np.zeros(len(hashes), np.int8)
    classes = target.combine_chunks().dictionary_encode().indices.to_numpy()
    for number in range(int(classes.max()) + 1):
        members = np.flatnonzero(classes == number)
        ordered = np.sort(hashes[members])
        test, rest = (round(len(members) * share) for share in (split.test, split.test + split.validation))
        parts[members[hashes[members] < ordered[min(rest, len(members) - 1)]]] = _VALIDATION
        parts[members[hashes[members] < ordered[min(test, len(members) - 1)]]] = _TEST
    return parts


def _by_time(times: NDArray[np.float64] | NDArray[np.int64], split: TimeSplit) -> Parts:
    parts = np.zeros(len(times), np.int8)
    ordered = np.sort(times)
    for part, share in ((_VALIDATION, split.test + split.validation), (_TEST, split.test)):
        if rows := round(len(times) * share):
            parts[times >= ordered[-rows]] = part
    return parts


def _times(values: pa.ChunkedArray, name: str) -> NDArray[np.float64] | NDArray[np.int64]:
    """What to order the rows by."""
    _check_present(values, name, "time")
    if pa.types.is_string(values.type):
        values = _guess(values, name)
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return np.asarray(values.to_numpy())


def _guess(texts: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """A column that is not declared is read as text; it may hold integers, numbers or dates."""
    for parse in (_integers, _finite, _iso_dates):
        try:
            return parse(texts)
        except pa.ArrowInvalid:
            continue
    raise InputError(
        "the values are neither numbers nor ISO 8601 dates, so rows can't be ordered by them",
        where=place_in("prepare.split", None, name),
        remedy=f"Move {name!r} from prepare.ignore to prepare.columns, with type date and its format.",
    )


def _integers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return texts.cast(pa.int64())


def _finite(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    numbers = texts.cast(pa.float64())
    if not pc.all(pc.is_finite(numbers)).as_py():
        raise pa.ArrowInvalid("not all numbers are finite")
    return numbers


def _iso_dates(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return parse_dates(texts, None)


def _check_present(values: pa.ChunkedArray, name: str, word: str) -> None:
    if values.null_count:
        row = pc.index(pc.is_null(values), True).as_py() + 1
        raise InputError(
            f"a row without a {word} can't be put into a part",
            where=place_in("prepare.split", f"row {row}", name),
            remedy="Fill the value in, remove the row, or split by another column.",
        )


def _check_parts(options: PrepareOptions, parts: Parts) -> None:
    counts = np.bincount(parts, minlength=len(PARTS))
    for part, count in zip(PARTS, counts, strict=True):
        if count == 0 and (part != "validation" or options.split.validation > 0):
            raise InputError(
                f"no row is left for {part}: there are {len(parts)} rows",
                where=f"prepare.split (by {options.split.by})",
                remedy="Bring more rows, or change the fractions or the column of the split.",
            )


def _check_classes(target: pa.ChunkedArray, parts: Parts, name: str) -> None:
    coded = target.combine_chunks().dictionary_encode()
    classes, codes = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    for part in (_TRAIN, _TEST):
        counts = np.bincount(codes[parts == part], minlength=len(classes))
        if absent := sorted(class_text(classes[at]) for at in np.flatnonzero(counts == 0)):
            raise InputError(
                f"no row of class {absent[0]!r} is in {PARTS[part]}",
                where=place_in("prepare.split", None, name),
                remedy="Split by stratified, take larger fractions, or bring more rows of that class.",
            )


def _share_out(table: pa.Table, columns: Iterable[str], parts: Parts) -> dict[str, pa.Table]:
    """The rows of each part, column by column, each column in one piece."""
    rows = {name: pa.array(np.flatnonzero(parts == number)) for number, name in enumerate(PARTS)}
    shared: dict[str, dict[str, pa.Array]] = {name: {} for name in PARTS}
    for column in columns:
        values = table[column].combine_chunks()
        for name, chosen in rows.items():
            shared[name][column] = values.take(chosen)
    return {name: pa.table(parted) for name, parted in shared.items()}
