"""Measure a model on held-out rows and judge it by the gates: the third part of `train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.registry import find_commit
from modelway.cli.settings import read_slice
from modelway.cli.trust import add_trust_flag, find_trust
from modelway.cli.verdicts import evaluation_record, show_evaluation

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway evaluate --prepared prepared --model model --output evaluated"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--prepared", type=Path, required=True, metavar="DIR", help="what `prepare` wrote")
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="what `fit` wrote")
    parser.add_argument("--champion", type=Path, metavar="DIR", help="the champion, as `pull champion` wrote it")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the evaluated directory goes")
    add_trust_flag(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args)
    from modelway.pipeline.evaluate import evaluate
    from modelway.pipeline.train import exit_code_of

    evaluation = evaluate(
        settings.evaluate,
        settings.name,
        args.prepared,
        args.model,
        args.champion,
        args.output,
        commit=find_commit(root),
        trusted=find_trust(args, settings, root).names,
        progress=output.progress,
    )
    output.close()
    code = exit_code_of(evaluation)
    if not output.json:
        show_evaluation(evaluation)
        show(f"report: {args.output / 'report.html'}")
    output.record({"exit_code": code, "output": str(args.output), **evaluation_record(evaluation)})
    return code
