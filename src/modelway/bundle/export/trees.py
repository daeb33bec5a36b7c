"""LightGBM's trees as one tree ensemble in doubles.

Its thresholds and leaves are doubles, and it adds them in the trees' order; so each decision and each sum is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from modelway.bundle.export.graph import INPUT, OUTPUT, Graph

if TYPE_CHECKING:
    from onnx import ModelProto

_LEQ = 0
"""The node mode "true where the value is not above the split"."""
_SUM = 1
"""The aggregate function."""
_ZERO = float(np.float32(1e-35))
"""LightGBM's kZeroThreshold."""
_DOUBLE = np.dtype(np.float64)
_SIGMOID = "binary sigmoid:1"


@dataclass
class _Ensemble:
    """The attributes of ONNX's TreeEnsemble, node by node and leaf by leaf; children are node or leaf numbers."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    splits: list[float] = field(default_factory=list)
    missing_true: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)
    true_leaf: list[int] = field(default_factory=list)
    false: list[int] = field(default_factory=list)
    false_leaf: list[int] = field(default_factory=list)
    leaf_targets: list[int] = field(default_factory=list)
    leaf_values: list[float] = field(default_factory=list)

    def add_tree(self, root: dict[str, Any], target: int) -> None:
        """Add a tree, whose leaves count for `target`."""
        self.roots.append(len(self.features))
        if "split_index" in root:
            self._add_node(root, target)
            return
        # A tree has to have a node: both of its sides are the one leaf.
        leaf = self._add_leaf(root, target)
        self._add_split(0, 0.0, missing_true=True)
        self.true[-1], self.true_leaf[-1] = leaf, 1
        self.false[-1], self.false_leaf[-1] = leaf, 1

    def _add_node(self, root: dict[str, Any], target: int) -> None:
        # Depth first, without recursion: a tree can be as deep as it has leaves.
        waiting: list[tuple[dict[str, Any], int | None, bool]] = [(root, None, True)]
        while waiting:
            node, parent, is_true = waiting.pop()
            leaf = "split_index" not in node
            number = self._add_leaf(node, target) if leaf else self._add_inner(node)
            if parent is not None:
                children, flags = (self.true, self.true_leaf) if is_true else (self.false, self.false_leaf)
                children[parent], flags[parent] = number, int(leaf)
            if not leaf:
                waiting += [(node["right_child"], number, False), (node["left_child"], number, True)]

    def _add_inner(self, node: dict[str, Any]) -> int:
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise NotImplementedError(f"splits of the kind {node['decision_type']} ({node['missing_type']})")
        threshold = float(node["threshold"])
        # Where the training rows had no missing value in the column, LightGBM takes a missing one for 0.
        missing_true = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0
        return self._add_split(node["split_feature"], _split(threshold), missing_true=bool(missing_true))

    def _add_split(self, feature: int, threshold: float, *, missing_true: bool) -> int:
        self.features.append(feature)
        self.splits.append(threshold)
        self.missing_true.append(int(missing_true))
        for children in (self.true, self.true_leaf, self.false, self.false_leaf):
            children.append(0)
        return len(self.features) - 1

    def _add_leaf(self, node: dict[str, Any], target: int) -> int:
        self.leaf_targets.append(target)
        self.leaf_values.append(float(node["leaf_value"]))
        return len(self.leaf_values) - 1


def _split(threshold: float) -> float:
    """The split that decides as LightGBM does with this threshold, which takes all within `_ZERO` of 0 for 0."""
    if 0 <= threshold < _ZERO:
        return _ZERO
    if -_ZERO <= threshold < 0:
        return float(np.nextafter(-_ZERO, -np.inf))
    return threshold


def export_booster(booster: Any, classes: int) -> ModelProto:
    """A LightGBM booster as ONNX; raises `NotImplementedError` for one that this room does not fit itself.

    Args:
        booster: fitted.
        classes: how many there are; 0 for regression.
    """
    dump = booster.dump_model()
    objective = str(dump["objective"]).partition(" num_class")[0]
    wanted = "regression" if not classes else _SIGMOID if classes == 2 else "multiclass"
    if objective != wanted or dump.get("average_output"):
        raise NotImplementedError(f"the objective {dump['objective']}")
    targets = dump["num_tree_per_iteration"]
    ensemble = _Ensemble()
    for number, tree in enumerate(dump["tree_info"]):
        ensemble.add_tree(tree["tree_structure"], number % targets)
    graph = Graph()
    raw = _add_ensemble(graph, ensemble, targets)
    if not classes:
        graph.add("Squeeze", raw, graph.weight(np.array([1])), output=OUTPUT)
        return graph.model(dump["max_feature_idx"] + 1, None, _DOUBLE)
    if classes == 2:
        positive = graph.add("Sigmoid", raw)
        negative = graph.add("Sub", graph.weight(np.array([[1.0]])), positive)
        graph.add("Concat", negative, positive, axis=1, output=OUTPUT)
    else:
        graph.add("Softmax", raw, axis=1, output=OUTPUT)
    return graph.model(dump["max_feature_idx"] + 1, classes, _DOUBLE)


def _add_ensemble(graph: Graph, ensemble: _Ensemble, targets: int) -> str:
    doubles = graph.as_double(INPUT)
    return graph.add(
        "TreeEnsemble",
        doubles,
        domain="ai.onnx.ml",
        n_targets=targets,
        aggregate_function=_SUM,
        tree_roots=ensemble.roots,
        nodes_featureids=ensemble.features,
        nodes_modes=numpy_helper.from_array(np.full(len(ensemble.features), _LEQ, dtype=np.uint8), "modes"),
        nodes_splits=numpy_helper.from_array(np.array(ensemble.splits), "splits"),
        nodes_missing_value_tracks_true=ensemble.missing_true,
        nodes_truenodeids=ensemble.true,
        nodes_trueleafs=ensemble.true_leaf,
        nodes_falsenodeids=ensemble.false,
        nodes_falseleafs=ensemble.false_leaf,
        leaf_targetids=ensemble.leaf_targets,
        leaf_weights=numpy_helper.from_array(np.array(ensemble.leaf_values), "values"),
    )
