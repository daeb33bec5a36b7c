"""GitHub's REST API: releases, issues, dispatches."""

from __future__ import annotations

from modelway.github.client import API_URL, GitHub
from modelway.github.release import publish
from modelway.github.rights import Rights, rights_of

__all__ = ["API_URL", "GitHub", "Rights", "publish", "rights_of"]
