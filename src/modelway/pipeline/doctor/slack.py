"""Slack's webhook, by its form alone: asking it would post."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modelway.errors import UsageError
from modelway.pipeline.doctor.findings import failed, not_checked, ok

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.pipeline.doctor.scene import Scene
    from modelway.records.doctor import Finding

WEBHOOK = "SLACK_WEBHOOK"
_SLACKS = re.compile(r"https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/-]+")
_ANY = re.compile(r"https?://[^\s/@]+(/\S*)?")


def check_slack(scene: Scene) -> Iterator[Finding]:
    """The form of the address; no word of it is shown."""
    given = scene.secrets.get(WEBHOOK, "").strip()
    if not given:
        yield not_checked(WEBHOOK, "not set: nobody is told of failures", "Set it to an incoming webhook's address.")
    elif _SLACKS.fullmatch(given):
        yield ok(WEBHOOK, "has the form of Slack's webhooks; whether Slack takes it is seen by the first message alone")
    elif _ANY.fullmatch(given):
        yield not_checked(
            WEBHOOK, "is an address, but none of Slack's own", "Slack's begin with https://hooks.slack.com/services/."
        )
    else:
        remedy = "Copy it from Slack: https://hooks.slack.com/services/..."
        yield failed(WEBHOOK, UsageError("this is no http:// or https:// address", remedy=remedy))
