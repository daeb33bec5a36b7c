"""What `manifest.json` of an artifact directory holds."""

from __future__ import annotations

from typing import Literal

from modelway.records.base import Record


class Manifest(Record):
    """The files of an artifact directory and what they were made from."""

    schema_version: Literal[1] = 1
    kind: str
    """prepared, model, evaluation or another stage's word."""
    files: dict[str, str]
    """SHA-256 (hexadecimal) of each file, by its path below the directory with forward slashes."""
    inputs: dict[str, str] = {}
    """Digests of the inputs the directory was made from, by name."""
