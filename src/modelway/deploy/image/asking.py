"""Whether a registry of images takes a login: the handshake before a push, without the push.

Sources: the distribution specification (`GET /v2/`) and CNCF Distribution's "Token Authentication Specification" and
"Token Authentication Implementation" (what a token says of its rights).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from modelway.errors import OutsideError
from modelway.http import HttpClient, Response
from modelway.parsing import parse_json

if TYPE_CHECKING:
    from modelway.deploy.image.login import Login

_SECONDS = 15.0
"""For each of the four requests of a handshake."""
_HUB = "docker.io"
_HUBS_API = "registry-1.docker.io"
_PLAIN = re.compile(r"(localhost|127(\.\d+){3}|\[::1\])(:\d+)?")
_KINDS = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*"
_PARAMETER = re.compile(r'([a-z_]+)="([^"]*)"')


@dataclass(frozen=True)
class Admission:
    """What a registry showed.

    Attributes:
        way: how it asks who we are: `token`, `basic`, or `nobody`.
        push: whether its token says that we may push; None where it doesn't say.
        repository: whether the repository is there; None where the registry does not tell that from an absent tag.
    """

    way: str
    push: bool | None
    repository: bool | None


def ask_registry(host: str, name: str, login: Login | None) -> Admission:
    """Log in to a registry and look for one manifest.

    Args:
        host: the registry, as it stands before the repository's name.
        name: the repository, without the host.
        login: who we are; None where the registry asks nobody.

    Raises:
        OutsideError: it does not answer, refuses the login, or does not show the repository to it.
    """
    base = f"{'http' if _PLAIN.fullmatch(host) else 'https'}://{_HUBS_API if host == _HUB else host}"
    greeting = _get(f"{base}/v2/", {}, host)
    if greeting.status == 404:
        raise OutsideError("no registry of images answers there", where=host, remedy="Correct image.repository.")
    way, authorization, push = "nobody", "", None
    if greeting.status == 401:
        if login is None:
            raise OutsideError("the registry asks who we are", where=host, remedy="Set image.login to true.")
        challenge = greeting.headers.get("WWW-Authenticate", "")
        if challenge.lower().startswith("bearer"):
            token = _token(dict(_PARAMETER.findall(challenge)), name, login)
            way, authorization, push = "token", f"Bearer {token}", _may_push(token, name)
        else:
            way, authorization = "basic", _basic(login)
            _admitted(_get(f"{base}/v2/", {"Authorization": authorization}, host), host)
    headers = {"Accept": _KINDS} | ({"Authorization": authorization} if authorization else {})
    found = _get(f"{base}/v2/{name}/manifests/latest", headers, host)
    _admitted(found, f"{host}/{name}")
    codes = [one.get("code") for one in _told(found).get("errors") or [] if isinstance(one, dict)]
    unknown = found.status == 404 and "NAME_UNKNOWN" in codes
    return Admission(way, push, False if unknown else True if found.status == 200 else None)


def _token(challenge: dict[str, str], name: str, login: Login) -> str:
    """A token for pulling and pushing, from whom the registry names."""
    realm = challenge.get("realm", "")
    parts = urlsplit(realm)
    if parts.scheme != "https" and not _PLAIN.fullmatch(parts.netloc):
        raise OutsideError("the registry wants the password sent in clear text", where=realm, remedy="Don't use it.")
    query = {"scope": f"repository:{name}:pull,push", "account": login.user}
    if "service" in challenge:
        query["service"] = challenge["service"]
    answer = _get(f"{realm}?{urlencode(query)}", {"Authorization": _basic(login)}, parts.netloc)
    _admitted(answer, login.host)
    told = _told(answer)
    token = told.get("token") or told.get("access_token")
    if answer.status != 200 or not isinstance(token, str):
        raise OutsideError(f"no token came, but {answer.status}", where=parts.netloc, remedy="Try again.")
    return token


def _may_push(token: str, name: str) -> bool | None:
    """What a token of the usual kind says of itself; None for another kind."""
    try:
        middle = token.split(".")[1]
        claims = parse_json(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        granted = [one["actions"] for one in claims["access"] if one["name"] == name]
    except (IndexError, ValueError, KeyError, TypeError):
        return None
    return any("push" in actions or "*" in actions for actions in granted)


def _admitted(answer: Response, where: str) -> None:
    if answer.status in {401, 403}:
        what = "the registry refuses the user and the token" if answer.status == 401 else "the registry denies access"
        raise OutsideError(
            f"{what} ({answer.status})",
            where=where,
            remedy="Renew MODELWAY_REGISTRY_TOKEN, and see that it may read and write this repository; of ECR, that "
            "the role may. docs/accounts.md says how for each registry.",
        )


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(f'{login.user}:{login.token}'.encode()).decode()}"


def _get(address: str, headers: dict[str, str], where: str) -> Response:
    """Return the response; one that neither serves nor refuses raises `OutsideError`."""
    remedy = "Check the network, proxies, and that its certificate is trusted (SSL_CERT_FILE)."
    response = HttpClient("the registry", remedy=remedy, attempts=1).send(
        "GET", address, headers=headers, seconds=_SECONDS
    )
    if response.status < 300 and response.page:
        raise response.page
    if response.redirect or response.status == 429 or response.status >= 500:
        what = f"redirects to {response.redirect}" if response.redirect else f"answered {response.status}"
        raise OutsideError(f"the registry {what}", where=where, remedy="Check image.repository, or try again later.")
    return response


def _told(answer: Response) -> dict[str, Any]:
    """The body where it is a JSON object, else an empty one: refusals need not be JSON."""
    try:
        told = answer.json()
    except OutsideError:
        return {}
    return told if isinstance(told, dict) else {}
