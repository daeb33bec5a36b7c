"""The sample data set: synthetic loans, of which the truth is known.

Each loan's log-odds of default are `COEFFICIENTS["intercept"]` plus, for every other name in `COEFFICIENTS`, that
coefficient times the feature that `true_features` computes from the values as they are written. The label is drawn with
that probability; only then are values made missing, at random. `group` is the sensitive attribute: it decides nothing
unless `bias` is given.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.errors import UsageError
from modelway.storage import write_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Loans = dict[str, NDArray[Any]]

FILE = "loans.csv"
COEFFICIENTS: dict[str, float] = {
    "intercept": -1.4,
    "age": -0.25,
    "log_income": -0.8,
    "amount_to_income": 1.6,
    "term_years": 0.15,
    "employment=self_employed": 0.4,
    "employment=unemployed": 1.2,
    "purpose=business": 0.5,
    "purpose=education": -0.4,
    "home=own": -0.5,
    "credit_history_years": -0.06,
    "late_payments": 0.55,
    "note:urgent": 0.7,
    "note:savings": -0.6,
}
"""The log-odds of default, by feature."""
CONCEPT_COEFFICIENTS: dict[str, float] = COEFFICIENTS | {
    "log_income": 0.4,
    "amount_to_income": 0.2,
    "employment=unemployed": 0.0,
    "late_payments": -0.2,
    "note:urgent": -0.7,
}
"""The same under drift of kind concept."""
FLIPPED_SLICE = ("purpose", "car")
"""The column and value of the slice in which all effects but the intercept turn round under drift of kind slice."""
MISSING_RATES = {"employment": 0.04, "credit_history_years": 0.03, "note": 0.0}
"""The fraction of missing values, by column."""
DRIFTED_MISSING_RATE = 0.35
"""The same for each of these columns under drift of kind missing."""

_EMPLOYMENT = (("employed", 0.68), ("self_employed", 0.14), ("unemployed", 0.08), ("retired", 0.1))
_PURPOSE = (("car", 0.35), ("home", 0.25), ("education", 0.15), ("business", 0.15), ("other", 0.1))
_HOME = (("rent", 0.45), ("mortgage", 0.35), ("own", 0.2))
_TERMS = tuple((months, 0.2) for months in (12, 24, 36, 48, 60))
_OPENINGS = ("please", "hello", "we need this", "asking for a loan", "new request")
_REASONS = ("for the family", "as agreed on the phone", "to be paid monthly", "before the summer", "for my plans")
_FIRST_DAY = date(2024, 1, 1)
_DAYS = 731


class Drift(StrEnum):
    """How a later sample differs from the first one."""

    COVARIATE = "covariate"
    """Applicants are younger and poorer and ask for more; the same truth."""
    CONCEPT = "concept"
    """The same applicants; `CONCEPT_COEFFICIENTS` hold."""
    MISSING = "missing"
    """More values are missing."""
    SLICE = "slice"
    """The effects turn round in `FLIPPED_SLICE`."""


@dataclass(frozen=True)
class _Source:
    """Random numbers, a stream for each purpose, so that one option never changes what another decides.

    They come from uniform numbers of PCG64 alone, whose stream numpy promises to keep.
    """

    rows: int
    seed: int

    def uniform(self, purpose: str) -> Floats:
        entropy = [self.seed, *purpose.encode()]
        return np.random.Generator(np.random.PCG64(entropy)).random(self.rows)

    def normal(self, purpose: str) -> Floats:
        """Box and Muller, 1958."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(f"{purpose} radius")))
        return np.asarray(radius * np.cos(2.0 * np.pi * self.uniform(f"{purpose} angle")), np.float64)

    def choice(self, purpose: str, weighted: tuple[tuple[Any, float], ...]) -> NDArray[Any]:
        ends = np.cumsum([weight for _, weight in weighted])
        at = np.minimum(np.searchsorted(ends, self.uniform(purpose), side="right"), len(weighted) - 1)
        return np.array([value for value, _ in weighted])[at]


def write_sample(
    directory: Path,
    rows: int = 5000,
    seed: int = 0,
    drift: str | None = None,
    label_noise: float = 0.0,
    bias: float = 0.0,
) -> Path:
    """Write `loans.csv` into a directory; the same arguments give the same bytes.

    Args:
        directory: where to write; made if it is not there.
        rows: how many loans.
        seed: another seed gives other loans.
        drift: one of `Drift`, or None.
        label_noise: the fraction of labels, chosen at random, that are turned round.
        bias: added to the log-odds of group b.

    Returns:
        The file's path.

    Raises:
        UsageError: an argument is out of range, or there is no such drift.
        OutsideError: the file system fails.
    """
    if rows < 1 or seed < 0 or not 0 <= label_noise <= 1:
        raise UsageError(
            "a sample needs at least 1 row, a seed of at least 0 and label noise between 0 and 1",
            where=f"rows {rows}, seed {seed}, label noise {label_noise}",
        )
    if drift is not None and drift not in set(Drift):
        raise UsageError(f"there is no drift {drift!r}", where="drift", remedy=f"Choose from {', '.join(Drift)}.")
    loans = make_loans(rows, seed, Drift(drift) if drift else None, label_noise, bias)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(loans)
    writer.writerows(zip(*(column.tolist() for column in loans.values()), strict=True))
    write_bytes(str(directory / FILE), text.getvalue().encode())
    return directory / FILE


