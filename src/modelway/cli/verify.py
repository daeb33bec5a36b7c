"""See that a bundle is what was packaged: its files, digest, signature, provenance and bill of materials."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    from modelway.bundle import verify_bundle

    # Who names a key wants a signature.
    report = verify_bundle(
        args.directory,
        digest=args.digest,
        public_key=args.public_key,
        require_signature=args.public_key is not None,
    )
    if not output.json:
        print(f"{report.info.name} version {report.info.version}: {report.digest}")
        for check in report.checks:
            print(f"{check.name + ':':<12}{check.detail}")
    output.record({"exit_code": 0, **report.model_dump(mode="json")})
    return 0
