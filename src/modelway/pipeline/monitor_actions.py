"""What is done about a decision; each once, however often it is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.decide.health import why_not_retrain
from modelway.escaping import Markdown, code, comment, link_to, markdown_table, printable
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
_LONGEST = 300
"""Characters of a name or a reason."""


def update_issue(github: GitHub, name: str, options: MonitorOptions, found: Monitored, link: str | None) -> str | None:
    """Open the model's issue, or bring the open one up to date; gives its page, None where there is none."""
    marker = comment(f"modelway: monitoring of {name} in {options.environment}")
    opens = found.decision.action in _OPENING or found.exit_code == 4
    what = "the data are to blame" if found.decision.blames_data else _TITLES[found.decision.action]
    title = printable(f"{name}: {what}")
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
        *(f"- {_text(reason)}" for reason in found.decision.reasons),
    ]
    drift, performance = found.drift, found.performance
    lines += ["", f"Drift: {found.seen.drift.verdict}. {_text(found.seen.drift.reason)}"]
    if drift is not None and drift.columns:
        rows = []
        for one in drift.columns[:_MOST_ROWS]:
            weight = "" if one.importance is None else f"{one.importance:.1%}"
            plain = (one.state, weight, f"{one.shift.effect:.3f}")
            rows.append((_text(one.name), *map(Markdown, plain), _text(one.reason)))
        lines += ["", markdown_table(("column", "state", "weight", "moved by", "why"), rows)]
    lines += ["", f"Performance: {found.seen.performance.verdict}. {_text(found.seen.performance.reason)}"]
    if performance is not None and performance.metrics:
        rows = []
        for name, estimate in performance.metrics.items():
            if estimate.value is not None:
                interval = "" if estimate.low is None else f"{estimate.low:.4g} to {estimate.high:.4g}"
                rows.append((code(name), Markdown(f"{estimate.value:.4g}"), Markdown(interval)))
        lines += ["", markdown_table(("metric", "value", "interval"), rows)]
    if link:
        lines += ["", link_to("The run, with its dashboard", link)]
    return "\n".join(lines) + "\n"


def _text(text: str) -> Markdown:
    return code(text[:_LONGEST])


_TITLES = {
    Action.NOTHING: "all is well again",
    Action.WATCH: "to be watched",
    Action.RETRAIN: "drift or degradation, to be trained again",
    Action.ROLL_BACK: "degradation after a release, to be rolled back",
    Action.PAGE: "a person has to look",
}
