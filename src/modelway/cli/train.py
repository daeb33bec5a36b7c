"""Prepare, fit, evaluate and register a model: the whole of continuous training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.fit import add_fit_flags, fit_overrides
from modelway.cli.output import show
from modelway.cli.prepare import add_data_flags, data_overrides
from modelway.cli.registry import add_registry_flags, find_commit, find_source, open_registry, registry_overrides
from modelway.cli.settings import read_settings
from modelway.cli.trust import find_trust
from modelway.cli.verdicts import evaluation_record, show_evaluation

if TYPE_CHECKING:
    from modelway.cli.output import Output
    from modelway.pipeline.train import Trained

EXAMPLE = "modelway train --epochs 100 --trials 20 --data data/loans.csv"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_data_flags(parser)
    add_fit_flags(parser)
    add_registry_flags(parser)
    parser.add_argument(
        "--output-dir", type=Path, default=Path("model-artifacts"), metavar="DIR", help="default: model-artifacts"
    )
    parser.add_argument(
        "--register",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether to register a model that passed (default: the settings')",
    )


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    overrides = [*data_overrides(args), *fit_overrides(args), *registry_overrides(args)]
    settings, root = read_settings(args, overrides)
    from modelway.pipeline.train import train

    commit = find_commit(root)
    trained = train(
        settings,
        open_registry(settings, root),
        root,
        args.output_dir,
        registers=settings.register_.by_default if args.register is None else args.register,
        commit=commit,
        source=find_source(root, commit),
        trusted=find_trust(args, settings, root).names,
        progress=output.progress,
    )
    output.close()
    if not output.json:
        show_evaluation(trained.evaluation)
        show(*_outcome(trained, args.output_dir))
    version = trained.known.number if trained.known else None
    created = bool(trained.registration and trained.registration.created)
    output.record(
        {
            "exit_code": trained.exit_code,
            "output": str(args.output_dir),
            "version": version,
            "created": created,
            **evaluation_record(trained.evaluation),
        }
    )
    return trained.exit_code


def _outcome(trained: Trained, directory: Path) -> tuple[str, str]:
    if trained.registration and trained.registration.created:
        version = trained.registration.version
        aliases = ", ".join(alias.value for alias in version.aliases)
        line = f"registered: {version.name} version {version.number} ({aliases})"
    elif trained.known:
        line = f"already version {trained.known.number}: this very model is registered"
    elif trained.exit_code:
        line = "not registered: the gates did not pass"
    else:
        line = "not registered: not asked to"
    return line, f"report: {directory / 'report.html'}"
