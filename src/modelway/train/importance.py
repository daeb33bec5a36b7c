"""How much each column weighs in a model's decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelway.features import source_columns

if TYPE_CHECKING:
    from modelway.records.features import FeatureSpec


def column_importance(estimator: Any, spec: FeatureSpec) -> dict[str, float]:
    """Each column's share, summed over its features: gain of splits (trees), absolute weights of the first layer.

    The user's own features count under their function's name. Largest share first; empty where the estimator tells
    nothing.
    """
    if hasattr(estimator, "feature_importance"):
        weights = estimator.feature_importance(importance_type="gain")
    elif hasattr(estimator, "coefs_"):
        weights = np.abs(estimator.coefs_[0]).sum(axis=1)
    elif hasattr(estimator, "feature_importances_"):
        weights = estimator.feature_importances_
    else:
        return {}
    total = float(np.sum(weights))
    if not total or not np.isfinite(total):
        return {}
    shares: dict[str, float] = {}
    for column, weight in zip(source_columns(spec), weights, strict=True):
        shares[column] = shares.get(column, 0.0) + float(weight) / total
    return dict(sorted(shares.items(), key=lambda share: (-share[1], share[0])))
