"""The one HTTP client for servers outside: deadlines, retries, no redirects, bounded answers."""

from __future__ import annotations

from modelway.http.client import HttpClient
from modelway.http.response import NoAnswerError, Response, origin_of, parse_answer

__all__ = ["HttpClient", "NoAnswerError", "Response", "origin_of", "parse_answer"]
