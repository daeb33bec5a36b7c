"""Observation and policy → decision, with its evidence. Pure."""
