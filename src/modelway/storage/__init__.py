"""Local paths and `s3://` addresses, told apart by the address alone."""

from __future__ import annotations

from modelway.storage.access import list_files, read_bytes, read_tagged, read_version, write_bytes, write_if_unchanged
from modelway.storage.addresses import COMPACTED_SUFFIXES, DATA_SUFFIXES, LOG_SUFFIXES, Found, is_s3
from modelway.storage.documents import Document
from modelway.storage.hours import remove_hours
from modelway.storage.mirror import fetch, sync
from modelway.storage.objects import abort_uploads, list_below, read_range, remove_below, upload
from modelway.storage.probing import Probe, is_writable, probe_s3
from modelway.storage.versions import LostAnswerError

__all__ = [
    "COMPACTED_SUFFIXES",
    "DATA_SUFFIXES",
    "LOG_SUFFIXES",
    "Document",
    "Found",
    "LostAnswerError",
    "Probe",
    "abort_uploads",
    "fetch",
    "is_s3",
    "is_writable",
    "list_below",
    "list_files",
    "probe_s3",
    "read_bytes",
    "read_range",
    "read_tagged",
    "read_version",
    "remove_below",
    "remove_hours",
    "sync",
    "upload",
    "write_bytes",
    "write_if_unchanged",
]
