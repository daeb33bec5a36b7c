"""Real questions to a running endpoint: planned from the bundles it has to serve, asked, judged."""

from __future__ import annotations

from modelway.deploy.smoke.expected import Expected, read_expected
from modelway.deploy.smoke.run import smoke
from modelway.deploy.smoke.settings import describe_settings

__all__ = ["Expected", "describe_settings", "read_expected", "smoke"]
