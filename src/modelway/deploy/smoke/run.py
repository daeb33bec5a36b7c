"""The smoke test: what is planned is asked until it passes or the time is over."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from modelway.deploy.smoke.asking import Asker
from modelway.deploy.smoke.questions import common, example, questions
from modelway.deploy.smoke.settings import check_settings
from modelway.records.progress import Progress, silent
from modelway.records.smoke import SmokeCheck, SmokeReport
from modelway.records.verdict import Verdict
from modelway.waiting import Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelway.deploy.smoke.asking import Reply
    from modelway.deploy.smoke.expected import Expected
    from modelway.deploy.smoke.questions import Question
    from modelway.records.deploy import Release
    from modelway.records.environment import SmokeOptions

_FIRST_REST, _LONGEST_REST = 0.1, 2.0


def smoke(
    endpoint: str,
    served: Sequence[Expected],
    options: SmokeOptions,
    progress: Progress = silent,
    token: str | None = None,
    release: Release | None = None,
) -> SmokeReport:
    """Ask an endpoint real questions.

    Args:
        endpoint: where it is.
        served: the versions that it has to serve, the champion first. Without any, what it predicts can't be judged,
            and the report is inconclusive at best.
        options: patience and bounds.
        progress: told after each question.
        token: proves to the server that this is a smoke test; without it, or where the server knows another one, the
            requests are traffic like any other.
        release: what it has to run with; its settings are not compared where this is None.

    Raises:
        UsageError: the endpoint is no address, or the token is none that a header can hold.
    """
    asker = Asker(endpoint, options.timeout_seconds, token)
    wait = Wait(asker.host, options.deadline_seconds)
    versions = [one.version for one in served]
    checks: list[SmokeCheck] = []
    if served:
        asked = questions(served, options.tolerance)
    else:
        described = _describe(asker, wait)
        body, versions = _told_example(described)
        asked = [*common(), *([example(body, versions)] if body else [])]
        checks = _unknown(body)
    # Where the last question had no answer, the time is over: further ones would only wait again.
    for number, question in enumerate(asked, 1):
        checks.append(_unasked(question.name, asker.silence) if asker.silence else _ask(asker, question, wait))
        progress("smoke", number, len(asked), question.name)
    if release is not None:
        silence = asker.silence
        checks.append(
            _unasked("serving settings", silence) if silence else check_settings(asker, release.given.digest, wait)
        )
    if (typical := next((one for one in asked if one.name == "input example"), None)) is not None:
        checks.append(_unasked("latency", asker.silence) if asker.silence else _time(asker, typical, options))
    return SmokeReport(endpoint=asker.endpoint, versions=tuple(versions), checks=tuple(checks), answered=asker.answered)


def _unasked(name: str, why: str) -> SmokeCheck:
    return SmokeCheck(name=name, verdict=Verdict.FAIL, detail=f"not asked, after {why}", attempts=0)


def _ask(asker: Asker, question: Question, wait: Wait) -> SmokeCheck:
    """Ask until the answer is right, or the time is over; at least once."""
    rest, attempts = _FIRST_REST, 0
    while True:
        attempts += 1
        # A server that has answered before gets the time of each question, even at the end.
        reply = asker.ask(question.method, question.path, question.body, None if asker.answered else wait)
        wrong = question.wrong(reply)
        if wrong is None or wait.left <= rest:
            return SmokeCheck(
                name=question.name,
                verdict=Verdict.PASS if wrong is None else Verdict.FAIL,
                detail=wrong or f"status {reply.status}",
                attempts=attempts,
                milliseconds=round(reply.milliseconds, 3),
            )
        wait.sleep(rest)
        rest = min(rest * 2, _LONGEST_REST)


def _time(asker: Asker, question: Question, options: SmokeOptions) -> SmokeCheck:
    """The median of several answers, each of which has to be right: by now nothing is in motion any more."""
    replies: list[Reply] = []
    for _ in range(options.requests):
        replies.append(reply := asker.ask(question.method, question.path, question.body))
        if (wrong := question.wrong(reply)) is not None:
            detail = f"answer {len(replies)} of {options.requests}: {wrong}"
            return SmokeCheck(name="latency", verdict=Verdict.FAIL, detail=detail, attempts=len(replies))
    median = statistics.median(reply.milliseconds for reply in replies)
    passed = median <= options.latency_ms
    return SmokeCheck(
        name="latency",
        verdict=Verdict.PASS if passed else Verdict.FAIL,
        detail=f"median of {len(replies)}: {median:.1f} ms, bound {options.latency_ms:g} ms",
        attempts=len(replies),
        milliseconds=round(median, 3),
    )


def _describe(asker: Asker, wait: Wait) -> dict[str, Any]:
    """What the server says of itself."""
    while True:
        found = asker.ask("GET", "/openapi.json", None, None if asker.answered else wait).json()
        if isinstance(found, dict) or wait.left <= (rest := _LONGEST_REST / 4):
            return found if isinstance(found, dict) else {}
        wait.sleep(rest)


def _told_example(described: dict[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """The example and the versions that a server's own description has."""
    try:
        content = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        body = content.get("example")
    except (KeyError, TypeError, AttributeError):
        body = None
    paths, info = described.get("paths"), described.get("info")
    named = (
        [path.rpartition("/versions/")[2] for path in paths if "/versions/" in path] if isinstance(paths, dict) else []
    )
    versions = sorted({name for name in named if "/" not in name})
    version = info.get("version") if isinstance(info, dict) else None
    return body if isinstance(body, dict) else None, versions or ([str(version)] if version else [])


def _unknown(body: dict[str, Any] | None) -> list[SmokeCheck]:
    said = "no bundle was given to compare with: name one by --bundle, or the environment by --env"
    checks = [SmokeCheck(name="predictions", verdict=Verdict.INCONCLUSIVE, detail=said)]
    if body is None:
        told = "the server's description holds none"
        checks.append(SmokeCheck(name="input example", verdict=Verdict.INCONCLUSIVE, detail=told))
    return checks
