"""A message to an incoming webhook of Slack's."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

_SECONDS = 10.0
_LONGEST = 2900
"""Characters of a section's text; Slack refuses more than 3,000."""


def post_to_slack(webhook: str, title: str, text: str, link: str | None) -> str | None:
    """Post a message.

    Args:
        webhook: the address, a secret: no message of ours tells it.
        title: one line.
        text: the rest; shortened where Slack would refuse it.
        link: where people find the run.

    Returns:
        Why it could not be posted; None where it was. Nothing is raised: whoever tells has done its work already.
    """
    if urlsplit(webhook).scheme not in {"http", "https"}:
        return "the webhook is no http:// or https:// address"
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    blocks = [_section(f"*{_escape(title)}*"), _section(_escape(shown or "-"))]
    if link:
        blocks.append(_section(f"<{_escape(link)}|The run>"))
    body = json.dumps({"text": title, "blocks": blocks}).encode()
    request = urllib.request.Request(webhook, body, {"content-type": "application/json"})  # noqa: S310 - checked above
    try:
        with urllib.request.build_opener().open(request, timeout=_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        with error:
            return f"Slack answered {error.code}"
    except (OSError, ValueError) as error:
        # Its text may hold the address; its kind does not.
        return f"Slack did not answer ({type(getattr(error, 'reason', error)).__name__})"


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _escape(text: str) -> str:
    """Slack's three control characters (docs.slack.dev/messaging/formatting-message-text)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
