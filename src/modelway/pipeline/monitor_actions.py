"""What is done about a decision; each once, however often it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.decide.health import why_not_retrain
from modelway.github.issues import report_issue, start_workflow
from modelway.pipeline.monitor import claim
from modelway.records.monitor import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from modelway.github import GitHub
    from modelway.pipeline.monitor import Monitored
    from modelway.records.decision import History
    from modelway.records.monitor import MonitorOptions

_OPENING = {Action.RETRAIN, Action.ROLL_BACK, Action.PAGE}
_MOST_ROWS = 15


def update_issue(github: GitHub, name: str, options: MonitorOptions, found: Monitored, link: str | None) -> str | None:
    """Open the model's issue, or bring the open one up to date; gives its page, None where there is none."""
    marker = f"<!-- modelway: monitoring of {name} in {options.environment} -->"
    opens = found.decision.action in _OPENING or found.exit_code == 4
    title = f"{name}: {'the data are to blame' if found.decision.blames_data else _TITLES[found.decision.action]}"
    body = issue_body(found, link)
    told = report_issue(github, title, body, marker, options.github.labels, opens=opens)
    return None if told is None else told[1]


def retrain(uri: str, options: MonitorOptions, now: float, start: Callable[[], None]) -> bool:
    """Start a retraining, unless another run of monitoring did within the cool-down; gives whether it was started.

    It is claimed in the history first and given back where starting fails, so that two runs never start two. Cool-down
    and budget count again there: another run may have claimed since the decision.
    """

    def add(past: History) -> History | None:
        if why_not_retrain(options.policy, past, now) is not None:
            return None
        return past.model_copy(update={"retrainings": (*past.retrainings, now)})

    def give_back(past: History) -> History | None:
        kept = list(past.retrainings)
        if now not in kept:
            return None
        kept.remove(now)  # one of them: another run may have claimed at the same moment
        return past.model_copy(update={"retrainings": tuple(kept)})

    if not claim(uri, add):
        return False
    try:
        start()
    except BaseException:
        claim(uri, give_back)
        raise
    return True


def dispatch(github: GitHub, options: MonitorOptions) -> None:
    """Start the workflow that trains again."""
    start_workflow(github, options.github.workflow, options.github.ref)


def issue_body(found: Monitored, link: str | None) -> str:
    """The issue's Markdown: what is to be done and why, and the tables of the reports."""
    lines = [
        f"**{_TITLES[found.decision.action]}**",
        "",
        *(f"- {_escape(reason)}" for reason in found.decision.reasons),
    ]
    drift, performance = found.drift, found.performance
    lines += ["", f"Drift: {found.seen.drift.verdict}. {_escape(found.seen.drift.reason)}"]
    if drift is not None and drift.columns:
        lines += ["", "| column | state | weight | moved by | why |", "|---|---|---|---|---|"]
        for one in drift.columns[:_MOST_ROWS]:
            weight = "" if one.importance is None else f"{one.importance:.1%}"
            lines.append(
                f"| {_escape(one.name)} | {one.state} | {weight} | {one.shift.effect:.3f} | {_escape(one.reason)} |"
            )
    lines += ["", f"Performance: {found.seen.performance.verdict}. {_escape(found.seen.performance.reason)}"]
    if performance is not None and performance.metrics:
        lines += ["", "| metric | value | interval |", "|---|---|---|"]
        for name, estimate in performance.metrics.items():
            if estimate.value is not None:
                interval = "" if estimate.low is None else f"{estimate.low:.4g} to {estimate.high:.4g}"
                lines.append(f"| {name} | {estimate.value:.4g} | {interval} |")
    if link:
        lines += ["", f"[The run, with its dashboard]({link})"]
    return "\n".join(lines) + "\n"


_TITLES = {
    Action.NOTHING: "all is well again",
    Action.WATCH: "to be watched",
    Action.RETRAIN: "drift or degradation, to be trained again",
    Action.ROLL_BACK: "degradation after a release, to be rolled back",
    Action.PAGE: "a person has to look",
}


def _escape(text: str) -> str:
    """Data's own text, so that it neither breaks a table nor becomes Markdown or a mention."""
    for sign in "\\`*_[]<>|":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("@", "@\N{ZERO WIDTH SPACE}").replace("\n", " ")[:300]
