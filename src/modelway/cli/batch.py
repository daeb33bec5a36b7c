"""Score a data set with a registered version; killed and started again with the same --run, it goes on where it was."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.notices import tell
from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, open_registry, registry_overrides
from modelway.cli.settings import address, read_slice
from modelway.cli.trust import add_trust_flag, find_trust
from modelway.errors import ModelwayError, UsageError
from modelway.records.trust import is_pem, locate_key
from modelway.settings import Override

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from modelway.batch.run import Outcome, Request
    from modelway.cli.output import Output
    from modelway.records.batch import BatchOptions
    from modelway.records.data import DataOptions
    from modelway.records.settings import SettingsSlice
    from modelway.records.trust import Trust

EXAMPLE = "modelway batch --input data/new --output predictions --run 2026-11-26"

_FLAGS = ("model_version", "batch_size", "engine", "ray_address", "workers", "memory", "max_rejects", "public_key")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--input", metavar="URI", help="a file, folder, glob or s3:// address instead of the settings'")
    what.add_argument("--sample", action="store_true", help="score the held-out rows that come with the model")
    parser.add_argument("--output", metavar="URI", help="where each run gets a folder (default: the settings')")
    parser.add_argument(
        "--run", metavar="ID", help="the run's name; that of an earlier one goes on (default: a new one)"
    )
    parser.add_argument(
        "--model-version", metavar="VERSION", help="a number, alias, run, release tag or latest (default: champion)"
    )
    parser.add_argument("--bundle", type=Path, metavar="DIR", help="what `package` wrote, instead of a version")
    parser.add_argument("--batch-size", type=int, metavar="N", help="rows that the model scores at a time")
    parser.add_argument(
        "--max-rejects", type=float, metavar="N", help="rows that may be refused; below 1 a share of all"
    )
    parser.add_argument("--engine", choices=("local", "ray"), help="processes of this machine, or a Ray cluster")
    parser.add_argument("--ray-address", metavar="ADDRESS", help="the cluster (default: Ray's own)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that score (default: one a core)")
    parser.add_argument("--memory", metavar="SIZE", help="what all of them may hold, as 500MB or 2GB")
    parser.add_argument("--public-key", metavar="FILE", help="the key (PEM) that the bundle is signed with")
    parser.add_argument("--require-signature", action="store_true", help="refuse a bundle without a valid signature")
    add_trust_flag(parser)
    parser.add_argument(
        "--report", type=Path, default=Path("reports/batch"), metavar="DIR", help="default: reports/batch"
    )
    parser.add_argument("--notify-success", action="store_true", help="tell Slack also where all went well")
    add_registry_flags(parser)
    parser.epilog = f"{parser.epilog}. Slack hears of failures where SLACK_WEBHOOK is set."


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    # One thread for linear algebra: the cores are for workers, and idle threads would spin.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    name = _checked(args.run) if args.run is not None else _new_run()
    with _telling(name, output):
        settings, root = read_slice(args, [*registry_overrides(args), *_overrides(args)])
        outcome = _score(args, output, settings, root, name)
        if outcome.error is not None:
            raise outcome.error
    _show(output, outcome, args.report)
    if args.notify_success or settings.batch.notify_success:
        tell(f"batch run {name} is done", [_sentence(outcome)], output)
    return 0


@contextmanager
def _telling(name: str, output: Output) -> Iterator[None]:
    """Tell people of a run that fails, also where it fails before anything was scored."""
    title = f"batch run {name} failed (exit {{}})"
    try:
        yield
    except KeyboardInterrupt:
        output.note(f"interrupted; start it again with --run {name} to go on")
        raise
    except ModelwayError as error:
        tell(title.format(error.exit_code), str(error).split("\n"), output)
        raise
    except Exception as error:
        # What it says may hold rows; the log has it.
        tell(title.format(ModelwayError.exit_code), [type(error).__name__], output)
        raise


def _score(args: argparse.Namespace, output: Output, settings: SettingsSlice, root: Path, name: str) -> Outcome:
    from modelway.pipeline.batch import batch, bring_bundle

    options = settings.batch
    trust = _trust(args, settings, root)
    if args.bundle is not None:
        bundle = args.bundle
    else:
        bundle, recorded = bring_bundle(open_registry(settings, root), options, settings.package, root, trust)
        trust = trust.with_names(recorded)
    request = _request(settings, root, bundle, name, _source(args, settings, root, bundle), trust)
    if args.run is None:
        output.note(f"run {name}")
    outcome = batch(request, args.report, output.progress)
    output.close()
    return outcome


def _trust(args: argparse.Namespace, settings: SettingsSlice, root: Path) -> Trust:
    """Return the project's policy; batch may name another key."""
    trust = find_trust(args, settings, root)
    key = settings.batch.public_key
    return trust.model_copy(update={"public_key": locate_key(key, root)}) if key else trust


