"""Watch a live model: drift, performance, a dashboard, a decision; and with --act, do what was decided."""

from __future__ import annotations

import argparse
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.notices import tell
from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags
from modelway.cli.settings import address
from modelway.cli.watching import (
    add_time_flags,
    labels_of,
    log_of,
    moment,
    newest_rollout,
    read_scene,
    reference_of,
    released_at,
    slices_of,
    span,
)
from modelway.errors import ModelwayError, UsageError
from modelway.records.monitor import Action

if TYPE_CHECKING:
    from modelway.cli.output import Output
    from modelway.cli.watching import Scene
    from modelway.pipeline.monitor import Monitored
    from modelway.records.checks import PartReport

EXAMPLE = "modelway monitor --ground-truth labels/ --output-dir reports/monitoring"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--predictions", metavar="URI", help="the prediction log (default: that of the settings)")
    parser.add_argument("--ground-truth", metavar="URI", help="the labels, by prediction id or key")
    parser.add_argument("--baseline", metavar="URI", help="what to compare with (default: the live champion's)")
    parser.add_argument(
        "--output-dir",
        default="reports/monitoring",
        metavar="DIR",
        help="where reports and dashboard go (default: %(default)s)",
    )
    parser.add_argument("--strict", action="store_true", help="end with 5 where there are too few labels")
    parser.add_argument(
        "--released",
        metavar="TIME",
        help="when the live release was put there, for a rollback (default: as the environment's state has it)",
    )
    parser.add_argument(
        "--check-data",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="where something fails, check the settings' data, so that none is trained on broken ones",
    )
    parser.add_argument(
        "--act",
        action="store_true",
        help="do what was decided: issue and retraining on GitHub (GITHUB_TOKEN), rollback, Slack (SLACK_WEBHOOK)",
    )
    parser.add_argument("--repository", metavar="OWNER/NAME", help="where the issue goes (default: GITHUB_REPOSITORY)")
    add_time_flags(parser)
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    scene = read_scene(args)
    since, until = span(args, scene.options.hours)
    now = time.time()
    log = log_of(scene, args.predictions)
    from modelway.pipeline.drift import Rows
    from modelway.pipeline.monitor import DASHBOARD, monitor, read_history

    released = _released(args, scene, output)
    name = scene.settings.name if scene.settings is not None else "model"
    found = monitor(
        name,
        scene.options,
        lambda: reference_of(args, scene, args.baseline, output.progress),
        Rows(log, since, until, scene.s3, scene.cache, scene.hashed, is_log=True),
        labels_of(scene, args.ground_truth),
        address(args.output_dir),
        now=now,
        past=read_history(history_of(scene)),
        strict=args.strict,
        slices=slices_of(scene),
        release_hours=(now - released.timestamp()) / 3600 if released else None,
        check_data=(lambda: _check_data(scene, args)) if args.check_data and scene.settings is not None else None,
        find_rollout=lambda: newest_rollout(scene),
        progress=output.progress,
        note=output.note,
    )
    done = _act(args, output, scene, name, found, now) if args.act else []
    output.close()
    if not output.json:
        _show(found, done)
        show(f"dashboard: {args.output_dir}/{DASHBOARD}")
    record = found.decision.model_dump(mode="json")
    output.record({"exit_code": found.exit_code, **record, "done": done, "output": args.output_dir})
    return found.exit_code


def _released(args: argparse.Namespace, scene: Scene, output: Output) -> datetime | None:
    if args.released:
        return moment(args.released, datetime.now(UTC), "--released")
    try:
        return released_at(scene)
    except ModelwayError as error:
        output.failure("when the live release was put there is not known", error)
        return None


def history_of(scene: Scene) -> str:
    """Where it is kept what monitoring asked for."""
    return str(scene.root / ".modelway" / "env" / scene.options.environment / "monitoring.json")


def _check_data(scene: Scene, args: argparse.Namespace) -> PartReport:
    from modelway.pipeline.check_data import check_data

    assert scene.settings is not None  # noqa: S101 - the caller asks
    output = Path(args.output_dir if "://" not in args.output_dir else "reports/monitoring") / "check-data"
    return check_data(scene.settings.check_data, scene.settings.prepare, scene.root, output, datetime.now(UTC))


def _act(args: argparse.Namespace, output: Output, scene: Scene, name: str, found: Monitored, now: float) -> list[str]:
    """Do what was decided; what fails is told, and stops nothing else."""
    action, done = found.decision.action, []
    if os.environ.get("GITHUB_TOKEN", "").strip():
        done += _on_github(args.repository, output, scene, name, found, now)
    if action is Action.ROLL_BACK:
        done.append(_roll_back(args, output, scene))
    if action not in {Action.NOTHING, Action.WATCH}:
        tell(f"{name}: {action.value.replace('_', ' ')}", found.decision.reasons, output)
    return done


def _on_github(
    repository: str | None, output: Output, scene: Scene, name: str, found: Monitored, now: float
) -> list[str]:
    from modelway.cli.environment import run_link
    from modelway.cli.release import open_github
    from modelway.pipeline.monitor_actions import dispatch, retrain, update_issue

    done = []
    try:
        github = open_github(repository, None, output)
        if scene.options.github.issue:
            page = update_issue(github, name, scene.options, found, run_link())
            done += [f"issue: {page}"] if page else []
        if found.decision.action is Action.RETRAIN:
            started = retrain(history_of(scene), scene.options, now, lambda: dispatch(github, scene.options))
            done.append(f"{scene.options.github.workflow} {'started' if started else 'was started by another run'}")
    except UsageError:
        raise
    except ModelwayError as error:
        output.failure("GitHub", error)
        done.append(f"GitHub failed: {error.what}")
    return done


def _roll_back(args: argparse.Namespace, output: Output, scene: Scene) -> str:
    from modelway.cli.environment import find_flow

    args.env = scene.options.environment
    try:
        _, flow, _ = find_flow(args, output)
        return f"rolled back: {flow.roll_back().plan.release} runs again"
    except ModelwayError as error:
        output.failure("rollback", error)
        return f"rolling back failed: {error.what}"


def _show(found: Monitored, done: list[str]) -> None:
    for name, finding in (
        ("drift", found.seen.drift),
        ("performance", found.seen.performance),
        ("data", found.seen.data),
    ):
        if finding is not None:
            show(f"{name}: {finding.verdict}: {finding.reason}")
    show(f"decision: {found.decision.action.value.replace('_', ' ')}")
    for reason in (*found.decision.reasons, *done):
        show(f"  {reason}")
