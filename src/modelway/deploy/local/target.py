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
    NEXT,
    NEXT_SERVER,
    OLD_SERVER,
    READY,
    REFUSED,
    SERVER,
    TOKEN,
    WANTED,
    WATCHED,
    Files,
    last_words,
)
from modelway.errors import OutsideError
from modelway.records.deploy import Live, LiveState, MissingSecret, Release, Step, release_id
from modelway.records.environment import LocalOptions
from modelway.records.serve import SMOKE_DIGEST
from modelway.records.serving import SETTINGS
from modelway.storage.local import outside

if TYPE_CHECKING:
    from modelway.deploy.target import Place

_HOPELESS = frozenset({1, 2, 3})
"""Exit codes of a server that will end in the same way again."""
_MANY = 3
"""A server that ended so often before it ever answered has failed."""
_STOP_SECONDS = 120.0
_RESTART_SECONDS = 300.0
_KEEPER, _GONE, _NO_SOCKET = "keeper", "gone", "without the server's socket"
"""Where `Live.details` has why no other server could take over from the one that runs."""
_PENDING = "starting"
"""Where it has that a deploy which was cut off left another server starting, which would take over."""


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
            applied=(wanted,),
            wanted=int(ready.get("workers", 0)) or 1,
            url=ready.get("url"),
            reason="the server starts",
            details={"server log": str(self._files.path / LOG)},
        )
        if self._files.read(NEXT):
            live.details[_PENDING] = "a server with changed settings"
        if told is not None:
            return self._judge(live, told, self._keeper() if keeper is not None else _GONE)
        watched = self._files.read(WATCHED)
        if watched.get("exit_code") in _HOPELESS or watched.get("failures", 0) >= _MANY:
            words = last_words(self._files.path / LOG)
            return live.model_copy(
                update={"state": LiveState.FAILED, "reason": f"the server ended ({watched['exit_code']}): {words}"}
            )
        return live

    def plan(self, wanted: Release | None, live: Live) -> tuple[Step, ...]:
        """A reload where the server was started alike; else a server that takes over, or a stop and a start."""
        stop = Step(room="target", action="stop", what="end the server, after the requests under way")
        if wanted is None:
            return () if live.state is LiveState.ABSENT else (stop,)
        configuration = self._configuration(wanted)
        arguments: dict[str, Any] = {
            "release": wanted.id,
            "champion": wanted.champion.digest,
            "challengers": [bundle.digest for bundle in wanted.challengers],
            "settings": wanted.given.text,
            "digest": wanted.given.digest,
            "configuration": configuration,
        }
        host: Any = self._options.host
        port: Any = self._options.port
        if wanted.applied:  # it comes back as it ran, whatever the environment's settings have become
            arguments["applied"] = applied = wanted.applied[0]
            configuration = str(applied.get("configuration"))
            host, port = applied.get("host", host), applied.get("port", port)
        what = f"start a server at http://{host}:{port}"
        start = Step(room="target", action="start", what=what, arguments=arguments)
        if live.state is LiveState.ABSENT:
            return (start,)
        same = live.configuration == configuration
        # After a reload that was cut off the server has the release, and the keeper would start the one before.
        taken = live.release == wanted.id and (not live.applied or self._name(live.applied[0]) == wanted.id)
        what = "end the server that a deploy which was cut off left starting"
        steps = [Step(room="target", action="withdraw", what=what)] if _PENDING in live.details else []
        if taken and same and live.state in {LiveState.STABLE, LiveState.CHANGING}:
            return tuple(steps)
        keeper = live.details.get(_KEEPER)
        runs = live.applied[0] if live.applied else {"host": host, "port": port}
        stays = keeper is None and (runs.get("host"), runs.get("port")) == (host, port)
        if not live.ready or (not same and not stays):
            return (stop, start)
        if not same:
            what = "start a server with the changed settings, and end the one before it when the new one answers"
            return (Step(room="target", action="restart", what=what, arguments=arguments),)
        if keeper == _GONE:
            steps.append(Step(room="target", action="keep", what="watch over the server again"))
        if not taken:
            what = "let the server take the release, without a failed request"
            steps.append(Step(room="target", action="reload", what=what, arguments=arguments))
        return tuple(steps)

    def apply(self, step: Step) -> None:
        """Run a step."""
        actions = {
            "start": self._start,
            "keep": self._keep,
            "reload": self._reload,
            "restart": self._restart,
            "withdraw": self._withdraw,
            "stop": self._stop,
        }
        try:
            actions[step.action](step.arguments)
        except OSError as error:
            raise outside(error, str(error.filename or self._files.path)) from error

    def _keeper(self) -> str | None:
        """What of a keeper that runs is in the way of another server that takes over; None where nothing is."""
        return None if self._files.read(KEEPER).get("listens") else _NO_SOCKET

    def _judge(self, live: Live, told: dict[str, Any], keeper: str | None) -> Live:
        workers = told["workers"]
        ready = sum(worker["ready"] for worker in workers)
        name = self._name(told)
        found = {"release": name, "revision": name, "ready": ready, "wanted": max(len(workers), live.wanted)}
        if keeper is not None:
            live = live.model_copy(update={"details": {**live.details, _KEEPER: keeper}})
        if keeper == _GONE:
            # It still answers, but nobody would start it again.
            reason = "the server's keeper is gone"
            return live.model_copy(update={**found, "state": LiveState.FAILED, "reason": reason})
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
        files.write(WANTED, self._launched(arguments))

    def _launched(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """What a server is started with."""
        if "applied" in arguments:
            return {**arguments["applied"], **self._bundles(arguments)}
        options, served = self._options, self._place.serve
        argv = ["serve", "--host", options.host, "--port", str(options.port), "--admin-port", "0", "--json"]
        argv += ["--flags", self._place.flags, "--log", self._place.log, "--spool", served.log.spool]
        argv += ["--set", f"serve.rollout_page={json.dumps(served.rollout_page)}"]
        return {
            "argv": argv,
            # Where nothing is set that is said, too: the project's own settings may have changed since.
            "variables": {SETTINGS: arguments["settings"] or "{}", SMOKE_DIGEST: self._place.smoke or ""},
            "host": options.host,
            "port": options.port,
            "configuration": arguments["configuration"],
            "settings": arguments["digest"],
            **self._bundles(arguments),
        }

    def _restart(self, arguments: dict[str, Any]) -> None:
        """Let the keeper start another server; returns when that one answers, and the one before is ending."""
        files = self._files
        # Two requests for the same server differ: the keeper may still be busy with one that was withdrawn.
        launched = self._launched(arguments) | {"request": secrets.token_hex(8)}
        files.remove(REFUSED)
        files.write(NEXT, launched)
        deadline = time.monotonic() + _RESTART_SECONDS
        while files.read(NEXT) or files.read(WANTED) != launched:
            if refused := files.read(REFUSED):
                raise OutsideError(
                    f"the server with the changed settings ended ({refused['exit_code']}), and the one before goes on: "
                    f"{refused['words']}",
                    where=str(files.path / LOG),
                )
            if files.process(KEEPER) is None or time.monotonic() > deadline:
                files.remove(NEXT)
                raise OutsideError(
                    "the server's keeper did not start the server with the changed settings",
                    where=str(files.path / LOG),
                    remedy="Run it again; `modelway status` tells more.",
                )
            time.sleep(0.05)

    def _withdraw(self, _: dict[str, Any]) -> None:
        """End a server that was to take over, before it does."""
        files = self._files
        files.remove(NEXT)
        files.signal(NEXT_SERVER, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while files.process(NEXT_SERVER) is not None:
            if time.monotonic() > deadline:
                files.signal(NEXT_SERVER, signal.SIGKILL)
            time.sleep(0.05)

    def _reload(self, arguments: dict[str, Any]) -> None:
        champion, *challengers = self._paths(arguments)
        url = self._files.read(READY).get("admin_url")
        if not url:
            raise OutsideError("the server does not answer", where=str(self._files.path / LOG), remedy="Run it again.")
        reload(url, self._token(), champion, challengers)
        self._files.write(WANTED, {**self._files.read(WANTED), **self._bundles(arguments)})

    def _stop(self, _: dict[str, Any]) -> None:
        files = self._files
        servers = (SERVER, OLD_SERVER, NEXT_SERVER)
        if not files.signal(KEEPER, signal.SIGTERM):
            for name in servers:
                files.signal(name, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        while any(files.process(name) is not None for name in (KEEPER, *servers)):
            if time.monotonic() > deadline:
                for name in (KEEPER, *servers):
                    files.signal(name, signal.SIGKILL)
            time.sleep(0.05)
        for name in (READY, WATCHED, WANTED, NEXT, REFUSED):
            files.remove(name)

    def _bundles(self, arguments: dict[str, Any]) -> dict[str, Any]:
        champion, *challengers = self._paths(arguments)
        return {"champion": champion, "challengers": challengers}

    def _paths(self, arguments: dict[str, Any]) -> list[str]:
        return [str(self._place.bundles / digest) for digest in (arguments["champion"], *arguments["challengers"])]

    def _name(self, told: dict[str, Any]) -> str:
        """The id of the release whose bundles these are: a bundle's directory is named by its digest."""
        digests = [Path(path).name for path in (told["champion"], *told["challengers"])]
        return release_id(self._place.model, digests, None, told.get("settings"))

    def _configuration(self, release: Release) -> str:
        """Return a digest of all that a server is told when it starts; a reload takes nothing but other bundles."""
        place = self._place
        told = [
            release.given.text,
            self._options.model_dump(mode="json"),
            place.flags,
            place.log,
            place.serve.log.spool,
            place.smoke,
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]

    def _token(self) -> str:
        try:
            return (self._files.path / TOKEN).read_text(encoding="ascii")
        except OSError:
            return ""

    def _environment(self) -> dict[str, str]:
        """What the server's clients need to know, such as AWS's credentials; it is handed on, never written down."""
        return dict(self._place.secrets)
