"""Say which inputs and outputs of a live model have moved, from its prediction log or from a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.output import Column, Styled, show, show_table
from modelway.cli.registry import add_registry_flags
from modelway.cli.settings import address
from modelway.cli.watching import add_time_flags, log_of, read_scene, reference_of, span
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.drift import DriftReport

EXAMPLE = "modelway drift --baseline model-artifacts/baseline.json --current .modelway/log --threshold 0.6"
_SHOWN = 15


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--baseline",
        metavar="URI",
        help="a baseline.json, a bundle, a train_stats.json or a data set (default: the live champion's)",
    )
    parser.add_argument(
        "--current", metavar="URI", help="a prediction log, or a data set (default: the log of the settings)"
    )
    parser.add_argument("--threshold", type=float, metavar="X", help="the score from which on the check fails")
    parser.add_argument(
        "--output", default="drift_report.json", metavar="FILE", help="where the report goes (default: %(default)s)"
    )
    parser.add_argument("--prometheus", metavar="FILE", help="write the numbers for Prometheus as well")
    add_time_flags(parser)
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    scene = read_scene(args, threshold_flag(args, "drift"))
    since, until = span(args, scene.options.hours)
    current = log_of(scene, args.current)
    reference = reference_of(args, scene, args.baseline, output.progress)
    from modelway.pipeline.drift import Rows, find_drift
    from modelway.storage import write_bytes

    rows = Rows(current, since, until, scene.s3, scene.cache, scene.hashed, None if args.current else True)
    report = find_drift(scene.options.drift, reference, rows, output.progress)
    write_bytes(address(args.output), report.to_json().encode(), s3=scene.s3)
    if args.prometheus is not None:
        from modelway.report.prometheus import drift_metrics, exposition

        write_bytes(address(args.prometheus), exposition(drift_metrics(report)).encode(), s3=scene.s3)
    output.close()
    if not output.json:
        show_drift(report)
        show(f"report: {args.output}")
    output.record({**report.model_dump(mode="json"), "output": args.output})
    return report.exit_code


def threshold_flag(args: argparse.Namespace, part: str) -> list[Override]:
    """What --threshold overrides."""
    if args.threshold is None:
        return []
    return [Override("--threshold", ("monitor", part, "threshold"), args.threshold)]


def show_drift(report: DriftReport) -> None:
    """Print what moved."""
    from modelway.records.drift import State

    styles = {State.MOVED: "red", State.ONCE: "yellow", State.STILL: "green", State.UNJUDGED: "dim"}
    columns = [Column(title, no_wrap=True) for title in ("column", "state", "weight", "moved by")]
    rows = []
    for one in report.columns[:_SHOWN]:
        weight = "" if one.importance is None else f"{one.importance:.1%}"
        effect = f"{one.shift.effect:.3f}"
        rows.append((one.name, Styled(one.state, styles[one.state]), weight, effect, one.reason))
    show_table([*columns, Column("why", ratio=1)], rows, title=f"drift: {report.verdict}, {report.rows:,} rows")
    if (more := len(report.columns) - _SHOWN) > 0:
        show(f"... and {more} more columns")
    for name, why in report.unmeasured.items():
        show(f"not measured: {name}: {why}")
    for found in report.slices[:5]:
        show(f"in {found.column} = {found.value}: {found.moved or 'predictions'} moved by {found.effect:.3f}")
    for file in report.unreadable[:5]:
        show(f"not read: {file}")
    show(f"{report.verdict}: {report.reason}")
