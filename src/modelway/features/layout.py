"""Which columns of the matrix belong to which feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from modelway.features.dates import number_names
from modelway.records.features import (
    BooleanFeature,
    CategoryFeature,
    CustomFeature,
    DateFeature,
    NumberFeature,
    TextFeature,
)

if TYPE_CHECKING:
    from modelway.records.features import Feature, FeatureSpec


def feature_names(feature: Feature) -> list[str]:
    """The names of the matrix columns that a feature fills, in order."""
    if isinstance(feature, CustomFeature):
        return [f"{feature.function}[{place}]" for place in range(feature.width)]
    name = feature.column
    if isinstance(feature, NumberFeature | BooleanFeature):
        names = [name]
    elif isinstance(feature, CategoryFeature):
        names = [name] if feature.encode == "ordinal" else [f"{name}={value}" for value in feature.categories]
    elif isinstance(feature, DateFeature):
        names = [f"{name}.{number}" for number in number_names(feature.parts, cyclic=feature.cyclic)]
    elif isinstance(feature, TextFeature):
        names = [f"{name}#{place}" for place in range(feature.hash_size)]
    else:
        assert_never(feature)
    return [*names, f"{name} is missing"] if feature.indicator else names


def feature_width(feature: Feature) -> int:
    """How many matrix columns a feature fills."""
    if isinstance(feature, CustomFeature):
        return feature.width
    if isinstance(feature, CategoryFeature) and feature.encode == "onehot":
        width = len(feature.categories)
    elif isinstance(feature, DateFeature):
        width = len(feature.center)
    elif isinstance(feature, TextFeature):
        width = feature.hash_size
    else:
        width = 1
    return width + feature.indicator


def input_columns(spec: FeatureSpec) -> list[str]:
    """The table's columns that the features are made from, each once."""
    columns: dict[str, None] = {}
    for feature in spec.features:
        columns |= dict.fromkeys(feature.columns if isinstance(feature, CustomFeature) else (feature.column,))
    return list(columns)


def source_columns(spec: FeatureSpec) -> list[str]:
    """For each matrix column, the table's column it is made from; the function's name for the user's own features."""
    sources = []
    for feature in spec.features:
        source = feature.function if isinstance(feature, CustomFeature) else feature.column
        sources += [source] * feature_width(feature)
    return sources
