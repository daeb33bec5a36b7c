"""Check a data set against its columns and a suite, and write data docs: a part of `ci`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show_block
from modelway.cli.part import add_output_flag, show_part
from modelway.cli.settings import address, read_slice
from modelway.errors import InputError, SettingsError
from modelway.settings import find_settings, place_of

if TYPE_CHECKING:
    from modelway.cli.output import Output
    from modelway.records.check_data import CheckDataOptions
    from modelway.records.data import PrepareOptions

EXAMPLE = "modelway check-data --data data/loans.csv --output reports/check-data"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("--data", metavar="URI", help="a file, folder, glob or s3:// address instead of the settings'")
    parser.add_argument("--baseline", type=Path, metavar="FILE", help="the profile.json to compare with")
    parser.add_argument(
        "--expectations",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a suite of Great Expectations to check as well; may be given several times",
    )
    parser.add_argument("--suggest", action="store_true", help="check nothing, and print a suite that the data fulfil")
    parser.add_argument(
        "--now", type=_moment, metavar="TIME", help="what freshness is judged by, ISO 8601 (default: the clock)"
    )
    add_output_flag(parser, "check-data")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, prepare, root = _read(args)
    options = _with_flags(settings, prepare, args)
    now = args.now or datetime.now(UTC)
    try:
        if args.suggest:
            return _suggest(options, prepare, root, now, output)
        from modelway.pipeline.check_data import check_data

        report = check_data(options, prepare, root, args.output, now, output.progress)
    except (SettingsError, InputError) as error:
        raise _at_line(error, args) from error
    return show_part(output, report, args.output)


def _suggest(
    options: CheckDataOptions, prepare: PrepareOptions | None, root: Path, now: datetime, output: Output
) -> int:
    from modelway.data.suite.suggest import write_suite
    from modelway.pipeline.check_data import suggest

    suite, rows = suggest(options, prepare, root, now, output.progress)
    output.close()
    if not output.json:
        show_block(write_suite(suite, rows))
    record = suite.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    output.record({"exit_code": 0, "rows": rows, "check_data": record})
    return 0


def _read(args: argparse.Namespace) -> tuple[CheckDataOptions, PrepareOptions | None, Path]:
    """The settings; a proposal for a data set that the command line names needs none."""
    from modelway.records.check_data import CheckDataOptions

    if args.suggest and args.data is not None and args.config is None:
        try:
            find_settings(Path.cwd())
        except SettingsError:
            return CheckDataOptions(), None, Path.cwd()
    settings, root = read_slice(args)
    return settings.check_data, settings.prepare, root


def _with_flags(
    options: CheckDataOptions, prepare: PrepareOptions | None, args: argparse.Namespace
) -> CheckDataOptions:
    """The options with what the flags say; how the data are written stays what the settings say."""
    from modelway.records.data import DataOptions

    update: dict[str, object] = {}
    if args.data is not None:
        written = options.data or (prepare.data if prepare else None)
        uri = address(args.data)
        update["data"] = written.model_copy(update={"uri": uri}) if written else DataOptions(uri=uri)
    if args.baseline is not None:
        update["baseline"] = str(args.baseline.absolute())
    if args.expectations:
        update["expectations"] = (*options.expectations, *(str(path.absolute()) for path in args.expectations))
    return options.model_copy(update=update)


def _at_line(error: SettingsError | InputError, args: argparse.Namespace) -> SettingsError | InputError:
    """The error with the line of the key that it names, if it names one."""
    if not (error.where or "").startswith("check_data."):
        return error
    path = args.config or find_settings(Path.cwd())
    place = place_of(path, (error.where or "").split("."))
    return type(error)(error.what, where=place, remedy=error.advice)


def _moment(text: str) -> datetime:
    """A time with its zone; one without a zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
