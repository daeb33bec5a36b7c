"""What happens with a request after its response: it is counted, shown to the challenger, and recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from modelway.serve.events import say, say_always
from modelway.serve.statistics import Arm, Statistics

if TYPE_CHECKING:
    from modelway.records.serve import ServeOptions
    from modelway.serve.log import Journal
    from modelway.serve.metrics import Metrics
    from modelway.serve.recorder import Recorder, Served
    from modelway.serve.release import ServedModel
    from modelway.serve.shadow import Shadow
    from modelway.serve.steering import Plan


class Desk:
    """Counts and records requests.

    Args:
        options: how models are served.
        metrics: what Prometheus reads.
        recorder: writes the prediction log's records.
        journal: the prediction log; None where nothing is logged.
        shadow: shows requests to the challenger.
        replica: names this process in the statistics.
    """

    def __init__(
        self,
        options: ServeOptions,
        metrics: Metrics,
        recorder: Recorder,
        journal: Journal | None,
        shadow: Shadow,
        replica: str,
    ) -> None:
        self._metrics = metrics
        self._recorder = recorder
        self._journal = journal
        self._shadow = shadow
        self._statistics = Statistics(replica, options.log.segment_seconds, time.time())
        self._access = options.access_log

    def settle(self, served: Served, shadow: ServedModel | None) -> None:
        """Count and record a completed request; `shadow` is the challenger that it is mirrored to.

        A smoke test's request is logged as such, counted separately, and mirrored to no challenger.
        """
        tally = self._statistics.tally(served)
        if served.smoke:
            self._keep(served)
            return
        arm = self._metrics.arm(served.variant, served.version, served.model.score_bounds)
        arm.request(served.status, served.latency_ms if served.whole else None)
        if served.hung_up is not None:
            self._metrics.hang_ups[served.hung_up] += 1
        answer = served.answer
        if answer is not None:
            if answer.probabilities is not None:
                arm.outcome(answer.predictions, [row[-1] for row in answer.probabilities])
            else:
                arm.outcome((), answer.predictions)
        seen = False
        if shadow is not None and served.question is not None and answer is not None:
            seen = self._shadow.offer(shadow, served, served.question, logs=self._recorder.wants(served))
            if seen:
                tally.shadowed += 1
            else:
                self._metrics.shadow_dropped += 1
                tally.shadow_dropped += 1
        if not seen:
            self._keep(served)
        if self._access != "none":
            self._note(served)

    async def keep_up(self) -> None:
        """Wait until the records of large requests are nearly written, before the next large one is answered."""
        await self._recorder.keep_up()

    def _keep(self, served: Served) -> None:
        if self._recorder.wants(served):
            self._recorder.record(served)
        else:
            self._recorder.skip(served)

    def write_statistics(self, plan: Plan, *, last: bool = False) -> None:
        """Write the counts of the buckets that are over; of all of them, and that there are no more, at the `last`.

        Where the flags may use a challenger a process says so too when it had no requests: a rollout then tells one
        that has nothing to do from one that is gone.
        """
        if self._journal is None:
            return
        rules = plan.router.rules
        idle = Arm("champion", plan.release.champion.version, rules.epoch) if rules.uses_challenger else None
        for start, line in self._statistics.lines(time.time(), self._recorder.lost, idle, last=last):
            self._journal.append("statistics", line, start)

    def _note(self, served: Served) -> None:
        if self._access == "all" or served.status >= 500 or served.status == 429:
            fields: dict[str, Any] = {
                "request": served.request,
                "prediction": served.id,
                "status": served.status,
                "variant": served.variant,
                "version": served.version,
                "latency_ms": round(served.latency_ms, 3),
            }
            write = say_always if self._access == "all" else say
            write("request", "error" if served.status >= 500 else "info", **fields)
