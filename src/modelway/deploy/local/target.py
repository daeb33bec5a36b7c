"""The local target: plans a start, a reload or a stop, and does it."""

from __future__ import annotations

import hashlib
import json
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.atomic import open_private
from modelway.deploy.local.admin import ask, reload
from modelway.deploy.local.files import (
    KEEPER,
    LOG,
    READY,
    SERVER,
    SETTINGS,
    TOKEN,
    WANTED,
    WATCHED,
    Files,
    last_words,
)
from modelway.errors import OutsideError
from modelway.records.deploy import BundleRef, Live, LiveState, MissingSecret, Release, Step
from modelway.records.environment import LocalOptions
from modelway.records.serve import SMOKE_DIGEST
from modelway.records.trust import join_names

if TYPE_CHECKING:
    from modelway.deploy.target import Place

_HOPELESS = frozenset({1, 2, 3})
"""Exit codes of a server that will end in the same way again."""
_MANY = 3
"""A server that ended so often before it ever answered has failed."""
_STOP_SECONDS = 120.0
_KEEPER, _GONE = "keeper", "gone"


class LocalTarget:
    """Runs a server on this machine.

    Args:
        place: what it runs, and where it keeps its files.
    """

    def __init__(self, place: Place) -> None:
        if not isinstance(place.options.target, LocalOptions):
            raise TypeError(place.options.target)
        self._place = place
        self._options = place.options.target
        self._files = Files(place.state / "local")

    def missing(self) -> tuple[MissingSecret, ...]:
        """None: there is no account."""
        return ()

    def inspect(self) -> Live:
        """What runs, from the processes that are written down and what the server itself says."""
        keeper, server = self._files.process(KEEPER), self._files.process(SERVER)
        wanted, ready = self._files.read(WANTED), self._files.read(READY)
        if (keeper is None and server is None) or not wanted:
            return Live(state=LiveState.ABSENT)
        told = ask(ready["admin_url"], self._token()) if ready.get("admin_url") else None
        live = Live(
            state=LiveState.CHANGING,
            release=self._name(wanted),
            revision=self._name(wanted),
            configuration=wanted.get("configuration"),
            applied=({"settings": self._files.read(SETTINGS), **wanted},),
            wanted=int(ready.get("workers", 0)) or 1,
            url=ready.get("url"),
            reason="the server starts",
            details={"server log": str(self._files.path / LOG)},
        )
        if told is not None:
            return self._judge(live, told, kept=keeper is not None)
        watched = self._files.read(WATCHED)
        if watched.get("exit_code") in _HOPELESS or watched.get("failures", 0) >= _MANY:
            words = last_words(self._files.path / LOG)
            return live.model_copy(
                update={"state": LiveState.FAILED, "reason": f"the server ended ({watched['exit_code']}): {words}"}
            )
        return live

    def plan(self, wanted: Release | None, live: Live) -> tuple[Step, ...]:
        """A reload where the server answers and was started alike; else a stop and a start."""
        stop = Step(room="target", action="stop", what="end the server, after the requests under way")
        if wanted is None:
            return () if live.state is LiveState.ABSENT else (stop,)
        arguments: dict[str, Any] = {
            "release": wanted.id,
            "champion": wanted.champion.digest,
            "challengers": [bundle.digest for bundle in wanted.challengers],
            "trusted": list(self._trusted(wanted)),
        }
        configuration = self._configuration(arguments["trusted"])
        if wanted.applied and live.release in {wanted.id, None}:  # its settings did not hold: back to those before
            arguments["applied"] = wanted.applied[0]
            configuration = str(wanted.applied[0].get("configuration"))
        address = f"http://{self._options.host}:{self._options.port}"
        start = Step(room="target", action="start", what=f"start a server at {address}", arguments=arguments)
        if live.state is LiveState.ABSENT:
            return (start,)
        same = live.configuration == configuration
        if live.release == wanted.id and same and live.state in {LiveState.STABLE, LiveState.CHANGING}:
            return ()
        if not (live.ready and same):
            return (stop, start)
        steps = []
        if live.details.get(_KEEPER) == _GONE:
            steps.append(Step(room="target", action="keep", what="watch over the server again"))
        if live.release != wanted.id:
            what = "let the server take the release, without a failed request"
            steps.append(Step(room="target", action="reload", what=what, arguments=arguments))
        return tuple(steps)

    def apply(self, step: Step) -> None:
        """Run a step."""
        actions = {"start": self._start, "keep": self._keep, "reload": self._reload, "stop": self._stop}
        actions[step.action](step.arguments)

    def _judge(self, live: Live, told: dict[str, Any], *, kept: bool) -> Live:
        workers = told["workers"]
        ready = sum(worker["ready"] for worker in workers)
        name = self._name(told)
        found = {"release": name, "revision": name, "ready": ready, "wanted": max(len(workers), live.wanted)}
        if not kept:
            # It still answers, but nobody would start it again.
            details = {**live.details, _KEEPER: _GONE}
            reason = "the server's keeper is gone"
            return live.model_copy(update={**found, "state": LiveState.FAILED, "details": details, "reason": reason})
        state = LiveState.STABLE if ready == found["wanted"] else LiveState.CHANGING
        reason = "" if state is LiveState.STABLE else f"{ready} of {found['wanted']} workers answer"
        return live.model_copy(update={**found, "state": state, "reason": reason})

    def _start(self, arguments: dict[str, Any]) -> None:
        self._prepare(arguments)
        self._keep(arguments)

    def _keep(self, _: dict[str, Any]) -> None:
        """Start the keeper, unless one runs; it takes over a server that does."""
        if self._files.process(KEEPER) is not None:
            return
        with open_private(self._files.path / LOG, "ab") as log:
            keeper = subprocess.Popen(  # noqa: S603 - our own keeper, in a session of its own
                [sys.executable, "-m", "modelway.deploy.local.keeper", str(self._files.path)],
                cwd=self._place.root,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _STOP_SECONDS
        while self._files.process(KEEPER) is None:
            if keeper.poll() is not None or time.monotonic() > deadline:
                raise OutsideError(
                    "the server's keeper did not start", where=str(self._files.path / LOG), remedy="Its log says why."
                )
            time.sleep(0.05)

    def _prepare(self, arguments: dict[str, Any]) -> None:
        """All files that the keeper and the server read."""
        files = self._files
        if not (files.path / TOKEN).exists():
            files.write_text(TOKEN, secrets.token_urlsafe(32))
        files.remove(WATCHED)
        applied = arguments.get("applied")
        if applied is not None:
            files.write(SETTINGS, applied["settings"])
            self._want(arguments, {"argv": applied["argv"], "configuration": applied["configuration"]})
            return
        files.write(SETTINGS, self._settings())
        options = self._options
        argv = ["serve", "--config", str(files.path / SETTINGS), "--host", options.host, "--port", str(options.port)]
        argv += ["--admin-port", "0", "--flags", self._place.flags, "--log", self._place.log, "--json"]
        argv += ["--spool", self._place.serve.log.spool]
        trusted = arguments["trusted"]
        argv += [word for name in trusted for word in ("--trust", name)]
        self._want(arguments, {"argv": argv, "configuration": self._configuration(trusted)})

    def _reload(self, arguments: dict[str, Any]) -> None:
        champion, *challengers = self._paths(arguments)
        url = self._files.read(READY).get("admin_url")
        if not url:
            raise OutsideError("the server does not answer", where=str(self._files.path / LOG), remedy="Run it again.")
        reload(url, self._token(), champion, challengers)
        self._want(arguments, self._files.read(WANTED))

    def _stop(self, _: dict[str, Any]) -> None:
        files = self._files
        asked = files.signal(KEEPER, signal.SIGTERM) or files.signal(SERVER, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while asked and (files.process(KEEPER) is not None or files.process(SERVER) is not None):
            if time.monotonic() > deadline:
                files.signal(KEEPER, signal.SIGKILL)
                files.signal(SERVER, signal.SIGKILL)
            time.sleep(0.05)
        for name in (READY, WATCHED, WANTED):
            files.remove(name)

    def _want(self, arguments: dict[str, Any], also: dict[str, Any]) -> None:
        champion, *challengers = self._paths(arguments)
        self._files.write(WANTED, {**also, "champion": champion, "challengers": challengers})

    def _paths(self, arguments: dict[str, Any]) -> list[str]:
        return [str(self._place.bundles / digest) for digest in (arguments["champion"], *arguments["challengers"])]

    def _name(self, told: dict[str, Any]) -> str:
        """The id of the release whose bundles these are: a bundle's directory is named by its digest."""
        refs = [BundleRef(version=0, digest=Path(path).name) for path in (told["champion"], *told["challengers"])]
        return Release(name=self._place.model, champion=refs[0], challengers=tuple(refs[1:])).id

    def _settings(self) -> dict[str, Any]:
        return {"name": self._place.model, "serve": self._place.serve.model_dump(mode="json")}

    def _trusted(self, release: Release) -> tuple[str, ...]:
        """Return what the release's bundles may use: by the registry when they were packaged, and by the settings."""
        return join_names(self._place.trust.names, *(ref.trusted for ref in (release.champion, *release.challengers)))

    def _configuration(self, trusted: list[str]) -> str:
        """Return a digest of all that a server is told when it starts; a reload takes no other trust than that."""
        place = self._place
        told: list[Any] = [self._settings(), self._options.model_dump(mode="json"), place.flags, place.log]
        if place.smoke is not None:
            told.append(place.smoke)
        told += [trusted] if trusted else []
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    def _token(self) -> str:
        try:
            return (self._files.path / TOKEN).read_text(encoding="ascii")
        except OSError:
            return ""

    def _environment(self) -> dict[str, str]:
        """What the server's clients need to know, such as AWS's credentials; it is handed on, never written down."""
        return {**self._place.secrets, SMOKE_DIGEST: self._place.smoke or ""}
