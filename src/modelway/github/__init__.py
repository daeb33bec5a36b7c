"""GitHub's REST API: releases."""

from __future__ import annotations

from modelway.github.client import API_URL, GitHub
from modelway.github.release import publish

__all__ = ["API_URL", "GitHub", "publish"]
