"""What moved: tests with the false discovery rate controlled, effects that matter, and persistence over windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.observe.shifts import compare, picture
from modelway.observe.significance import adjusted
from modelway.records.data import ColumnType
from modelway.records.drift import ColumnDrift, DriftWindow, Role, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelway.observe.watch import Watch, Watched
    from modelway.records.drift import Shift
    from modelway.records.monitor import DriftOptions
    from modelway.records.observe import Distribution

OUTPUTS = {Role.PREDICTION, Role.LABEL, Role.SCORE, Role.TARGET}


@dataclass(frozen=True)
class Judged:
    """All columns with what is said of them.

    Attributes:
        columns: the moved ones first, then by effect.
        windows: the stretches of time.
        unmeasured: what could not be compared, with the reason.
        score: the drift score; None where no feature was measured.
        measured: the share of the importance that was measured.
    """

    columns: tuple[ColumnDrift, ...]
    windows: tuple[DriftWindow, ...]
    unmeasured: dict[str, str]
    score: float | None
    measured: float


def judge_columns(watch: Watch, options: DriftOptions) -> Judged:
    """Compare everything that was counted with the baseline.

    A column moved when a test of its distribution, or of its share of missing values, is a discovery at the false
    discovery rate over all of them, its effect less noise is at least what the options ask, and it is so in as many
    windows as they ask for.
    """
    watched = watch.watched
    whole = watch.whole()
    found = whole.finish()
    shifts, unmeasured = _shifts(watched, found)
    parts = sorted(watch.windows.items())
    windows = tuple(
        DriftWindow(start=start, rows=part.rows, judged=part.rows >= options.min_rows) for start, part in parts
    )
    counted = [part.finish() if window.judged else {} for (_, part), window in zip(parts, windows, strict=True)]
    names = [name for name, shift in shifts.items() if _is_judged(watched, name, options)]
    levels = dict(zip(names, _levels([shifts[name] for name in names]), strict=True))
    columns = [
        _column(watched, name, found[name], shift, levels.get(name), counted, options) for name, shift in shifts.items()
    ]
    columns.sort(key=lambda one: (_ORDER[one.state], -moved_by(one.shift), one.name))
    score, measured = _score(watched, columns, options)
    return Judged(tuple(columns), windows, unmeasured, score, measured)


def moved_by(shift: Shift) -> float:
    """How far a column moved, less what chance would make of it: by its distribution or its missing values."""
    return max(_distribution_effect(shift), _missing_effect(shift))


_ORDER = {State.MOVED: 0, State.ONCE: 1, State.STILL: 2, State.UNJUDGED: 3}


def _distribution_effect(shift: Shift) -> float:
    return max(shift.effect - shift.noise, 0.0)


def _missing_effect(shift: Shift) -> float:
    return max(abs(shift.missing_now - shift.missing_before) - shift.missing_noise, 0.0)


def _shifts(watched: Watched, found: Mapping[str, Distribution]) -> tuple[dict[str, Shift], dict[str, str]]:
    shifts: dict[str, Shift] = {}
    unmeasured: dict[str, str] = {}
    for name, before in {**watched.columns, **watched.outputs}.items():
        called = name or "predictions"
        if name not in found:
            unmeasured[called] = "the rows do not have it"
            continue
        now = found[name]
        shift = compare(before, now)
        if shift is not None:
            shifts[name] = shift
        elif now.rows and now.rows == now.missing and before.rows > before.missing:
            shifts[name] = _all_gone(before, now)
        else:
            unmeasured[called] = "one of the sides has no value to compare"
    return shifts, unmeasured


def _all_gone(before: Distribution, now: Distribution) -> Shift:
    """Every value is missing now: nothing is left to compare but that."""
    some = now.model_copy(update={"missing": now.rows - 1, "counts": (), "edges": ()})
    bare = before.model_copy(update={"edges": (), "counts": (), "categories": {"any": 1}, "type": ColumnType.CATEGORY})
    shift = compare(bare, some.model_copy(update={"type": ColumnType.CATEGORY, "categories": {"any": 1}}))
    assert shift is not None  # noqa: S101 - both have a value
    return shift.model_copy(update={"missing_now": 1.0, "value": 0.0, "p_value": 1.0, "effect": 0.0, "unseen": None})


def _is_judged(watched: Watched, name: str, options: DriftOptions) -> bool:
    return options.dates or watched.distribution(name).type is not ColumnType.DATE


def _levels(shifts: list[Shift]) -> list[tuple[float, float]]:
    """Adjusted p-values of each column's two tests, all of them together one family; a missing one is 1."""
    tests = [
        (at, kind, p) for at, shift in enumerate(shifts) for kind, p in ((0, shift.p_value), (1, _missing_p(shift)))
    ]
    family = [p for _, _, p in tests if p is not None]
    found = iter(adjusted(family))
    levels = [[1.0, 1.0] for _ in shifts]
    for at, kind, p in tests:
        if p is not None:
            levels[at][kind] = next(found)
    return [(one, other) for one, other in levels]


