"""The server: kmock in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, Self

import attrs
import kmock
from aiohttp import web

from kubernetes_stand_in.apply import applied
from kubernetes_stand_in.controller import Controller

PLURALS = {
    "deployments": kmock.resource("apps/v1/deployments"),
    "replicasets": kmock.resource("apps/v1/replicasets"),
    "pods": kmock.resource("v1/pods"),
    "services": kmock.resource("v1/services"),
    "horizontalpodautoscalers": kmock.resource("autoscaling/v2/horizontalpodautoscalers"),
    "poddisruptionbudgets": kmock.resource("policy/v1/poddisruptionbudgets"),
}
REVIEWS = "selfsubjectaccessreviews"


@attrs.define(kw_only=True)
class _Emulator(kmock.KubernetesEmulator):
    """With an API server's manners: who asks, and generations."""

    token: str = attrs.field(default="")
    calls: list[tuple[str, str]] = attrs.field(factory=list)
    failures: list[int] = attrs.field(factory=list)
    """Statuses that the next requests are answered with, before anything is done."""
    denied: set[tuple[str, str, str]] = attrs.field(factory=set)
    """What nobody may do: API group, resource, verb."""
    controller: Any = attrs.field(default=None)

    async def _handle(self, request: Any) -> Any:
        if request.url.path == "/api/v1/namespaces/models" or request.resource is None:
            found = request.url.path == "/api/v1/namespaces/models"
            return web.json_response({"metadata": {}}) if found else await super()._handle(request)
        plural = request.resource.plural
        self.calls.append((str(request.method.value).upper(), plural))
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("authorization") != f"Bearer {self.token}":
            return await self._render_error(kmock.KubernetesError(status=401, message="Unauthorized"))
        if self.failures:
            status = self.failures.pop(0)
            return await self._render_error(kmock.KubernetesError(status=status, message="not now"))
        if plural == REVIEWS:
            asked = request.data["spec"]["resourceAttributes"]
            allowed = (asked["group"], asked["resource"], asked["verb"]) not in self.denied
            return web.json_response({**request.data, "status": {"allowed": allowed}}, status=201)
        if headers.get("content-type") == "application/apply-patch+yaml":
            return self._apply(plural, request)
        if plural == "deployments" and request.name and request.action == kmock.action.FETCH:
            found = self.read(plural, request.name)
            if found:
                self.controller.tick(found)
        return await super()._handle(request)

    def _apply(self, plural: str, request: Any) -> Any:
        found = self.read(plural, request.name)
        wanted = json.loads(request.body)
        result = applied(found, wanted, request.params["fieldManager"])
        if not found or found.get("spec") != result.get("spec"):
            result["metadata"]["generation"] = result["metadata"].get("generation", 0) + 1
        if plural == "deployments":
            result["spec"].setdefault("replicas", 1)
        if "dryRun" not in request.params:
            self.replace(plural, request.name, result)
        return web.json_response(result, status=200 if found else 201)

    def replace(self, plural: str, name: str, content: Any) -> None:
        """Keep exactly this of an object."""
        key = (PLURALS[plural], "models", name)
        if self.read(plural, name) is None:
            self.objects[key] = content
        else:
            self.objects[key].create(content)

    def read(self, plural: str, name: str) -> Any:
        key = (PLURALS[plural], "models", name)
        if key not in self.objects:
            return None
        found = self.objects[key]
        return None if found.deleted else found.raw

    def store(self, plural: str, name: str, content: Any) -> None:
        key = (PLURALS[plural], "models", name)
        if content is None:
            self.objects[key].delete()
        elif self.read(plural, name) is None:
            self.objects[key] = content
        else:
            self.objects[key].patch(content)


class StandIn:
    """A cluster with the namespace `models`; a context manager.

    Args:
        token: whom it knows.
    """

    def __init__(self, token: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self.emulator = _Emulator(token=token)
        self.controller = Controller(self.emulator.store, self.emulator.read)
        self.emulator.controller = self.controller
        self.url = ""

    def __enter__(self) -> Self:
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve(started)), daemon=True)
        self._thread.start()
        assert started.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(30)
        self._loop.close()

    async def _serve(self, started: threading.Event) -> None:
        for resource in PLURALS.values():
            self.emulator.resources[resource] = {}
        async with self.emulator, kmock.Server(self.emulator) as server:
            self.url = str(server.url).rstrip("/")
            started.set()
            await self._ended.wait()
