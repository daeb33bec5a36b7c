"""Read, check and split a data set: the first part of `train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.settings import address, read_settings
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway prepare --data data/loans.csv --output prepared"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_data_flags(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the prepared directory goes")


def add_data_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what to read."""
    parser.add_argument("--data", metavar="URI", help="a file, folder, glob or s3:// address instead of the settings'")
    parser.add_argument(
        "--sample", type=int, metavar="ROWS", help="read no more than about so many rows, a fixed sample"
    )


def data_overrides(args: argparse.Namespace) -> list[Override]:
    """What those flags override."""
    overrides = []
    if args.data is not None:
        overrides.append(Override("--data", ("prepare", "data", "uri"), address(args.data)))
    if args.sample is not None:
        overrides.append(Override("--sample", ("prepare", "sample"), args.sample))
    return overrides


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_settings(args, data_overrides(args))
    from modelway.pipeline.prepare import prepare

    prepared = prepare(settings.prepare, root, args.output, output.progress)
    output.close()
    rows = prepared.dataset.rows
    if not output.json:
        show(f"prepared {', '.join(f'{count:,} {part}' for part, count in rows.items())} rows into {args.output}")
    output.record({"exit_code": 0, "output": str(args.output), "rows": rows})
    return 0
