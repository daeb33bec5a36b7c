"""Telling people: Slack."""

from __future__ import annotations

from modelway.notify.slack import post_to_slack

__all__ = ["post_to_slack"]
