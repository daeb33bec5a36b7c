"""Profiles of a model's inputs and outputs, that monitoring compares with."""
