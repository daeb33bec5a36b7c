"""Fit a model on a prepared data set: the second part of `train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.settings import read_slice
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway fit --prepared prepared --epochs 50 --output model"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--prepared", type=Path, required=True, metavar="DIR", help="what `prepare` wrote")
    add_fit_flags(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the model directory goes")


def add_fit_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how to fit."""
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="passes over the training rows; rounds of boosted trees"
    )
    parser.add_argument("--batch-size", type=int, metavar="N", help="rows of each step of the optimiser")
    parser.add_argument("--trials", type=int, metavar="N", help="trials of the hyperparameter search; 0 for none")


def fit_overrides(args: argparse.Namespace) -> list[Override]:
    """What those flags override."""
    places = {
        "--epochs": (args.epochs, ("fit", "estimator", "epochs")),
        "--batch-size": (args.batch_size, ("fit", "estimator", "batch_size")),
        "--trials": (args.trials, ("fit", "search", "trials")),
    }
    return [Override(flag, keys, value) for flag, (value, keys) in places.items() if value is not None]


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args, fit_overrides(args))
    from modelway.pipeline.fit import fit

    fitted = fit(settings.fit, root, args.prepared, args.output, output.progress)
    output.close()
    if not output.json:
        show(f"fitted {fitted.fit.estimator.kind} into {args.output}")
    output.record({"exit_code": 0, "output": str(args.output), "fit": fitted.fit.model_dump(mode="json")})
    return 0
