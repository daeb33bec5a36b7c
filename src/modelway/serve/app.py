"""The whole HTTP application: predictions by the shortest way, everything else by Starlette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

import modelway
from modelway.records.serving import SETTINGS_DIGEST
from modelway.serve.answers import to_json
from modelway.serve.docs_page import docs_page
from modelway.serve.events import describe_error, say
from modelway.serve.exposition import CONTENT_TYPE, expose
from modelway.serve.inference import model_metadata
from modelway.serve.openapi import openapi
from modelway.serve.protocols import INFERENCE, SCORING
from modelway.serve.rollout_page import HEADERS, read_rollout_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from modelway.records.serve import ServeOptions
    from modelway.serve.bodies import Receive, Scope, Send
    from modelway.serve.endpoint import Endpoint
    from modelway.serve.release import Release, ServedModel
    from modelway.serve.steering import Steering

_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'"
)


class Application:
    """An ASGI application.

    Args:
        options: how models are served.
        steering: which models are.
        endpoint: answers predictions.
        counts: the sum of what all workers have counted.
        settings: the digest of the serving settings that the server was given.
    """

    def __init__(
        self,
        options: ServeOptions,
        steering: Steering,
        endpoint: Endpoint,
        counts: Callable[[], dict[str, Any]],
        settings: str | None = None,
    ) -> None:
        self._settings = settings
        self._options = options
        self._steering = steering
        self._endpoint = endpoint
        self._counts = counts
        self._pages = Starlette(routes=self._routes(), exception_handlers={HTTPException: _refuse, Exception: _fail})
        # Starlette would redirect `/predict/` to wherever the request's own Host header says.
        self._pages.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            plan = self._steering.plan
            if path in {"/predict", "/invocations"}:
                await self._endpoint(scope, receive, send, plan, SCORING)
                return
            if path.startswith("/v2/models/") and path.endswith("/infer"):
                found = _find(plan.release, path.split("/")[3:-1])
                if found is not None:
                    await self._endpoint(scope, receive, send, plan, INFERENCE, found[0])
                    return
        await self._pages(scope, receive, send)

    @property
    def _release(self) -> Release:
        return self._steering.plan.release

    def _model(self, request: Request) -> ServedModel:
        named = [request.path_params["name"]]
        if "version" in request.path_params:
            named += ["versions", request.path_params["version"]]
        release = self._release
        found = _find(release, named)
        if found is None:
            raise HTTPException(404, "there is no such model")
        return release.models[found[0] or release.champion.version]

    def _routes(self) -> list[Route]:
        model = "/v2/models/{name}"
        version = f"{model}/versions/{{version}}"
        post_only = [Route(path, _no_model, methods=["POST"]) for path in (f"{model}/infer", f"{version}/infer")]
        return [
            Route("/predict", _no_model, methods=["POST"]),
            Route("/invocations", _no_model, methods=["POST"]),
            *post_only,
            Route("/ping", self._ping),
            Route("/health", self._ping),
            Route("/version", _version),
            Route("/v2", self._server),
            Route("/v2/health/live", _live),
            Route("/v2/health/ready", self._ready),
            Route(model, self._metadata),
            Route(version, self._metadata),
            Route(f"{model}/ready", self._model_ready),
            Route(f"{version}/ready", self._model_ready),
            Route("/metrics", self._metrics),
            Route("/openapi.json", self._openapi),
            Route("/docs", self._docs),
            Route("/rollout", self._rollout),
        ]

    async def _ping(self, _: Request) -> Response:
        ready = not self._endpoint.draining
        return PlainTextResponse("\n" if ready else "ending\n", 200 if ready else 503)

    async def _ready(self, _: Request) -> Response:
        ready = not self._endpoint.draining
        return _json({"ready": ready}, 200 if ready else 503)

    async def _server(self, _: Request) -> Response:
        return _json(
            {
                "name": "modelway",
                "version": modelway.__version__,
                "extensions": ["binary_tensor_data"],
                SETTINGS_DIGEST: self._settings,
            }
        )

    async def _metadata(self, request: Request) -> Response:
        return _json(model_metadata(self._model(request), list(self._release.models)))

    async def _model_ready(self, request: Request) -> Response:
        ready = not self._endpoint.draining
        return _json({"name": self._model(request).name, "ready": ready}, 200 if ready else 503)

    async def _metrics(self, _: Request) -> Response:
        return Response(expose(self._counts()), headers={"content-type": CONTENT_TYPE})

    async def _openapi(self, _: Request) -> Response:
        release, options = self._release, self._options
        return _json(openapi(release.champion, release.models, options.input, options.routing.header))

    async def _docs(self, _: Request) -> Response:
        headers = {"content-security-policy": _PAGE_POLICY, "x-content-type-options": "nosniff"}
        return HTMLResponse(docs_page(self._release.champion), headers=headers)

    async def _rollout(self, _: Request) -> Response:
        page = await run_in_threadpool(read_rollout_page, self._options.rollout_page)
        if page is None:
            raise HTTPException(404, "there is no rollout's page here: no rollout has begun, or its state is elsewhere")
        return HTMLResponse(page, headers=HEADERS)


def _find(release: Release, parts: list[str]) -> tuple[str | None] | None:
    """The version that `NAME` or `NAME/versions/VERSION` names, in a tuple: None lets the flags choose."""
    if parts[:1] != [release.champion.name]:
        return None
    if len(parts) == 1:
        return (None,)
    known = len(parts) == 3 and parts[1] == "versions" and parts[2] in release.models
    return (parts[2],) if known else None


async def _version(_: Request) -> Response:
    return PlainTextResponse(modelway.__version__)


async def _live(_: Request) -> Response:
    return _json({"live": True})


async def _no_model(_: Request) -> Response:
    raise HTTPException(404, "there is no such model")


async def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    body = {"error_code": "ENDPOINT_NOT_FOUND" if error.status_code == 404 else "BAD_REQUEST", "message": error.detail}
    return _json({**body, "error": error.detail}, error.status_code, dict(error.headers or {}))


async def _fail(_: Request, error: Exception) -> Response:
    say("page_failed", "error", **describe_error(error))
    return _json({"error_code": "INTERNAL_ERROR", "message": "the server failed; its log says why"}, 500)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(to_json(body), status, headers, media_type="application/json")