def _missing_p(shift: Shift) -> float | None:
    """None where neither side has a missing value: then there was nothing to test."""
    return shift.missing_p if shift.missing_before or shift.missing_now else None


def _column(
    watched: Watched,
    name: str,
    now: Distribution,
    shift: Shift,
    levels: tuple[float, float] | None,
    windows: list[dict[str, Distribution]],
    options: DriftOptions,
) -> ColumnDrift:
    before = watched.distribution(name)
    by_window = tuple(_effect_in(before, window.get(name)) for window in windows)
    state, reason = _state(shift, levels, by_window, options)
    role = watched.roles[name]
    importance = watched.baseline.importance.get(name, 0.0 if watched.baseline.importance else None)
    return ColumnDrift(
        name=name or "predictions",
        role=role,
        type=before.type,
        importance=importance if role is Role.FEATURE else None,
        rows=now.rows,
        state=state,
        reason=reason,
        shift=shift,
        q_value=None if levels is None else min(levels),
        windows=by_window,
        picture=picture(before, now),
    )


def _effect_in(before: Distribution, now: Distribution | None) -> float | None:
    if now is None:
        return None
    shift = compare(before, now)
    return None if shift is None else moved_by(shift)


def _state(
    shift: Shift,
    levels: tuple[float, float] | None,
    windows: tuple[float | None, ...],
    options: DriftOptions,
) -> tuple[State, str]:
    if levels is None:
        return State.UNJUDGED, "a date moves on by itself; it is only shown"
    rate = options.false_discoveries
    by_values = levels[0] <= rate and _distribution_effect(shift) >= options.effect
    by_missing = levels[1] <= rate and _missing_effect(shift) >= options.missing
    if not (by_values or by_missing):
        return State.STILL, _still(shift, levels, options)
    what = _words(shift, by_missing=by_missing and not by_values)
    least = options.missing if by_missing and not by_values else options.effect
    judged = [effect for effect in windows if effect is not None]
    moved = sum(effect >= least for effect in judged)
    needed = min(options.persistence, len(judged))
    if moved < needed:
        return State.ONCE, f"{what}, but in {moved} of {len(judged)} windows only; {needed} are asked for"
    return State.MOVED, what + (f", in {moved} of {len(judged)} windows" if len(judged) > 1 else "")


def _still(shift: Shift, levels: tuple[float, float], options: DriftOptions) -> str:
    effect = _distribution_effect(shift)
    if min(levels) > options.false_discoveries:
        return f"no more than chance: q is {min(levels):.2g}"
    return f"it moved by {effect:.3f} beyond chance, which is less than {options.effect:g}"


def _words(shift: Shift, *, by_missing: bool) -> str:
    if by_missing:
        return f"missing values went from {shift.missing_before:.1%} to {shift.missing_now:.1%}"
    sorts = {"ks": "its distribution", "chi_square": "its shares", "mean": "its mean"}
    text = f"{sorts[shift.statistic]} moved by {shift.effect:.3f}"
    if shift.unseen and shift.unseen >= 0.005:
        text += f", {shift.unseen:.1%} of the values were not there before"
    return text


def _score(watched: Watched, columns: list[ColumnDrift], options: DriftOptions) -> tuple[float | None, float]:
    """The share of the features that moved, weighted by importance, and the share that was measured at all."""
    weights = _weights(watched, options)
    judged = {one.name: one for one in columns if one.role is Role.FEATURE and one.name in weights}
    total = sum(weights.values())
    seen = sum(weights[name] for name in judged)
    if not seen or not total:
        outputs = [one for one in columns if one.role in OUTPUTS]
        return (options.outputs if any(one.state is State.MOVED for one in outputs) else None), 0.0
    score = sum(weights[name] for name, one in judged.items() if one.state is State.MOVED) / seen
    if any(one.role in OUTPUTS and one.state is State.MOVED for one in columns):
        score = max(score, options.outputs)
    return min(score, 1.0), min(seen / total, 1.0)


def _weights(watched: Watched, options: DriftOptions) -> dict[str, float]:
    """Each feature's weight: its importance, or the same for all where that is unknown; dates have none."""
    features = [
        name for name, role in watched.roles.items() if role is Role.FEATURE and _is_judged(watched, name, options)
    ]
    importance = watched.baseline.importance
    if not any(importance.get(name, 0.0) > 0 for name in features):
        return dict.fromkeys(features, 1.0)
    return {name: importance.get(name, 0.0) for name in features if importance.get(name, 0.0) > 0}
