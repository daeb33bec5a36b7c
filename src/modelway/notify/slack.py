"""A message to an incoming webhook of Slack's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modelway.errors import UsageError
from modelway.escaping import link_address, slack_text
from modelway.http import HttpClient, NoAnswerError, origin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = 10.0
_LONGEST = 2900
"""Characters of a section's text; Slack refuses more than 3,000."""


def post_to_slack(webhook: str, title: str, lines: Sequence[str], link: str | None) -> str | None:
    """Post a message.

    Args:
        webhook: the address, a secret: no message of ours tells it.
        title: one line.
        lines: the rest; shortened where Slack would refuse it.
        link: where people find the run.

    Returns:
        Why it could not be posted; None where it was. Nothing is raised: whoever tells has done its work already.
    """
    if not origin_of(webhook).startswith(("http://", "https://")):
        return "the webhook is no http:// or https:// address"
    heading, text = slack_text(title), "\n".join(slack_text(line) for line in lines if line)
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    blocks = [_section(f"*{heading}*"), _section(shown or "-")]
    if link:
        blocks.append(_section(f"<{slack_text(link_address(link))}|The run>"))
    body = json.dumps({"text": heading, "blocks": blocks}).encode()
    client = HttpClient("Slack", remedy="Check SLACK_WEBHOOK and the network.", attempts=1)
    headers = {"Content-Type": "application/json"}
    try:
        response = client.send("POST", webhook, headers=headers, body=body, seconds=_SECONDS)
    except NoAnswerError as error:
        return f"Slack did not answer ({error.reason})"
    except UsageError as error:
        return error.what
    if response.redirect:
        return f"the webhook redirects to {response.redirect}"
    if response.page and response.status < 300:
        return response.page.what
    return None if response.status < 300 else f"Slack answered {response.status}"


def _section(text: str) -> dict[str, object]:
    # Verbatim: Slack makes no link, mention or channel of what looks like one.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
