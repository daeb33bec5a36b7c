"""Puts the stages together for the host; what a stage runs is written here once, and `ci/` chains the same commands."""
