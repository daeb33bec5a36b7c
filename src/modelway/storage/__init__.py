"""Local paths and `s3://` addresses, told apart by the address alone."""

from __future__ import annotations

from modelway.storage.access import list_files, read_bytes, read_tagged, write_bytes, write_if_unchanged
from modelway.storage.addresses import DATA_SUFFIXES, LOG_SUFFIXES, Found, is_s3
from modelway.storage.mirror import sync

__all__ = [
    "DATA_SUFFIXES",
    "LOG_SUFFIXES",
    "Found",
    "is_s3",
    "list_files",
    "read_bytes",
    "read_tagged",
    "sync",
    "write_bytes",
    "write_if_unchanged",
]
