"""The flag document: read, written by compare-and-swap on its revision, and turned into routes by pure functions."""

from __future__ import annotations

from modelway.flags.document import Rules, parse_document, rules_from_environment
from modelway.flags.routing import Router
from modelway.flags.shares import read_shares, with_shares
from modelway.flags.store import FlagWatch, switch_off, update_flags

__all__ = [
    "FlagWatch",
    "Router",
    "Rules",
    "parse_document",
    "read_shares",
    "rules_from_environment",
    "switch_off",
    "update_flags",
    "with_shares",
]
