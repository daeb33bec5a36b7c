"""What of an exported model differs from the fitted one: answers, refusals, and by how much, row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelway.bundle import load_model, open_bundle
from modelway.bundle.comparing import PROBABILITY, VALUE, compare
from modelway.bundle.reference import Reference
from modelway.errors import InputError
from modelway.records.evaluate import Scores

Change = Callable[[Scores], Scores]
ROWS = 7


def same(scores: Scores) -> Scores:
    return scores


def refuse(_: Scores) -> Scores:
    raise InputError("a feature is infinite")


def off_by(difference: float) -> Change:
    """Move one probability, or one value, of the last row."""

    def change(scores: Scores) -> Scores:
        found = np.array(scores.prediction if scores.probability is None else scores.probability, dtype=np.float64)
        found[-1, ...] += np.append(np.zeros(found[-1].size - 1), difference).reshape(found[-1].shape)
        return Scores(found) if scores.probability is None else Scores(scores.prediction, found)

    return change


def other_class(scores: Scores) -> Scores:
    return Scores(np.append(scores.prediction[:-1], 1 - scores.prediction[-1]), scores.probability)


NOT_FINITE = off_by(np.nan)


@dataclass
class Models:
    """A fitted and an exported model, and where each answers otherwise than it does.

    Attributes:
        fitted: the fitted one.
        exported: the bundle.
        reference: its held-out rows.
        row: the number of the edge-case row at which they are changed; None for the held-out rows.
    """

    fitted: Any
    exported: Any
    reference: Reference
    row: int | None = None

    def compare(self, fitted: Change, exported: Change) -> Any:
        asked = {"fitted": -1, "exported": -1}

        def changed(who: str, change: Change, scores: Scores) -> Scores:
            asked[who] += 1
            return change(scores) if asked[who] == self.row else scores

        model = SimpleNamespace(
            info=self.fitted.info,
            predict=lambda table, threshold: changed("fitted", fitted, self.fitted.predict(table, threshold)),
        )
        bundle = SimpleNamespace(
            signature=self.exported.signature,
            predict=lambda columns, rows: changed("exported", exported, self.exported.predict(columns, rows)),
            predict_table=lambda table: (exported if self.row is None else same)(self.exported.predict_table(table)),
        )
        return compare(bundle, model, self.reference)  # type: ignore[arg-type]


@pytest.fixture
def of(pack: Any) -> Callable[[str], Models]:
    """Give the models of a data set."""

    def of(data: str) -> Models:
        packed = pack(data, "linear")
        reference = Reference(packed.table.slice(0, ROWS), _first(packed.scores, ROWS))
        return Models(load_model(packed.training / "model"), open_bundle(packed.bundle), reference)

    return of


@pytest.fixture(params=["binary", "regression"])
def models(of: Callable[[str], Models], request: pytest.FixtureRequest) -> Models:
    return of(request.param)


def _first(scores: Scores, rows: int) -> Scores:
    return Scores(scores.prediction[:rows], None if scores.probability is None else scores.probability[:rows])


EDGE_CASES: dict[str, tuple[Change, Change, str]] = {
    "both answer": (same, same, ""),
    "both refuse": (refuse, refuse, ""),
    "neither is finite": (NOT_FINITE, NOT_FINITE, ""),
    "one refuses, one is not finite": (refuse, NOT_FINITE, ""),
    "the exported one refuses": (same, refuse, r": refused, a feature is infinite \(fitted: prediction"),
    "the fitted one refuses": (refuse, same, r": prediction .*\(fitted: refused, a feature is infinite\)"),
    "the exported one is not finite": (same, NOT_FINITE, r": refused, no finite score \(fitted: prediction"),
    "the fitted one is not finite": (NOT_FINITE, same, r": prediction .*\(fitted: refused, no finite score\)"),
    "they are apart": (off_by(1.0), same, r": prediction .*\(fitted: prediction"),
}


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
def test_compare_names_each_edge_case_row_that_one_model_answers_otherwise(
    models: Models, name: str, last: bool
) -> None:
    fitted, exported, words = EDGE_CASES[name]
    rows = models.compare(same, same).awkward_rows
    changed = replace(models, row=rows - 1 if last else 0)
    if not words:
        assert changed.compare(fitted, exported).awkward_rows == rows
        return
    with pytest.raises(InputError, match=rf"awkward row \([^;]*\){words}") as refused:
        changed.compare(fitted, exported)
    assert "held-out" not in refused.value.what
    assert "and 1 more" not in refused.value.what


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("row", [None, 0], ids=["held-out", "edge case"])
def test_compare_allows_differences_up_to_the_limit(models: Models, row: int | None, sign: int) -> None:
    scores = models.reference.scores
    allowed = PROBABILITY
    if scores.probability is None:
        one = scores.prediction[-1] if row is None else _edge_case(models)
        allowed = VALUE * max(abs(float(one)), float(np.ptp(scores.prediction)))
    changed = replace(models, row=row)
    assert changed.compare(same, off_by(sign * allowed * 0.9)).largest_difference == pytest.approx(
        allowed * 0.9, rel=0.1
    )
    with pytest.raises(InputError, match=f"{'held-out row 6' if row is None else 'awkward row'}[^;]*: prediction"):
        changed.compare(same, off_by(sign * allowed * 1.2))


def _edge_case(models: Models) -> float:
    """What the model says of the first edge-case row."""
    found: list[float] = []

    def note(scores: Scores) -> Scores:
        found.append(float(scores.prediction[0]))
        return scores

    replace(models, row=0).compare(note, same)
    return found[0]


@pytest.mark.parametrize("row", [None, 0], ids=["held-out", "edge case"])
def test_compare_refuses_another_class_of_the_same_probabilities(of: Callable[[str], Models], row: int | None) -> None:
    with pytest.raises(InputError, match=r"prediction \w+.*\(fitted: prediction"):
        replace(of("binary"), row=row).compare(same, other_class)


def test_compare_shows_five_rows_and_counts_the_others(of: Callable[[str], Models]) -> None:
    with pytest.raises(InputError, match=r"held-out row 0: .*held-out row 4: [^;]*; and 2 more\n") as refused:
        of("regression").compare(same, lambda scores: Scores(scores.prediction + 1e6))
    assert "row 5" not in refused.value.what


def test_compare_without_a_row_is_refused(models: Models) -> None:
    models.reference = Reference(models.reference.table.slice(0, 0), _first(models.reference.scores, 0))
    with pytest.raises(InputError, match="no held-out row"):
        models.compare(same, same)
