"""Which exporter an estimator has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.bundle.export.networks import export_network
from modelway.bundle.export.trees import export_booster

if TYPE_CHECKING:
    from modelway.records.fit import ModelInfo


def export_estimator(info: ModelInfo, estimator: Any) -> bytes | None:
    """An estimator of a kind that modelway fits itself, as ONNX; None for any other.

    The same estimator gives the same bytes.

    Args:
        info: what the model predicts.
        estimator: fitted.
    """
    module = type(estimator).__module__
    if module == "lightgbm.sklearn" and _knows_all(info, estimator):
        estimator, module = estimator.booster_, "lightgbm.basic"
    try:
        if module == "lightgbm.basic":
            model = export_booster(estimator, len(info.classes))
        elif module.startswith("sklearn.neural_network.") and _knows_all(info, estimator):
            model = export_network(estimator, len(info.classes))
        else:
            return None
    except NotImplementedError:
        return None
    return bytes(model.SerializeToString(deterministic=True))


def _knows_all(info: ModelInfo, estimator: Any) -> bool:
    """Whether the estimator saw every class."""
    return not info.classes or list(estimator.classes_) == list(range(len(info.classes)))
