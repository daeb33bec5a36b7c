"""modelway: every CI, CT and CD stage of a model as a Python function."""

__version__ = "0.1.0"
