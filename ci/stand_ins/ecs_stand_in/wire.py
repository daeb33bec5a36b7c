"""ECS's protocol: JSON 1.1 over HTTP, each request and each answer held to botocore's service model."""

from __future__ import annotations

import json
import re
import threading
import uuid
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import botocore.session
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from ecs_stand_in.cluster import Cluster
from ecs_stand_in.faults import Fault, Faults
from ecs_stand_in.operations import Operations
from ecs_stand_in.things import RefusedError

_COMMON = frozenset(
    {"ThrottlingException", "ExpiredTokenException", "AccessDeniedException", "UnrecognizedClientException"}
)
"""Errors that any operation of AWS may answer with."""
_REFUSALS = {
    "throttled": ("ThrottlingException", "Rate exceeded", 400),
    "expired": ("ExpiredTokenException", "The security token included in the request is expired", 400),
    "failed": ("ServerException", "Service Unavailable. Please try again later.", 500),
}
_SCOPE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/([^/]+)/ecs/aws4_request, SignedHeaders=[^,]+, Signature=\w+"
)


class ModelError(AssertionError):
    """The stand-in itself is wrong: a request or an answer that ECS does not have."""


@lru_cache(maxsize=1)
def service_model() -> ServiceModel:
    """What botocore knows of ECS."""
    return botocore.session.get_session().get_service_model("ecs")


def check(shape: Shape, value: Any, where: str) -> None:
    """Hold a value to its shape: names, types, what is required, and the words of enumerations."""
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        raise ModelError(f"{where}: {report.generate_report()}")
    _check_words(shape, value, where)


def _check_words(shape: Shape, value: Any, where: str) -> None:
    if shape.type_name == "structure":
        for name, member in value.items():
            _check_words(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        for member in value:
            _check_words(shape.member, member, where)
    elif shape.type_name == "string" and getattr(shape, "enum", None) and value not in shape.enum:
        raise ModelError(f"{where}: {value!r} is none of {shape.enum}")


class StandIn:
    """The server; a context manager. `url` is where it answers.

    Args:
        cluster: what it tells of.
        key: the access key that it knows; None for any.
        port: 0 for any that is free.
    """

    def __init__(self, cluster: Cluster, key: str | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self.cluster = cluster
        self.faults = Faults()
        self.wrong: list[str] = []
        """What did not fit the service model."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body go in two writes

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                operation = self.headers.get("x-amz-target", "").partition(".")[2]
                status, answer = stand_in.answer(operation, body, self.headers.get("authorization", ""), key)
                self._send(status, answer)

            def do_GET(self) -> None:
                """Who serves, for people and rehearsals."""
                told = {name: cluster.serving(name) for name in cluster.services}
                self._send(200, told)

            def _send(self, status: int, answer: Any) -> None:
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/x-amz-json-1.1")
                self.send_header("content-length", str(len(content)))
                self.send_header("x-amzn-requestid", str(uuid.uuid4()))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve_forever(self) -> None:
        """Serve in this thread."""
        self._server.serve_forever()

    def answer(self, operation: str, body: bytes, authorization: str, key: str | None) -> tuple[int, Any]:
        """Status and JSON for a request."""
        fault = self.faults.next(operation)
        try:
            self._admit(authorization, key, fault)
            answer = self._do(operation, json.loads(body))
        except RefusedError as error:
            return self._refuse(operation, error)
        except ModelError as error:
            self.wrong.append(str(error))
            return 400, {"__type": "InvalidParameterException", "message": str(error)}
        if fault is not None:
            return self._refuse(operation, RefusedError("ServerException", "The answer was lost.", 500))
        return 200, answer

    def _admit(self, authorization: str, key: str | None, fault: Fault | None) -> None:
        """Refuse who is unknown, and whom a fault meets before anything is done."""
        who = _SCOPE.match(authorization)
        if who is None or (key is not None and who[1] != key):
            raise RefusedError("UnrecognizedClientException", "The security token included in the request is invalid.")
        if fault is not None and fault.kind in _REFUSALS:
            raise RefusedError(*_REFUSALS[fault.kind])

    def _do(self, operation: str, asked: Any) -> Any:
        model = service_model().operation_model(operation)
        check(model.input_shape, asked, operation)
        method = re.sub(r"(?<!^)([A-Z])", r"_\1", operation).lower()
        self.cluster.advance(looked=operation == "DescribeServices")
        with self.cluster.lock:
            answer = getattr(Operations(self.cluster), method)(asked)
            answer = json.loads(json.dumps(answer))
        check(model.output_shape, answer, operation)
        return answer

    def _refuse(self, operation: str, error: RefusedError) -> tuple[int, Any]:
        known = {one.name for one in service_model().operation_model(operation).error_shapes}
        if error.kind not in known | _COMMON:
            self.wrong.append(f"{operation} does not answer with {error.kind}")
        return error.status, {"__type": error.kind, "message": str(error)}
