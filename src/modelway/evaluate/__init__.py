"""Scores in, metrics, slices, bias, comparison and verdicts out; loads no model and does no I/O."""

from modelway.evaluate.checks import check_options
from modelway.evaluate.stage import evaluate

__all__ = ["check_options", "evaluate"]
