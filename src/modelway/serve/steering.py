"""Which release is served, and which flags are in force: always one consistent pair."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.errors import InputError
from modelway.flags import FlagWatch, Router, rules_from_environment
from modelway.serve.events import describe_error, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modelway.flags import Rules
    from modelway.records.serve import ServeOptions
    from modelway.serve.release import Release


@dataclass(frozen=True, slots=True)
class Plan:
    """What a request is answered by.

    Attributes:
        release: the bundles.
        router: chooses among them.
        fault: why flags are not in force, where they are not.
    """

    release: Release
    router: Router
    fault: str | None = None


class Steering:
    """Keeps the plan; its methods may be called by any thread.

    Args:
        release: what is served first.
        environment: variables that go before the document's flags.
        options: how it is served.
        content: a flag document that has been in force, so that a worker that is started while the document is torn
            goes on with the last good one.
        on_flags: called with each document that comes into force.

    Raises:
        InputError: the first flags can't be obeyed with this release.
    """

    def __init__(
        self,
        release: Release,
        environment: Mapping[str, str],
        options: ServeOptions,
        content: bytes | None,
        on_flags: Callable[[bytes], None],
    ) -> None:
        self._lock = threading.Lock()
        self._environment = environment
        self._rules = rules_from_environment(environment)
        self._on_flags = on_flags
        self._ending = threading.Event()
        self.plan = Plan(release, _router(self._rules, release))
        self._watch: FlagWatch | None = None
        if options.routing.flags is not None:
            self._watch = FlagWatch(options.routing.flags, options.s3, self._accept)
            if content is not None:
                self._watch.offer(content)
            self._look(self._watch)
            self._poll_seconds = options.routing.poll_seconds
            threading.Thread(target=self._poll, args=(self._watch,), name="flags", daemon=True).start()

    @property
    def fault(self) -> str | None:
        """Why the newest flags are not in force; None where they are."""
        return self.plan.fault or (self._watch.fault if self._watch else None)

    def take(self, release: Release) -> None:
        """Serve another release from now on. Flags that it can't obey are off until others come."""
        with self._lock:
            try:
                self.plan = Plan(release, _router(self._rules, release))
            except InputError as error:
                say("flags_refused", "error", error=str(error))
                self.plan = Plan(release, _router(rules_from_environment({}), release), str(error))
            if self._watch is not None:
                self._watch.look_again()

    def close(self) -> None:
        """Look at flags no longer."""
        self._ending.set()

    def _accept(self, document: Rules) -> None:
        rules = rules_from_environment(self._environment, document)
        with self._lock:
            self.plan = Plan(self.plan.release, _router(rules, self.plan.release))
            self._rules = rules

    def _poll(self, watch: FlagWatch) -> None:
        while not self._ending.wait(self._poll_seconds):
            try:
                self._look(watch)
            except Exception as error:  # noqa: BLE001 - without this thread no good document would be obeyed again
                watch.fault = f"the flags can't be polled: {type(error).__name__}"
                watch.look_again()
                say("flags_failed", "error", **describe_error(error))

    def _look(self, watch: FlagWatch) -> None:
        before = watch.fault
        if watch.poll() and watch.content is not None:
            say("flags_in_force", epoch=self.plan.router.rules.epoch)
            self._on_flags(watch.content)
        elif watch.fault is not None and watch.fault != before:
            say("flags_refused", "error", error=watch.fault)


def _router(rules: Rules, release: Release) -> Router:
    return Router(rules, release.champion.version, release.challengers)
