"""What the columns of a data set are taken for: their types, the target, and which are left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.records.data import Column, ColumnType, Task

if TYPE_CHECKING:
    from modelway.records.data_docs import ColumnSummary, DataProfile

_MOST_CATEGORIES = 100
"""Different texts up to which a column is taken for a category."""
_ROWS_PER_CATEGORY = 5
"""Rows that each of them has at least, on average."""
_MOST_CLASSES = 20
"""Different whole numbers up to which a target is taken for classes."""
_WORDS_OF_A_SENTENCE = 3
_ENOUGH = 50
"""Rows from which on it means something that no two values are equal."""
_MOST_KEY_LENGTH = 64
_KEY_NAME = re.compile(r"(?i:(^|_|\s)(id|uuid|guid|key|index|rowid)$|^unnamed: ?\d+$)|(?<=[a-z])(Id|ID)$")
_TARGET_NAMES = ("target", "label", "y", "class", "outcome", "response")
_DATE_LIKE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?")
_NUMERIC = frozenset({ColumnType.INTEGER, ColumnType.NUMBER})


@dataclass(frozen=True)
class Columns:
    """The columns of a data set, the target's among them."""

    used: dict[str, Column]
    ignored: dict[str, str]
    """Why, by the column's name."""
    notes: tuple[str, ...]
    """What a person should look at."""


def guess_columns(profile: DataProfile, target: str) -> Columns:
    """Sort a data set's columns into those that are used and those that are left out; the target is always used."""
    used: dict[str, Column] = {}
    ignored: dict[str, str] = {}
    notes = []
    for summary in profile.columns:
        why = None if summary.name == target else _reason_to_ignore(summary, profile.rows)
        if why is not None:
            ignored[summary.name] = why
            continue
        used[summary.name] = _column(summary, profile.rows)
        if summary.unreadable and summary.type is not None:
            notes.append(
                f"{summary.name}: {summary.unreadable} of {profile.rows} values are no {summary.type}, so it is taken "
                "for text; where they mean that a value is missing, add them to prepare.data.null_values"
            )
    return Columns(used, ignored, tuple(notes))


def target_candidates(profile: DataProfile) -> list[str]:
    """The columns that may be a target, the likeliest first: by their name, then the last one before those ahead."""
    able = [one for one in profile.columns if can_be_target(one, profile.rows)]
    names = [one.name for one in reversed(able)]
    return sorted(names, key=lambda name: (name.casefold() not in _TARGET_NAMES, names.index(name)))


def can_be_target(summary: ColumnSummary, rows: int) -> bool:
    """Whether a column has values to predict: all are there, there are two at least, and it is no key."""
    if summary.type is None or summary.missing or (summary.distinct or 0) < 2 or _is_key(summary, rows):
        return False
    kind = _column(summary, rows).type
    return kind in _NUMERIC or kind in {ColumnType.CATEGORY, ColumnType.BOOLEAN}


def guess_task(summary: ColumnSummary, column: Column) -> Task:
    """Classes, or a number: of whole numbers few are taken for classes."""
    if column.type is ColumnType.NUMBER:
        return Task.REGRESSION
    many = (summary.distinct or 0) > _MOST_CLASSES
    return Task.REGRESSION if column.type is ColumnType.INTEGER and many else Task.CLASSIFICATION


def classes_of(summary: ColumnSummary) -> list[str]:
    """The classes as text, sorted, where all are known; else none."""
    values = [value for value, _ in summary.top]
    return sorted(values) if len(values) == summary.distinct else []


def _column(summary: ColumnSummary, rows: int) -> Column:
    nullable = summary.missing > 0
    kind = ColumnType.TEXT if summary.unreadable or summary.type is None else summary.type
    if kind in {ColumnType.TEXT, ColumnType.CATEGORY}:
        present = rows - summary.missing
        distinct = summary.distinct or 0
        few = distinct <= _MOST_CATEGORIES and (present >= _ROWS_PER_CATEGORY * distinct or distinct <= 2)
        few = few and not _are_sentences(summary)
        return Column(type=ColumnType.CATEGORY if few else ColumnType.TEXT, nullable=nullable)
    return Column(type=kind, nullable=nullable)


def _are_sentences(summary: ColumnSummary) -> bool:
    counts = [len(value.split()) for value, _ in summary.top]
    return bool(counts) and sum(counts) / len(counts) >= _WORDS_OF_A_SENTENCE


def _reason_to_ignore(summary: ColumnSummary, rows: int) -> str | None:
    if summary.type is None:
        return f"of type {summary.stored}, which no feature is made of"
    if summary.missing == rows:
        return "there is no value"
    if summary.distinct == 1 and not summary.missing:
        return "one value only"
    if _is_key(summary, rows):
        return "no two rows have the same value: a key"
    texts = [value for value, _ in summary.top]
    if summary.type is ColumnType.TEXT and texts and all(_DATE_LIKE.fullmatch(text) for text in texts):
        return f"seems to be a date, as {texts[0]!r}: make it {{type: date, format: ...}} to use it"
    return None


def _is_key(summary: ColumnSummary, rows: int) -> bool:
    """Whether the values tell rows apart and nothing else."""
    if summary.missing or summary.unreadable or summary.distinct is None or rows < _ENOUGH:
        return False
    unique = summary.distinct == rows if summary.distinct_exact else summary.distinct > 0.95 * rows
    if not unique:
        return False
    if summary.type is ColumnType.INTEGER:
        running = summary.min is not None and summary.max is not None and summary.max - summary.min == rows - 1
        return running or bool(_KEY_NAME.search(summary.name))
    words = any(" " in value.strip() for value, _ in summary.top)
    short = summary.max is not None and summary.max <= _MOST_KEY_LENGTH
    return summary.type in {ColumnType.TEXT, ColumnType.CATEGORY} and short and not words
