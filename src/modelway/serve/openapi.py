"""The OpenAPI document (3.1) of a served model, made from its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import modelway
from modelway.serve.schemas import ref, schemas

if TYPE_CHECKING:
    from collections.abc import Iterable

    from modelway.records.serve import InputOptions
    from modelway.serve.release import ServedModel

_HEADERS = {
    "x-prediction-id": "The prediction's id in the log; row N of several has `-N` behind it.",
    "x-request-id": "The request's id: the caller's own, or the prediction's.",
    "x-model-variant": "champion or challenger.",
    "x-model-version": "The version that answered.",
    "x-share-epoch": "The name of the shares by which the request was routed.",
}


def openapi(
    model: ServedModel, versions: Iterable[str], options: InputOptions, routing_header: str | None
) -> dict[str, Any]:
    """The document.

    Args:
        model: the champion.
        versions: all versions that a request may name.
        options: what a request may hold.
        routing_header: the header with the routing key, if there is one.
    """
    paths = _common(model, routing_header)
    for version in versions:
        paths |= _named(model, f"/versions/{version}", f"_{version}", routing_header)
    return {
        "openapi": "3.1.0",
        "info": {"title": model.name, "version": model.version, "summary": f"Predictions of the model {model.name}"},
        "paths": paths,
        "components": {"schemas": schemas(model, options)},
        "x-modelway": modelway.__version__,
    }


def _common(model: ServedModel, routing_header: str | None) -> dict[str, Any]:
    not_ready = {"503": _failure("Not ready.")}
    return {
        "/predict": {"post": _scoring("predict", model, routing_header)},
        "/invocations": {"post": _scoring("invocations", model, routing_header)},
        **_named(model, "", "", routing_header),
        "/v2": {"get": _get("server", "The server.")},
        "/v2/health/live": {"get": _get("live", "Whether the server lives.")},
        "/v2/health/ready": {"get": _get("ready", "Whether the server is ready.", not_ready)},
        "/ping": {"get": _get("ping", "MLflow's health check.", not_ready, "text/plain")},
        "/health": {"get": _get("health", "The same.", not_ready, "text/plain")},
        "/version": {"get": _get("version", "modelway's version.", media="text/plain")},
        "/metrics": {"get": _get("metrics", "Metrics for Prometheus.", media="text/plain")},
    }


def _named(model: ServedModel, version: str, suffix: str, routing_header: str | None) -> dict[str, Any]:
    """The paths of the Open Inference Protocol that name the model, and a version of it where `version` is a path."""
    path = f"/v2/models/{quote(model.name, safe='')}{version}"
    not_ready = {"503": _failure("Not ready.")}
    return {
        path: {"get": _get(f"model{suffix}", "The model's tensors.")},
        f"{path}/ready": {"get": _get(f"model_ready{suffix}", "Whether the model is ready.", not_ready)},
        f"{path}/infer": {"post": _infer(f"infer{suffix}", model, None if version else routing_header)},
    }


def _scoring(operation: str, model: ServedModel, routing_header: str | None) -> dict[str, Any]:
    question: dict[str, Any] = {"schema": ref("Question")}
    if model.example is not None:
        question["example"] = model.example
    content = {"application/json": question, "text/csv": {"schema": {"type": "string"}}}
    return {
        "operationId": operation,
        "summary": "Predict, by MLflow's scoring protocol.",
        "parameters": _parameters(routing_header),
        "requestBody": {"required": True, "content": content},
        "responses": _responses("Answer", "Refusal"),
    }


def _infer(operation: str, model: ServedModel, routing_header: str | None) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": f"Predict with {model.name}, by the Open Inference Protocol, version 2.",
        "parameters": _parameters(routing_header),
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("InferenceQuestion")}},
        },
        "responses": _responses("InferenceAnswer", "InferenceRefusal"),
    }


def _parameters(routing_header: str | None) -> list[dict[str, Any]]:
    texts = {"x-request-id": "An id of the caller's, that the response and the logs repeat."}
    if routing_header:
        texts[routing_header] = "The routing key: requests with one key are answered by one version."
    return [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in texts.items()
    ]


def _responses(answer: str, refusal: str) -> dict[str, Any]:
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()}
    texts = {
        "400": "The body can't be read.",
        "408": "The body took too long.",
        "413": "The body, or its number of rows, is too large.",
        "415": "The content type is not known.",
        "422": "The body does not fit the model's signature.",
        "429": "Too many requests are waiting.",
        "500": "The model failed.",
    }
    found: dict[str, Any] = {
        "200": {
            "description": "The predictions.",
            "headers": headers,
            "content": {"application/json": {"schema": ref(answer)}},
        }
    }
    return found | {status: _failure(text, refusal) for status, text in texts.items()}


def _failure(text: str, refusal: str | None = None) -> dict[str, Any]:
    if refusal is None:
        return {"description": text}
    return {"description": text, "content": {"application/json": {"schema": ref(refusal)}}}


def _get(
    operation: str, text: str, more: dict[str, Any] | None = None, media: str = "application/json"
) -> dict[str, Any]:
    """An operation without a body."""
    schema = {"type": "string"} if media == "text/plain" else {"type": "object"}
    responses = {"200": {"description": text, "content": {media: {"schema": schema}}}, **(more or {})}
    return {"operationId": operation, "summary": text, "responses": responses}
