"""One open issue about a model's health, brought up to date instead of opened anew; and workflows that are started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelway.errors import OutsideError
from modelway.github.answers import to_list
from modelway.github.failures import UnansweredError

if TYPE_CHECKING:
    from modelway.github.client import GitHub


def report_issue(
    github: GitHub, title: str, body: str, marker: str, labels: tuple[str, ...], *, opens: bool
) -> tuple[int, str] | None:
    """Bring the open issue up to date, or open one; asked twice, there is one.

    Args:
        github: the repository.
        title: the issue's title.
        body: Markdown.
        marker: a line that only this model's issue has.
        labels: of the issue.
        opens: whether one is opened where there is none.

    Returns:
        Number and page of the issue; None where there is none.

    Raises:
        OutsideError: GitHub fails or refuses.
    """
    content = {"title": title, "body": f"{marker}\n\n{body}", "labels": list(labels)}
    found = _find(github, marker, labels)
    if found is None and opens:
        try:
            found = github.call("POST", "/issues", content)
        except UnansweredError:
            # It may have been opened though the answer was lost: look before anybody opens another.
            found = _find(github, marker, labels)
            if found is None:
                raise
        return _told(found)
    if found is None:
        return None
    number, _ = _told(found)
    return _told(github.call("PATCH", f"/issues/{number}", {"title": title, "body": content["body"]}))


def start_workflow(github: GitHub, workflow: str, ref: str) -> None:
    """Start a workflow of the repository by `workflow_dispatch`; raises `OutsideError` where GitHub does not."""
    github.call("POST", f"/actions/workflows/{quote(workflow, safe='')}/dispatches", {"ref": ref})


def _find(github: GitHub, marker: str, labels: tuple[str, ...]) -> Any:
    wanted = quote(",".join(labels))
    for page in range(1, 11):
        listed = to_list(github.call("GET", f"/issues?state=open&labels={wanted}&per_page=100&page={page}"))
        for one in listed:
            if "pull_request" not in one and marker in str(one.get("body") or ""):
                return one
        if len(listed) < 100:
            return None
    return None


def _told(issue: Any) -> tuple[int, str]:
    try:
        return int(issue["number"]), str(issue["html_url"])
    except (KeyError, TypeError, ValueError) as error:
        raise OutsideError("GitHub's answer is no issue", remedy="See that the address is the API's.") from error
