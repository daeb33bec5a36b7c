"""What the search may choose from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from modelway.errors import SettingsError
from modelway.records.fit import Choice, CustomEstimatorOptions, FloatRange, IntRange

if TYPE_CHECKING:
    import optuna

    from modelway.records.fit import EstimatorOptions, FitOptions

Space = dict[str, IntRange | FloatRange | Choice]

_DEFAULTS: dict[str, Space] = {
    "linear": {
        "learning_rate": FloatRange(low=1e-4, high=1e-1, log=True),
        "l2": FloatRange(low=1e-6, high=1.0, log=True),
    },
    "neural_network": {
        "hidden": Choice(choices=((32,), (64,), (128,), (32, 16), (64, 32), (128, 64))),
        "learning_rate": FloatRange(low=1e-4, high=1e-2, log=True),
        "l2": FloatRange(low=1e-6, high=1e-1, log=True),
    },
    "boosted_trees": {
        "learning_rate": FloatRange(low=0.02, high=0.3, log=True),
        "num_leaves": IntRange(low=8, high=255, log=True),
        "min_child_samples": IntRange(low=5, high=100, log=True),
        "subsample": FloatRange(low=0.5, high=1.0),
        "colsample": FloatRange(low=0.5, high=1.0),
        "l2": FloatRange(low=1e-3, high=10.0, log=True),
    },
}


def search_space(options: FitOptions) -> Space:
    """The settings' space, or the default one of the kind of estimator; checked at its bounds.

    Raises:
        SettingsError: it names an option that the estimator does not have, or allows a value that the option does not.
    """
    estimator, space = options.estimator, options.search.space
    if isinstance(estimator, CustomEstimatorOptions):
        if not space:
            raise SettingsError(
                "a custom estimator has no space of its own", where="fit.search.space", remedy="Name its parameters."
            )
        return space
    known = [name for name in type(estimator).model_fields if name != "kind"]
    checked: Space = {}
    for name, dimension in (space or _DEFAULTS[estimator.kind]).items():
        if name not in known:
            raise SettingsError(
                f"an estimator of kind {estimator.kind} has no option {name!r}",
                where=f"fit.search.space.{name}",
                remedy=f"Its options: {', '.join(known)}.",
            )
        fractional = type(estimator).model_fields[name].annotation is float
        checked[name] = _as_floats(dimension) if fractional else dimension
        for value in _extremes(checked[name]):
            _check_value(estimator, name, value)
    return checked


def _as_floats(dimension: IntRange | FloatRange | Choice) -> FloatRange | Choice:
    """The range 0 to 1 of a fraction is written with whole numbers too."""
    if isinstance(dimension, IntRange):
        return FloatRange(low=float(dimension.low), high=float(dimension.high), log=dimension.log)
    return dimension


def _extremes(dimension: IntRange | FloatRange | Choice) -> tuple[Any, ...]:
    return dimension.choices if isinstance(dimension, Choice) else (dimension.low, dimension.high)


def _check_value(estimator: EstimatorOptions, name: str, value: Any) -> None:
    try:
        with_params(estimator, {name: value})
    except ValidationError as error:
        raise SettingsError(
            f"{value!r} is nothing for {name!r}: {error.errors()[0]['msg']}", where=f"fit.search.space.{name}"
        ) from error


def with_params(estimator: EstimatorOptions, params: dict[str, Any]) -> EstimatorOptions:
    """The options with the search's values put in.

    Raises:
        pydantic.ValidationError: a value does not fit.
    """
    if isinstance(estimator, CustomEstimatorOptions):
        params = {"params": {**estimator.params, **params}}
    return type(estimator).model_validate({**estimator.model_dump(), **params})


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """Let a trial choose a value for each name."""
    return {name: _suggest(trial, name, dimension) for name, dimension in space.items()}


def _suggest(trial: optuna.Trial, name: str, dimension: IntRange | FloatRange | Choice) -> Any:
    if isinstance(dimension, Choice):
        return decode(dimension, trial.suggest_categorical(name, [_encode(value) for value in dimension.choices]))
    if isinstance(dimension, IntRange):
        return trial.suggest_int(name, dimension.low, dimension.high, log=dimension.log)
    return trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)


def _encode(value: Any) -> Any:
    """A study keeps scalars only, so a tuple goes in as text."""
    return json.dumps(value) if isinstance(value, tuple) else value


def decode(dimension: IntRange | FloatRange | Choice, stored: Any) -> Any:
    """The value that a study keeps as `stored`."""
    if isinstance(dimension, Choice):
        return next(value for value in dimension.choices if _encode(value) == stored)
    return stored
