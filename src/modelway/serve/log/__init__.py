"""The prediction log: from lines in memory over segments on local disk to the store; a response never waits for it."""

from __future__ import annotations

from modelway.serve.log.counts import STREAMS, Counts
from modelway.serve.log.journal import Backlog, Journal

__all__ = ["STREAMS", "Backlog", "Counts", "Journal"]
