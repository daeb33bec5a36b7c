"""Write the sample data set: loans.csv, made by a documented generator whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway sample --output data --rows 5000 --drift covariate"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where loans.csv goes")
    parser.add_argument("--rows", type=int, default=5000, metavar="N", help="default: 5000")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="default: 0")
    parser.add_argument("--drift", metavar="KIND", help="covariate, concept, missing or slice")
    parser.add_argument("--label-noise", type=float, default=0.0, metavar="P", help="fraction of labels turned over")
    parser.add_argument(
        "--bias", type=float, default=0.0, metavar="B", help="how much group b is put at a disadvantage"
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    from modelway.data.sample import write_sample

    path = write_sample(
        args.output, rows=args.rows, seed=args.seed, drift=args.drift, label_noise=args.label_noise, bias=args.bias
    )
    if not output.json:
        show(f"wrote {args.rows:,} rows to {path}")
    output.record({"exit_code": 0, "path": str(path), "rows": args.rows})
    return 0
