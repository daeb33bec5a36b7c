"""Real questions to a running endpoint: planned from the bundles it has to serve, asked, judged."""

from __future__ import annotations

from modelway.deploy.smoke.expected import Expected, read_expected
from modelway.deploy.smoke.run import smoke

__all__ = ["Expected", "read_expected", "smoke"]
