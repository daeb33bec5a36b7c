"""The server: kmock in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Self

import attrs
import kmock
from aiohttp import web

from kubernetes_stand_in.controller import Controller

PLURALS = {
    "deployments": kmock.resource("apps/v1/deployments"),
    "replicasets": kmock.resource("apps/v1/replicasets"),
    "pods": kmock.resource("v1/pods"),
    "services": kmock.resource("v1/services"),
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
        if request.resource is None:
            return await super()._handle(request)
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
        if plural == "deployments" and request.name:
            found = self.read(plural, request.name)
            if request.action == kmock.action.UPDATE and found and "spec" in request.data:
                generation = found["metadata"].get("generation", 1) + 1
                request.data.setdefault("metadata", {})["generation"] = generation
            if request.action == kmock.action.FETCH and found:
                self.controller.tick(found)
        return await super()._handle(request)

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
