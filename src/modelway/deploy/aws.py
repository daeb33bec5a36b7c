"""Clients of AWS: who we are, what is tried again, and boto3's errors in our words."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from modelway.errors import ModelwayError, OutsideError, RefusedError, UsageError
from modelway.records.deploy import MissingSecret
from modelway.storage.answers import make_client
from modelway.storage.calls import boto_errors, code_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

KEY, SECRET, TOKEN, PROFILE = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"
_ROLES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_REFUSED = frozenset({
    "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId",
    "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
})  # fmt: skip
_ABSENT = frozenset({"ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException"})
_REJECTED = frozenset({
    "ClientException", "InvalidParameterException", "InvalidParameterValue", "ValidationException", "ValidationError",
    "UnsupportedFeatureException", "PlatformUnknownException", "PlatformTaskDefinitionIncompatibilityException",
    "NamespaceNotFoundException", "LimitExceededException", "AttributeLimitExceededException", "BlockedException",
})  # fmt: skip
"""Answers that the same request gets again; https://docs.aws.amazon.com/AmazonECS/latest/APIReference/CommonErrors.html."""
_CREDENTIALS = (
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY anew (and AWS_SESSION_TOKEN), then run it again: it goes on."
)


def missing_credentials(secrets: Mapping[str, str]) -> tuple[MissingSecret, ...]:
    """The secrets without which nobody can be anybody at AWS; asks nobody outside."""
    if secrets.get(PROFILE) or any(secrets.get(name) for name in _ROLES):
        return ()
    absent = [name for name in (KEY, SECRET) if not secrets.get(name)]
    if len(absent) == 2 and _has_profile():
        return ()
    purposes = {KEY: "who we are at AWS", SECRET: "proves who we are at AWS"}
    return tuple(
        MissingSecret(name=name, purpose=purposes[name], argument=f"--{name.lower().replace('_', '-')} env://{name}")
        for name in absent
    )


def aws_client(service: str, secrets: Mapping[str, str], region: str | None, endpoint_url: str | None) -> Any:
    """A client of one of AWS's services, safe to share between threads.

    Raises:
        UsageError: boto3 is not installed, or region, profile or endpoint are none.
    """
    who = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "aws_session_token": TOKEN}
    given = {argument: secrets[name] for argument, name in who.items() if secrets.get(name)}
    if not given and secrets.get(PROFILE):
        given = {"profile_name": secrets[PROFILE]}
    where = region or secrets.get("AWS_REGION") or secrets.get("AWS_DEFAULT_REGION") or None
    return _client(service, where, endpoint_url, tuple(given.items()))


@lru_cache(maxsize=8)
def _client(service: str, region: str | None, endpoint_url: str | None, who: tuple[tuple[str, str], ...]) -> Any:
    """Making one takes up to a second."""
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        raise UsageError("AWS needs boto3", remedy="pip install 'modelway[data]'") from error
    retries: Any = {"mode": "standard", "max_attempts": 5}
    config = Config(retries=retries, connect_timeout=10, read_timeout=60)
    given: Any = dict(who)

    def make() -> Any:
        session: Any = boto3.session.Session(region_name=region, **given)
        return session.client(service, endpoint_url=endpoint_url, config=config)

    try:
        return make_client(make, service)
    except (ValueError, BotoCoreError) as error:
        raise UsageError(
            str(error).rstrip("."), where=service, remedy="Set the target's region, or AWS_REGION and AWS_PROFILE."
        ) from error


def translated(where: str) -> AbstractContextManager[None]:
    """Bound what is done within, and turn boto3's errors into ours."""
    return boto_errors(where, _refusal, _failure, "the target's endpoint_url")


def _refusal(error: Any, where: str) -> ModelwayError:
    code, message = code_of(error), error.response.get("Error", {}).get("Message", "")
    if code in _REFUSED:
        return RefusedError(f"AWS refuses the credentials ({code})", where=where, remedy=_CREDENTIALS)
    if code in {"AccessDeniedException", "AccessDenied"}:
        return RefusedError(
            f"the credentials may not call {error.operation_name}: {message}",
            where=where,
            remedy="docs/aws-permissions.md has the policy that a deploy needs.",
        )
    if code in _ABSENT:
        return UsageError(
            f"there is no such cluster or service ({code})",
            where=where,
            remedy="Correct the target's cluster, service and region; a deploy creates neither.",
        )
    what = f"AWS answered {error.operation_name} with {code}: {message}"
    if code in _REJECTED:
        remedy = "Correct what AWS names here; the same request would be rejected again."
        return RefusedError(what, where=where, remedy=remedy)
    return OutsideError(what, where=where, remedy="Try again.")


def _failure(error: Exception, where: str) -> ModelwayError:
    from botocore import exceptions

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return UsageError("there are no credentials for AWS", where=where, remedy=_CREDENTIALS)
    if isinstance(error, exceptions.ParamValidationError):
        return UsageError(str(error), where=where, remedy="Correct the target's settings.")
    return OutsideError(
        f"AWS can't be reached: {error}", where=where, remedy="Check the network and the target's endpoint_url."
    )


def _has_profile() -> bool:
    """Whether AWS's own files know a default profile; they are read by boto3 itself, later."""
    try:
        import botocore.session
    except ImportError:
        return False
    return "default" in botocore.session.get_session().available_profiles
