"""Train a little on a sample of the data, and check that what came out loads, predicts and serves: a part of `ci`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelway.atomic import scratch_directory
from modelway.cli.part import add_output_flag, show_part
from modelway.cli.registry import find_commit
from modelway.cli.settings import address, read_settings
from modelway.errors import InputError, UsageError
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from modelway.cli.output import Output
    from modelway.records.settings import Settings

EXAMPLE = "modelway smoke-train --epochs 1 --batch-size 32"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--data", metavar="URI", help="a file, folder, glob or s3:// address instead of the settings'")
    source.add_argument(
        "--sample-data", action="store_true", help="the sample data set, freshly made, where the project is about it"
    )
    parser.add_argument(
        "--epochs", "--max-epochs", type=int, metavar="N", help="default: the settings' smoke_train.epochs, else 1"
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="where the estimator has batches; default: the settings', else 32"
    )
    parser.add_argument("--sample", type=int, metavar="ROWS", help="rows to use; default: the settings', else 1000")
    add_output_flag(parser, "smoke-train")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_settings(args, _overrides(args))
    from modelway.pipeline.smoke_train import smoke_train

    with _data_of(settings, sample=args.sample_data) as chosen:
        try:
            report = smoke_train(chosen, root, args.output, commit=find_commit(root), progress=output.progress)
        except InputError as error:
            raise _with_remedy(error, settings) from error
    return show_part(output, report, args.output)


def _overrides(args: argparse.Namespace) -> list[Override]:
    places = {
        "--epochs": (args.epochs, ("smoke_train", "epochs")),
        "--batch-size": (args.batch_size, ("smoke_train", "batch_size")),
        "--sample": (args.sample, ("smoke_train", "rows")),
        "--data": (address(args.data) if args.data is not None else None, ("prepare", "data", "uri")),
    }
    return [Override(flag, keys, value) for flag, (value, keys) in places.items() if value is not None]


@contextmanager
def _data_of(settings: Settings, *, sample: bool) -> Iterator[Settings]:
    """The settings with the data set to use; the sample's is made for as long as it is used."""
    if not sample:
        yield settings
        return
    if not _is_about_sample(settings):
        raise UsageError(
            "the sample data set has other columns than this project",
            where="--sample-data",
            remedy="Leave it out: a sample of the project's own data is used; --data names other data of its kind.",
        )
    from modelway.data.sample import write_sample
    from modelway.records.data import DataOptions

    with scratch_directory() as folder:
        path = write_sample(folder, rows=settings.smoke_train.rows, seed=settings.fit.seed)
        prepare = settings.prepare.model_copy(update={"data": DataOptions(uri=str(path))})
        yield settings.model_copy(update={"prepare": prepare})


def _is_about_sample(settings: Settings) -> bool:
    from modelway.data.sample import make_loans

    return set(make_loans(1, 0)) == {*settings.prepare.columns, *settings.prepare.ignore}


def _with_remedy(error: InputError, settings: Settings) -> InputError:
    if not _is_about_sample(settings):
        return error
    return InputError(error.what, where=error.where, remedy="Name the data by --data, or try it with --sample-data.")