def make_loans(rows: int, seed: int, drift: Drift | None = None, label_noise: float = 0.0, bias: float = 0.0) -> Loans:
    """The loans as columns of text and numbers, each of shape (rows,); missing values are empty text."""
    source = _Source(rows, seed)
    loans = _draw_inputs(source, poorer=drift is Drift.COVARIATE)
    chance = 1.0 / (1.0 + np.exp(-(true_log_odds(loans, drift) + bias * (loans["group"] == "b"))))
    defaulted = source.uniform("label") < chance
    defaulted ^= source.uniform("label noise") < label_noise
    for name, rate in MISSING_RATES.items():
        missing = source.uniform(f"missing {name}") < (DRIFTED_MISSING_RATE if drift is Drift.MISSING else rate)
        loans[name] = np.where(missing, "", loans[name].astype(str))
    return loans | {"defaulted": np.where(defaulted, "yes", "no")}


def true_log_odds(loans: Mapping[str, NDArray[Any]], drift: Drift | None = None) -> Floats:
    """The log-odds of default that the generator draws the labels with, without bias; shape (rows,)."""
    truth = CONCEPT_COEFFICIENTS if drift is Drift.CONCEPT else COEFFICIENTS
    effects = np.zeros(len(loans["age"]), np.float64)
    for name, feature in true_features(loans).items():
        effects += truth[name] * feature
    if drift is Drift.SLICE:
        column, value = FLIPPED_SLICE
        effects = np.where(loans[column] == value, -effects, effects)
    return truth["intercept"] + effects


def true_features(loans: Mapping[str, NDArray[Any]]) -> dict[str, Floats]:
    """The features that `COEFFICIENTS` multiply, each of shape (rows,), from complete loans.

    Numbers are centred near their middle, so that the intercept alone is roughly a middling applicant's log-odds.
    """
    features: dict[str, Callable[[], NDArray[Any]]] = {
        "age": lambda: (loans["age"] - 45.0) / 10.0,
        "log_income": lambda: np.log(loans["income"] / 40000.0),
        "amount_to_income": lambda: loans["amount"] / loans["income"] - 0.4,
        "term_years": lambda: loans["term_months"] / 12.0 - 3.0,
        "employment=self_employed": lambda: loans["employment"] == "self_employed",
        "employment=unemployed": lambda: loans["employment"] == "unemployed",
        "purpose=business": lambda: loans["purpose"] == "business",
        "purpose=education": lambda: loans["purpose"] == "education",
        "home=own": lambda: loans["home"] == "own",
        "credit_history_years": lambda: loans["credit_history_years"] - 10.0,
        "late_payments": lambda: loans["late_payments"] - 1.0,
        "note:urgent": lambda: np.char.find(loans["note"].astype(str), "urgent") >= 0,
        "note:savings": lambda: np.char.find(loans["note"].astype(str), "savings") >= 0,
    }
    return {name: np.asarray(feature(), np.float64) for name, feature in features.items()}


def _draw_inputs(source: _Source, *, poorer: bool) -> Loans:
    """All columns but the label, rounded as they are written."""
    age = np.clip(np.rint((38.0 if poorer else 45.0) + 13.0 * source.normal("age")), 18, 85)
    income = np.exp(np.log(28000.0 if poorer else 40000.0) + 0.45 * source.normal("income"))
    income = np.maximum(np.rint(income / 100.0) * 100.0, 5000.0)
    share = np.exp(np.log(0.5 if poorer else 0.35) + 0.5 * source.normal("amount"))
    history = np.clip((age - 18.0) * source.uniform("history") * 0.75, 0.0, 40.0)
    late = np.floor(-np.log1p(-source.uniform("late")) * 1.6)
    day = np.floor(source.uniform("day") * _DAYS).astype(int) + (_DAYS if poorer else 0)
    return {
        "applied_on": np.array([(_FIRST_DAY + timedelta(days=count)).isoformat() for count in day.tolist()]),
        "age": age.astype(int),
        "income": income.astype(int),
        "amount": np.maximum(np.rint(income * share / 50.0) * 50.0, 500.0).astype(int),
        "term_months": source.choice("term", _TERMS),
        "employment": source.choice("employment", _EMPLOYMENT),
        "purpose": source.choice("purpose", _PURPOSE),
        "home": source.choice("home", _HOME),
        "credit_history_years": np.round(history, 1),
        "late_payments": np.minimum(late, 9).astype(int),
        "note": _notes(source),
        "group": source.choice("group", (("a", 0.6), ("b", 0.4))),
    }


def _notes(source: _Source) -> NDArray[Any]:
    """A few words; `urgent` and `savings` mean something, the others nothing."""
    openings = source.choice("opening", tuple((text, 1 / len(_OPENINGS)) for text in _OPENINGS))
    signals = source.choice("signal", (("", 0.6), (", it is urgent", 0.2), (", i have savings", 0.2)))
    reasons = source.choice("reason", tuple((text, 1 / len(_REASONS)) for text in _REASONS))
    return np.array([f"{one}{two} {three}" for one, two, three in zip(openings, signals, reasons, strict=True)])
