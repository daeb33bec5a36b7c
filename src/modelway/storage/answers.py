"""Clients of botocore that heed deadlines and refuse answers that are not AWS's: pages of a portal or a proxy, say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from modelway.errors import OutsideError
from modelway.parsing import parse_json
from modelway.transport import bound_botocore
from modelway.waiting import current, deadline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST_PAUSE = 8.0
"""Seconds that botocore waits at most before it tries again, in the four or five attempts that our clients make."""
_ROOTS = {
    "ListObjectsV2": "ListBucketResult",
    "DeleteObjects": "DeleteResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
}
"""What S3's answers are called (API reference, "Response Syntax" of each operation)."""
_TAGGED = {"GetObject", "HeadObject", "PutObject", "UploadPart"}
_ROOT = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>|<!--.*?-->|\s)*<(?:[\w.-]+:)?([\w.-]+)[\s/>]", re.S)


class TornAnswerError(Exception):
    """An answer ended before its length; the call may be made again."""


class ForeignAnswerError(OutsideError):
    """Something answered that is not the service, so what was asked for may or may not have happened."""


def make_client(make: Callable[[], Any], where: str) -> Any:
    """Return a client that heeds the current deadline, and whose answers are checked.

    Args:
        make: makes it; it looks for credentials: in files, by a program, or by asking the machine's metadata service.
        where: what is asked for, as an error names it.

    Raises:
        OverdueError: the source of credentials does not answer.
    """
    bound_botocore()
    with deadline(where, peer="the source of AWS's credentials", part=1.0) as bound:
        client = bound.run(make)
    events = client.meta.events
    events.register("before-send", _check_time)
    events.register("needs-retry", _check_time_to_try_again)
    events.register("before-parse", _check_answer)
    return client


def _check_time(request: Any, **_: Any) -> None:
    if (wait := current()) is not None:
        wait.peer = wait.peer or urlsplit(request.url).netloc
        wait.check()


def _check_time_to_try_again(response: Any = None, caught_exception: Any = None, **_: Any) -> None:
    """Don't begin a pause that is longer than the time that is left."""
    failed = caught_exception is not None or (response is not None and response[0].status_code >= 429)
    if failed and (wait := current()) is not None and wait.left < min(_LONGEST_PAUSE, wait.seconds / 8):
        raise wait.error()


def _check_answer(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    status, headers, body = response_dict["status_code"], response_dict["headers"], response_dict["body"]
    if operation_model.http["method"] == "HEAD":
        body = b""
    whole = isinstance(body, bytes)
    length = headers.get("content-length", "")
    if whole and operation_model.http["method"] != "HEAD" and length.isdigit() and len(body) < int(length):
        raise TornAnswerError(f"{len(body)} bytes came of {length}")
    if status >= 500:
        return  # botocore tries again
    if operation_model.service_model.service_name == "s3":
        _check_s3(operation_model.name, status, headers, body)
    elif operation_model.service_model.resolved_protocol == "json":
        _check_json(operation_model, status, headers, body)
    elif _root(body) in {"", "html"}:
        raise _foreign(headers, body)


def _check_s3(operation: str, status: int, headers: Mapping[str, str], body: Any) -> None:
    if 300 <= status < 400 and status != 304 and "x-amz-bucket-region" not in headers:
        # botocore would look for the bucket's region by calls that are redirected in turn, without end.
        raise _foreign(headers, body, f"it redirects to {headers.get('location', 'nowhere')}")
    if status >= 300:
        if body and isinstance(body, bytes) and _root(body) != "Error":
            raise _foreign(headers, body)
    elif operation in _TAGGED:
        if "etag" not in headers:
            raise _foreign(headers, body)
    elif (wanted := _ROOTS.get(operation)) is not None and (
        _root(body) != wanted or (wanted == "ListBucketResult" and b"IsTruncated>" not in body)
    ):
        raise _foreign(headers, body)


def _check_json(operation_model: Any, status: int, headers: Mapping[str, str], body: bytes) -> None:
    try:
        found = parse_json(body or b"{}")
    except ValueError:
        found = None
    shape = operation_model.output_shape
    members = set(shape.members) if shape is not None and status < 300 else set()
    if not isinstance(found, dict) or (members and not members & found.keys()):
        raise _foreign(headers, body)


def _root(body: bytes) -> str:
    found = _ROOT.match(body) if isinstance(body, bytes) else None
    return "" if found is None else found[1].decode("ascii", "replace")


def _foreign(headers: Mapping[str, str], body: Any, what: str | None = None) -> ForeignAnswerError:
    wait = current()
    kind = headers.get("content-type", "").partition(";")[0].strip()
    came = f"<{root}>" if (root := _root(body)) else f"content of type {kind}" if kind and body else "no content"
    return ForeignAnswerError(
        f"{wait.peer if wait and wait.peer else 'the server'} does not answer as the service does: "
        f"{what or f'it sent {came}'}",
        where=wait.where if wait else None,
        remedy="Check the endpoint's address, and whether a proxy or a login page stands in between.",
    )
