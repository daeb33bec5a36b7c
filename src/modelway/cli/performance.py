"""Say how a live model performs, by its prediction log and the labels that have come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelway.cli.drift import threshold_flag
from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags
from modelway.cli.settings import address
from modelway.cli.watching import add_time_flags, labels_of, log_of, read_scene, reference_of, slices_of, span
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.performance import PerformanceReport

EXAMPLE = "modelway performance --predictions .modelway/log --ground-truth labels/ --threshold 0.75"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--predictions", metavar="URI", help="the prediction log (default: that of the settings)")
    parser.add_argument("--ground-truth", metavar="URI", help="the labels, by prediction id or key")
    parser.add_argument("--baseline", metavar="URI", help="the model's baseline.json (default: the live champion's)")
    parser.add_argument("--metric", metavar="NAME", help="the metric that is judged (default: the primary one)")
    parser.add_argument("--threshold", type=float, metavar="X", help="the metric's bound")
    parser.add_argument(
        "--output",
        default="performance_report.json",
        metavar="FILE",
        help="where the report goes (default: %(default)s)",
    )
    parser.add_argument("--prometheus", metavar="FILE", help="write the numbers for Prometheus as well")
    parser.add_argument("--strict", action="store_true", help="end with 5 where there are too few labels")
    add_time_flags(parser)
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    flags = threshold_flag(args, "performance")
    if args.metric is not None:
        flags.append(Override("--metric", ("monitor", "performance", "metric"), args.metric))
    scene = read_scene(args, flags)
    since, until = span(args, scene.options.hours)
    log = log_of(scene, args.predictions)
    reference = reference_of(args, scene, args.baseline, output.progress)
    from modelway.pipeline.drift import Rows
    from modelway.pipeline.performance import check_performance
    from modelway.storage import write_bytes

    report = check_performance(
        scene.options.performance,
        reference,
        Rows(log, since, until, scene.s3, scene.cache, scene.hashed, is_log=True),
        labels_of(scene, args.ground_truth),
        strict=args.strict,
        slices=slices_of(scene),
        progress=output.progress,
    )
    write_bytes(address(args.output), report.to_json().encode(), s3=scene.s3)
    if args.prometheus is not None:
        from modelway.report.prometheus import exposition, performance_metrics

        write_bytes(address(args.prometheus), exposition(performance_metrics(report)).encode(), s3=scene.s3)
    output.close()
    if not output.json:
        show_performance(report)
        show(f"report: {args.output}")
    output.record({**report.model_dump(mode="json"), "output": args.output})
    return report.exit_code


def show_performance(report: PerformanceReport) -> None:
    """Print how the model performs."""
    show(f"performance: {report.verdict}: {report.reason}")
    show(f"labels: {report.labels:,} of {report.predictions:,} predictions have theirs")
    for part in (*report.versions, *report.windows):
        value = "not defined" if part.metric.value is None else f"{part.metric.value:.4g}"
        show(f"{part.name}: {report.metric} {value}, {part.labels:,} labels")
