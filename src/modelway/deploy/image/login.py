"""Who pushes an image: a token of Amazon ECR, or a registry's user and token."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelway.deploy.aws import aws_client, missing_credentials, translated
from modelway.errors import OutsideError
from modelway.records.deploy import MissingSecret

if TYPE_CHECKING:
    from modelway.deploy.target import Place
    from modelway.records.environment import ImageOptions

USER, TOKEN = "MODELWAY_REGISTRY_USER", "MODELWAY_REGISTRY_TOKEN"
_ECR = re.compile(r"\d{12}\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws)")
_PURPOSES = {USER: "who pushes images", TOKEN: "that user's token or password"}


@dataclass(frozen=True)
class Login:
    """Who we are at a registry of images.

    Attributes:
        host: the registry, as it stands before the repository's name.
        user: who.
        token: the secret.
    """

    host: str
    user: str
    token: str = field(repr=False)


def host_of(options: ImageOptions) -> str:
    """The registry's host; Docker Hub's where the repository names none."""
    first, slash, _ = options.repository.partition("/")
    named = slash and ("." in first or ":" in first or first == "localhost")
    return first if named else "docker.io"


def missing_login(place: Place) -> tuple[MissingSecret, ...]:
    """The secrets without which no image can be pushed; asks nobody."""
    options = place.options.image
    if options is None or not options.login:
        return ()
    if _ECR.fullmatch(host_of(options)):
        return missing_credentials(place.secrets)
    return tuple(
        MissingSecret(
            name=name,
            purpose=f"{purpose}: {host_of(options)}",
            argument=f"--{name.removeprefix('MODELWAY_').lower().replace('_', '-')} env://{name}",
        )
        for name, purpose in _PURPOSES.items()
        if not place.secrets.get(name)
    )


def login_to(place: Place) -> Login | None:
    """The login of the environment's registry; None where it asks for none.

    Raises:
        OutsideError: ECR gives no token.
    """
    options = place.options.image
    if options is None or not options.login:
        return None
    host = host_of(options)
    if found := _ECR.fullmatch(host):
        return Login(host, *_ecr_token(place, found["region"]))
    return Login(host, place.secrets.get(USER, ""), place.secrets.get(TOKEN, ""))


def _ecr_token(place: Place, region: str) -> tuple[str, str]:
    """User and password for twelve hours."""
    with translated("ECR"):
        client = aws_client("ecr", place.secrets, region, None)
        answer = client.get_authorization_token()
    try:
        text = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
        user, colon, token = text.partition(":")
    except (KeyError, IndexError, binascii.Error, UnicodeDecodeError) as error:
        raise OutsideError("ECR gave no token", where=region, remedy="Try again.") from error
    if not (user and colon and token):
        raise OutsideError("ECR gave no token", where=region, remedy="Try again.")
    return user, token
