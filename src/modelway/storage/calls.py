"""A call of S3: its deadline, what is tried again, and boto3's errors in our words."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from modelway.errors import InputError, ModelwayError, OutsideError, UsageError
from modelway.storage.answers import TornAnswerError
from modelway.waiting import OverdueError, current, deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_T = TypeVar("_T")
_ATTEMPTS = 4
_FIRST_PAUSE = 0.2
_MISSING = {"404", "NoSuchKey", "NoSuchBucket", "NotFound"}
_DENIED = {"401", "403", "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem"}
_BAD_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
}
_ELSEWHERE = {"301", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
CHANGED = {"412", "409", "PreconditionFailed", "ConditionalRequestConflict"}
"""Codes of a write that others were faster than."""
_THROTTLED = ("SlowDown", "Throttling", "RequestLimitExceeded", "503")
_CREDENTIALS = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role."


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Bound what is done within, and turn boto3's errors of S3 into ours."""
    try:
        import botocore.exceptions  # noqa: F401 - only to see that it is installed
    except ImportError as error:
        raise UsageError("s3:// needs boto3", remedy="pip install 'modelway[train]'") from error
    with boto_errors(where, refusal, failure, "the settings' s3.endpoint_url"):
        yield


@contextmanager
def boto_errors(
    where: str,
    refusal: Callable[[Any, str], ModelwayError],
    failure: Callable[[Exception, str], ModelwayError],
    endpoint: str,
) -> Iterator[None]:
    """Bound what is done within, and turn boto3's errors into ours.

    Args:
        where: what is asked for, as an error names it.
        refusal: the error for what the service answered.
        failure: the error for what happened before an answer came.
        endpoint: the setting that names the service's address.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    with deadline(where) as bound:
        try:
            yield
        except ClientError as error:
            raise refusal(error, where) from error
        except BotoCoreError as error:
            raise (failure(error, where) if bound.left else bound.error()) from error
        except (ResponseParserError, TornAnswerError) as error:
            raise OutsideError(
                f"{bound.peer} sent an answer that can't be read: {str(error)[:200]}",
                where=where,
                remedy=f"Check {endpoint}, and whether a proxy stands in between.",
            ) from error


def whole(
    action: Callable[[], _T], where: str, what: str, attempts: int = _ATTEMPTS, pause: float = _FIRST_PAUSE
) -> _T:
    """Do something until it is whole, at most `attempts` times, within one deadline.

    boto3 itself tries requests again, but not what breaks within an answer.

    Raises:
        OutsideError: S3 fails, or what comes or goes stays torn.
    """
    from botocore import exceptions

    torn = (
        exceptions.ConnectionClosedError,
        exceptions.FlexibleChecksumError,
        exceptions.IncompleteReadError,
        exceptions.ReadTimeoutError,
        exceptions.ResponseStreamingError,
        TornAnswerError,
    )
    with deadline(where) as bound:
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                with translated(where):
                    try:
                        return action()
                    except torn as error:
                        bound.check()
                        if last:
                            raise OutsideError(
                                f"{what} from {bound.peer} stays torn: {error}", where=where, remedy="Try again later."
                            ) from error
            except OutsideError as error:
                if last or isinstance(error, OverdueError) or not any(code in error.what for code in _THROTTLED):
                    raise
            time.sleep(min(pause * 2**attempt, bound.left))
    raise AssertionError  # the loop returns or raises


def code_of(error: Any) -> str:
    """The code of an answer that refuses."""
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(error: Any, where: str) -> ModelwayError:
    """The error for what the server answered."""
    code = code_of(error)
    if code in _MISSING:
        missing = "bucket" if code == "NoSuchBucket" else "object"
        return InputError(f"there is no such {missing}", where=where, remedy="Check the address and s3.endpoint_url.")
    if code in _DENIED:
        return OutsideError("access denied", where=where, remedy="Check the rights of the credentials on the bucket.")
    if code in _BAD_CREDENTIALS:
        return OutsideError(f"the credentials are refused ({code})", where=where, remedy=_CREDENTIALS)
    if code in _ELSEWHERE:
        return OutsideError("the bucket lies in another region", where=where, remedy="Set s3.region to the bucket's.")
    if code in CHANGED:
        return OutsideError("the object changed while it was read", where=where, remedy="Try again.")
    message = error.response.get("Error", {}).get("Message", "")
    bound = current()
    peer = f" at {bound.peer}" if bound is not None and bound.peer else ""
    return OutsideError(f"S3{peer} answered {code}: {message}", where=where, remedy="Try again later.")


def failure(error: Exception, where: str) -> ModelwayError:
    """The error for what happened before an answer came."""
    from botocore import exceptions

    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return UsageError("there are no credentials for S3", where=where, remedy=_CREDENTIALS)
    if isinstance(error, exceptions.ProfileNotFound | exceptions.NoRegionError):
        return UsageError(str(error).rstrip("."), where=where, remedy="Correct AWS_PROFILE or s3.region.")
    if isinstance(error, exceptions.ParamValidationError):
        return InputError("this is no address of an S3 object", where=where, remedy="Write s3://bucket/key.")
    return OutsideError(
        f"S3 can't be reached: {error}",
        where=where,
        remedy="Check the network and the settings' s3.endpoint_url and s3.path_style.",
    )
