"""GitHub's issues and workflow dispatches on top of the stand-in of `tests/github`."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.github import standin


class FakeGitHub(standin.FakeGitHub):
    """A repository with issues and workflows."""

    def __init__(self, repository: str, token: str) -> None:
        super().__init__(repository, token)
        self.issues: list[dict[str, Any]] = []
        self.dispatched: list[tuple[str, dict[str, Any]]] = []

    def answer(self, method: str, path: str, query: dict[str, str], content: bytes) -> tuple[int, Any]:
        rest = path.removeprefix(f"{standin.API}/repos/{self.repository}")
        told = json.loads(content) if content else {}
        if match := re.fullmatch(r"/actions/workflows/([^/]+)/dispatches", rest):
            self.dispatched.append((match[1], told))
            return 204, None
        if rest == "/issues" and method == "POST":
            number = len(self.issues) + 1
            page = f"{self.url}/{self.repository}/issues/{number}"
            self.issues.append({"number": number, "html_url": page, "state": "open", **told})
            return 201, self.issues[-1]
        if rest == "/issues":
            wanted = set(query["labels"].split(","))
            return 200, [one for one in self.issues if one["state"] == "open" and wanted <= set(one["labels"])]
        if match := re.fullmatch(r"/issues/(\d+)", rest):
            self.issues[int(match[1]) - 1] |= told
            return 200, self.issues[int(match[1]) - 1]
        return super().answer(method, path, query, content)
