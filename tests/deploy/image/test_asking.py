"""The handshake with a registry of images: Debian's own with passwords, one that gives tokens; nothing is pushed."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from passwords import TOKEN, USER

from modelway.deploy.image.asking import ask_registry
from modelway.deploy.image.login import Login
from modelway.errors import OutsideError


@dataclass
class TokenRegistry:
    """Asks for a token, which the same server gives to one user. `grants` is what the token says of itself."""

    host: str = ""
    grants: list[str] | None = field(default_factory=lambda: ["pull", "push"])
    realm: str | None = None
    refusal: int = 401
    asked: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        if self.grants is None:
            return "opaque"
        claims = {"access": [{"type": "repository", "name": "octocat/loans", "actions": self.grants}]}
        return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"

    def answer(self, path: str, query: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any], str]:
        """Status, body and challenge."""
        realm = self.realm or f"http://{self.host}/token"
        challenge = f'Bearer realm="{realm}",service="images",scope="none"'
        if path == "/token":
            known = f"Basic {base64.b64encode(f'{USER}:{TOKEN}'.encode()).decode()}"
            right = query == {
                "scope": ["repository:octocat/loans:pull,push"],
                "account": query["account"],
                "service": ["images"],
            }
            if authorization != known or not right:
                return self.refusal, {"errors": [{"code": "DENIED"}]}, ""
            return 200, {"token": self.token}, ""
        if authorization != f"Bearer {self.token}":
            return 401, {"errors": [{"code": "UNAUTHORIZED"}]}, challenge
        return 404, {"errors": [{"code": "NAME_UNKNOWN" if "octocat" in path else "MANIFEST_UNKNOWN"}]}, ""


@pytest.fixture
def tokens() -> Iterator[TokenRegistry]:
    made = TokenRegistry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            made.asked.append(f"{self.command} {parts.path}")
            authorization = self.headers.get("Authorization", "")
            status, body, challenge = made.answer(parts.path, parse_qs(parts.query), authorization)
            content = json.dumps(body).encode()
            self.send_response(status)
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.host = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_a_registry_with_passwords_takes_the_right_one_alone(registry: Any) -> None:
    login = Login(registry.host, USER, TOKEN)
    seen = ask_registry(registry.host, "octocat/loans", login)
    assert (seen.way, seen.push) == ("basic", None)
    assert seen.repository is not True
    with pytest.raises(OutsideError, match="refuses the user and the token") as refused:
        ask_registry(registry.host, "octocat/loans", Login(registry.host, USER, "guessed-wrong"))
    assert "guessed-wrong" not in str(refused.value)
    with pytest.raises(OutsideError, match="asks who we are"):
        ask_registry(registry.host, "octocat/loans", None)


def test_a_registry_with_tokens_says_whether_we_may_push(tokens: TokenRegistry) -> None:
    login = Login(tokens.host, USER, TOKEN)
    seen = ask_registry(tokens.host, "octocat/loans", login)
    assert (seen.way, seen.push, seen.repository) == ("token", True, False)
    tokens.grants = ["pull"]
    assert ask_registry(tokens.host, "octocat/loans", login).push is False
    tokens.grants = None
    assert ask_registry(tokens.host, "octocat/loans", login).push is None
    assert {line.partition(" ")[0] for line in tokens.asked} == {"GET"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_refused_and_not_told(tokens: TokenRegistry, status: int) -> None:
    tokens.refusal = status
    with pytest.raises(OutsideError, match=r"refuses|denies") as refused:
        ask_registry(tokens.host, "octocat/loans", Login(tokens.host, USER, "guessed-wrong"))
    assert refused.value.exit_code == 6
    assert "guessed-wrong" not in str(refused.value)


def test_no_password_goes_out_in_clear_text(tokens: TokenRegistry) -> None:
    tokens.realm = "http://tokens.example.org/token"
    with pytest.raises(OutsideError, match="clear text"):
        ask_registry(tokens.host, "octocat/loans", Login(tokens.host, USER, TOKEN))


def test_what_does_not_answer_is_an_outside_failure() -> None:
    with pytest.raises(OutsideError, match="does not answer"):
        ask_registry("127.0.0.1:9", "loans", Login("127.0.0.1:9", USER, TOKEN))
