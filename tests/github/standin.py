"""Plays GitHub's release API, as its REST reference documents it, on loopback; and fails when it is told to.

It runs alone too: `python tests/github/standin.py PORT OWNER/NAME TOKEN`, with the API at http://HOST:PORT/api/v3.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

API = "/api/v3"
UPLOADS = "/api/uploads"


@dataclass
class Fault:
    """What goes wrong with the next request that fits.

    `kind` is a status (sent instead of doing anything), "drop" (the connection ends, nothing is done), "lost" (done,
    but the connection ends), "failed" (done, but the answer is a 502), "starter" (an upload that leaves an empty file
    and a 502), or "torn" (an upload that arrives with other bytes).
    """

    method: str
    path: str
    kind: int | str
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=lambda: {"message": "Server Error"})
    times: int = 1


class DropError(Exception):
    """End the connection without an answer."""


@dataclass
class FakeGitHub:
    """The state of one repository, and what was asked of it."""

    repository: str
    token: str
    digests: bool = True
    """Whether the server tells the digests of files; those of some years ago do not."""
    commits: set[str] | None = None
    """The commits that were pushed; any will do when None."""
    url: str = ""
    releases: dict[int, dict[str, Any]] = field(default_factory=dict)
    contents: dict[int, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    _last: int = 0

    def number(self) -> int:
        self._last += 1
        return self._last

    def assets(self, tag: str) -> dict[str, bytes]:
        """The files of the one release of a tag, by name."""
        (release,) = [release for release in self.releases.values() if release["tag_name"] == tag]
        return {asset["name"]: self.contents[asset["id"]] for asset in release["assets"]}

    def fault(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and re.fullmatch(fault.path, path) and fault.times:
                fault.times -= 1
                return fault
        return None

    # What each address does; gives status and body.

    def answer(self, method: str, path: str, query: dict[str, str], content: bytes) -> tuple[int, Any]:
        prefix = UPLOADS if path.startswith(UPLOADS) else API
        own = f"{prefix}/repos/{self.repository}/releases"
        if not path.startswith(own):
            return 404, {"message": "Not Found"}
        rest = path.removeprefix(own)
        if prefix == UPLOADS:
            return self.upload(int(rest.split("/")[1]), query, content)
        if match := re.fullmatch(r"/tags/(.+)", rest):
            return self.published(match[1])
        if match := re.fullmatch(r"/assets/(\d+)", rest):
            return self.delete_asset(int(match[1]))
        if match := re.fullmatch(r"/(\d+)", rest):
            return self.one(method, int(match[1]), content)
        return self.create(json.loads(content)) if method == "POST" else self.listing(query)

    def listing(self, query: dict[str, str]) -> tuple[int, Any]:
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        newest = sorted(self.releases.values(), key=lambda one: -one["id"])
        return 200, newest[(page - 1) * size : page * size]

    def published(self, tag: str) -> tuple[int, Any]:
        found = [one for one in self.releases.values() if one["tag_name"] == tag and not one["draft"]]
        return (200, found[0]) if found else (404, {"message": "Not Found"})

    def create(self, told: dict[str, Any]) -> tuple[int, Any]:
        if not told.get("draft") and self.is_published(told["tag_name"]):
            return invalid("Release", "tag_name", "already_exists")
        number = self.number()
        where = f"{self.url}{API}/repos/{self.repository}/releases/{number}"
        uploads = f"{self.url}{UPLOADS}/repos/{self.repository}/releases/{number}/assets{{?name,label}}"
        self.releases[number] = {
            "id": number,
            "url": where,
            "html_url": f"{self.url}/{self.repository}/releases/tag/untagged-{number}",
            "upload_url": uploads,
            "tag_name": told["tag_name"],
            "target_commitish": told.get("target_commitish", "main"),
            "name": told.get("name"),
            "body": told.get("body"),
            "draft": told.get("draft", False),
            "prerelease": False,
            "immutable": False,
            "assets": [],
        }
        return 201, self.releases[number]

    def one(self, method: str, number: int, content: bytes) -> tuple[int, Any]:
        if number not in self.releases:
            return 404, {"message": "Not Found"}
        release = self.releases[number]
        if method == "DELETE":
            del self.releases[number]
            return 204, None
        if method == "PATCH":
            told = json.loads(content)
            commit = told.get("target_commitish", release["target_commitish"])
            if release["draft"] and told.get("draft") is False:
                if self.is_published(release["tag_name"]):
                    return invalid("Release", "tag_name", "already_exists")
                if self.commits is not None and commit not in self.commits:
                    return invalid("Release", "target_commitish", "invalid")
                self.tags.setdefault(release["tag_name"], commit)
                release["html_url"] = f"{self.url}/{self.repository}/releases/tag/{release['tag_name']}"
            release |= {key: told[key] for key in ("name", "body", "draft", "target_commitish") if key in told}
        return 200, release

    def upload(self, number: int, query: dict[str, str], content: bytes) -> tuple[int, Any]:
        release = self.releases.get(number)
        if release is None:
            return 404, {"message": "Not Found"}
        if release["immutable"]:
            return 422, {"message": "Cannot upload assets to an immutable release."}
        if any(asset["name"] == query["name"] for asset in release["assets"]):
            return invalid("ReleaseAsset", "name", "already_exists")
        release["assets"].append(self.asset(query["name"], content, "uploaded"))
        return 201, release["assets"][-1]

    def asset(self, name: str, content: bytes, state: str) -> dict[str, Any]:
        number = self.number()
        self.contents[number] = content
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        asset = {"id": number, "name": name, "label": "", "state": state, "size": len(content), "download_count": 0}
        return asset | ({"digest": digest if state == "uploaded" else None} if self.digests else {})

    def delete_asset(self, number: int) -> tuple[int, Any]:
        for release in self.releases.values():
            for asset in release["assets"]:
                if asset["id"] == number:
                    release["assets"].remove(asset)
                    return 204, None
        return 404, {"message": "Not Found"}

    def is_published(self, tag: str) -> bool:
        return any(one["tag_name"] == tag and not one["draft"] for one in self.releases.values())

    def leave_starter(self, path: str, query: dict[str, str]) -> None:
        release = self.releases[int(path.split("/")[-2])]
        release["assets"].append(self.asset(query["name"], b"", "starter"))


def invalid(resource: str, name: str, code: str) -> tuple[int, Any]:
    errors = [{"resource": resource, "code": code, "field": name}]
    return 422, {"message": "Validation Failed", "errors": errors, "documentation_url": "https://docs.github.com/rest"}


class Handler(BaseHTTPRequestHandler):
    github: FakeGitHub
    lock: threading.Lock

    def do(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with self.lock:
            self.github.asked.append((self.command, parts.path))
            self.github.headers.append(dict(self.headers))
            try:
                status, body, headers = self.outcome(parts.path, query, content)
            except DropError:
                self.close_connection = True
                return
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (
            {"Content-Type": "application/json", "Content-Length": str(len(payload))} | headers
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PATCH = do_DELETE = do  # noqa: N815 - http.server's names

    def outcome(self, path: str, query: dict[str, str], content: bytes) -> tuple[int, Any, dict[str, str]]:
        github = self.github
        fault = github.fault(self.command, path)
        if fault and isinstance(fault.kind, int):
            return fault.kind, fault.body, fault.headers
        if fault and fault.kind == "drop":
            raise DropError
        if self.headers.get("Authorization") != f"Bearer {github.token}":
            return 401, {"message": "Bad credentials"}, {}
        if fault and fault.kind == "starter":
            github.leave_starter(path, query)
            return 502, {"message": "Server Error"}, {}
        status, body = github.answer(self.command, path, query, b"torn" if fault and fault.kind == "torn" else content)
        if fault and fault.kind == "lost":
            raise DropError
        if fault and fault.kind == "failed":
            return 502, {"message": "Server Error"}, {}
        return status, body, {}

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def serve(github: FakeGitHub, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """A server that is ready to run; the state's `url` is set to its address."""
    handler = type("Bound", (Handler,), {"github": github, "lock": threading.Lock()})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    github.url = f"http://{host}:{server.server_port}"
    return server


def main(port: str, repository: str, token: str, known_as: str) -> None:
    """Serve on loopback; answers name the server as whoever asks, in a container, knows it."""
    github = FakeGitHub(repository, token)
    server = serve(github, port=int(port))
    github.url = f"http://{known_as}:{port}"
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
