"""Tell what an environment runs, what is known of its releases, and which flags are in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelway.cli.environment import add_environment_flag, find_environment
from modelway.cli.output import show

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.deploy import Live
    from modelway.records.releases import Lease, Releases

EXAMPLE = "modelway status --env local"
_EVENTS = 5
_SHOWN = 1000


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_environment_flag(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    environment, _, _ = find_environment(args)
    from modelway.deploy.flagging import show_flags
    from modelway.deploy.lock import holder
    from modelway.deploy.planner import find_drift
    from modelway.deploy.smoke import describe_settings
    from modelway.pipeline.backlog import read_backlog
    from modelway.pipeline.deploy import check_secrets

    target = environment.target()
    check_secrets(environment, target)
    live, known = target.inspect(), environment.state.read()
    drift = find_drift(target, live, known)
    lease = holder(environment.state.uri, environment.state.s3)
    flags = show_flags(environment.place)
    url = environment.place.options.url or live.url
    backlog = read_backlog(environment.place, url) if environment.place.served(known.current).log.enabled else None
    release = next((one for one in reversed(known.history) if one.id == live.release), None)
    settings = None if release is None else describe_settings(release, url)
    if not output.json:
        _show(args.env, live, known, lease, flags, url)
        for what in drift:
            show(f"changed since it was deployed: {what}")
        if settings is not None:
            show(f"settings: {settings}")
            if release is not None and release.settings is not None:
                show(f"  {shortened(release.settings.text)}")
        if backlog is not None:
            show(f"log: {backlog}")
    output.record(
        {
            "exit_code": 0,
            "url": url,
            "settings": settings,
            "live": live.model_dump(mode="json"),
            "drift": drift,
            "releases": known.model_dump(mode="json"),
            "lock": lease.model_dump(mode="json") if lease else None,
            "flags": flags,
            "log": backlog.model_dump(mode="json") if backlog else None,
        }
    )
    return 0


def shortened(text: str) -> str:
    """Return a text of one line as far as people read it; `--json` has the rest."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _show(name: str, live: Live, known: Releases, lease: Lease | None, flags: dict[str, Any], url: str | None) -> None:
    release = next((one for one in reversed(known.history) if one.id == live.release), None)
    runs = str(release) if release else f"release {live.release}" if live.release else "nothing"
    show(f"{name}: {live.state}, {runs}")
    if live.reason:
        show(f"why: {live.reason}")
    if live.wanted:
        show(f"ready: {live.ready} of {live.wanted}")
    if url:
        show(f"at: {url}")
    show(f"flags: {flags['words']}")
    if known.attempt is not None:
        show(f"begun and not ended: {known.attempt.kind} of {known.attempt.release}, by {known.attempt.owner}")
    if lease is not None:
        show(f"locked: by {lease.owner}, until {lease.expires}")
    for key, value in live.details.items():
        show(f"{key}: {value}")
    for event in known.events[-_EVENTS:]:
        show(f"{event.time}  {event.what}  {event.release}{f'  ({event.reason})' if event.reason else ''}")
