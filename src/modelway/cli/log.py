"""Compact the prediction log: segments of hours that are over become Parquet files, which are read in seconds."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modelway.cli.environment import find_environment
from modelway.cli.output import show
from modelway.cli.watching import log_cache, log_of, read_scene, span

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from modelway.cli.output import Output
    from modelway.observe.log_compaction import Compaction
    from modelway.records.data import S3Options

EXAMPLE = "modelway log compact --env production --since 7d"
_HOURS = 7 * 24.0
_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("action", choices=("compact",), help="what to do with it")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--uri", metavar="URI", help="the log (default: that of `monitor`)")
    which.add_argument("--env", metavar="NAME", help="the log of this environment of the settings")
    parser.add_argument(
        "--since", metavar="TIME", help="compact hours from then on: ISO 8601, or 24h, 7d ago (default: 7d)"
    )
    parser.add_argument(
        "--until", metavar="TIME", help="and up to then (default: now); the last two hours are never compacted"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    log, s3, cache = _log(args)
    since, until = span(args, _HOURS)
    from modelway.observe.log_compaction import compact_hours, settled
    from modelway.observe.log_hours import LogPlace, hours_between

    hours = settled(hours_between(since.timestamp(), until.timestamp()), datetime.fromtimestamp(time.time(), UTC))
    done = compact_hours(LogPlace(log, s3, cache, output.progress), hours)
    output.close()
    if not output.json:
        _show(done)
    output.record({"exit_code": 0, "log": log, **done.__dict__})
    return 0


def _log(args: argparse.Namespace) -> tuple[str, S3Options, Path]:
    """The log's address, where `s3://` leads, and where copies are kept."""
    if args.env is not None:
        environment, _, root = find_environment(args)
        return environment.place.log, environment.place.options.s3, log_cache(root)
    scene = read_scene(args)
    return log_of(scene, args.uri, "--uri"), scene.s3, log_cache(scene.root)


def _show(done: Compaction) -> None:
    for left in done.left[:_SHOWN]:
        show(f"left as it is: {left}")
    if (more := len(done.left) - _SHOWN) > 0:
        show(f"... and {more} more")
    if not done.segments:
        show("nothing to compact")
        return
    counted = f"{done.segments:,} segments with {done.records:,} records"
    show(f"compacted {counted} of {done.hours} hours into {done.files} files")