def _request(
    settings: SettingsSlice, root: Path, bundle: Path, name: str, source: DataOptions, trust: Trust
) -> Request:
    from modelway.batch.run import Request
    from modelway.records.data import HashSplit, S3Options, StratifiedSplit

    options, prepare = settings.batch, settings.prepare
    keys = options.keys
    if keys is None:
        keys = prepare.split.key if prepare and isinstance(prepare.split, HashSplit | StratifiedSplit) else ()
    return Request(
        options=options,
        source=source,
        bundle=bundle,
        output=_output(options, root),
        run=name,
        now=datetime.now(UTC).isoformat(timespec="seconds"),
        keys=keys,
        s3=options.s3 or (prepare.s3 if prepare else S3Options()),
        declared=dict(prepare.columns) if prepare else {},
        trust=trust,
        modules=(str(root),),
    )


def _output(options: BatchOptions, root: Path) -> str:
    return options.output if "://" in options.output else str(root / options.output)


def _source(args: argparse.Namespace, settings: SettingsSlice, root: Path, bundle: Path) -> DataOptions:
    """What is scored; how its CSV files are written is what the settings say."""
    from modelway.bundle.layout import REFERENCE
    from modelway.records.data import DataOptions

    known = settings.batch.input or (settings.prepare.data if settings.prepare else DataOptions(uri=""))
    if args.sample:
        return known.model_copy(update={"uri": str((bundle / REFERENCE).absolute()), "include": (), "exclude": ()})
    if args.input is not None:
        return known.model_copy(update={"uri": address(args.input), "include": (), "exclude": ()})
    if settings.batch.input is None:
        raise UsageError(
            "nothing says what to score", remedy="Give --input or --sample, or set batch.input in the settings."
        )
    return known if "://" in known.uri else known.model_copy(update={"uri": str(root / known.uri)})


def _overrides(args: argparse.Namespace) -> list[Override]:
    """What flags override of the settings."""
    values = {name: getattr(args, name) for name in _FLAGS}
    for name in ("output", "public_key"):
        given = getattr(args, name)
        values[name] = given if given is None or is_pem(given) else address(given)
    if args.require_signature:
        values["require_signature"] = True
    return [
        Override(f"--{name.replace('_', '-')}", ("batch", name), value)
        for name, value in values.items()
        if value is not None
    ]


def _checked(run: str) -> str:
    from modelway.records.batch import RUN_NAME

    if not re.fullmatch(RUN_NAME, run):
        raise UsageError(
            f"{run!r} can't name a run", where="--run", remedy="Use letters, digits, hyphens, underscores and dots."
        )
    return run


def _new_run() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def _sentence(outcome: Outcome) -> str:
    summary = outcome.result.summary
    rejects = f", {summary.rejects:,} refused" if summary.rejects else ""
    return f"{summary.predicted:,} of {summary.rows:,} rows scored by version {summary.plan.model.version}{rejects}"


def _show(output: Output, outcome: Outcome, report: Path) -> None:
    result, summary, timings = outcome.result, outcome.result.summary, outcome.result.timings
    if not output.json:
        if not outcome.fresh:
            show("this run is there already; nothing was done")
        show(_sentence(outcome))
        if summary.ignored:
            show(f"ignored: {', '.join(summary.ignored)}")
        show(f"predictions: {result.output}/predictions")
        show(f"report: {report / 'report.html'}")
    output.record(
        {
            "exit_code": 0,
            "run": summary.plan.run,
            "output": result.output,
            "report": str(report),
            "fresh": outcome.fresh,
            "version": summary.plan.model.version,
            "rows": summary.rows,
            "predicted": summary.predicted,
            "rejects": summary.rejects,
            "ignored": list(summary.ignored),
            "seconds": timings.seconds if timings else None,
        }
    )
