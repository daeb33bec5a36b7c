"""Verify a bundle, and run its model on the reference rows in a separate process, with limits on time and memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.trust import add_trust_flag, project_trust

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway verify bundle --digest 5b9a415f… --public-key model.pub"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="what `package` wrote")
    parser.add_argument(
        "--digest", metavar="SHA256", help="the digest that it has to have: the registry and each release know it"
    )
    parser.add_argument("--public-key", type=Path, metavar="FILE", help="the key (PEM) of who has to have signed it")
    add_trust_flag(parser)
    parser.add_argument(
        "--no-run", action="store_true", help="load the model, and leave out its reference rows, which need pyarrow"
    )
    parser.add_argument(
        "--timeout", type=_positive, default=120.0, metavar="S", help="seconds to load and answer in (default: 120)"
    )
    parser.add_argument(
        "--memory", type=_positive, default=4.0, metavar="GB", help="memory that the model's process gets (default: 4)"
    )


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError(text)
    return value


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    trust = project_trust(args, args.directory)
    if args.public_key is not None:  # who names a key wants a signature
        trust = trust.model_copy(update={"public_key": str(args.public_key), "require_signature": True})
    from modelway.bundle import verify_bundle
    from modelway.bundle.trial import Limits

    limits = Limits(seconds=args.timeout, memory=int(args.memory * 2**30))
    report = verify_bundle(args.directory, trust, digest=args.digest, rows=not args.no_run, limits=limits)
    if not output.json:
        show(f"{report.info.name} version {report.info.version}: {report.digest}")
        for check in report.checks:
            show(f"{check.name + ':':<12}{check.detail}")
    output.record({"exit_code": 0, **report.model_dump(mode="json")})
    return 0
