"""Make a registered version a bundle: a directory that can be served without what trained it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, open_registry, registry_overrides
from modelway.cli.settings import read_slice
from modelway.cli.trust import add_trust_flag, find_trust
from modelway.records.trust import TRUST

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output

EXAMPLE = "modelway package --version champion --output bundle"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "--version", required=True, metavar="VERSION", help="a number, alias, run, release tag or latest"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the bundle goes")
    parser.add_argument(
        "--private-key", type=Path, metavar="FILE", help="sign it with this key of an elliptic curve (PEM)"
    )
    add_trust_flag(parser)
    add_registry_flags(parser)


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args, registry_overrides(args))
    from modelway.pipeline.package import package

    registry = open_registry(settings, root)
    version, packed = package(
        registry,
        settings.package,
        args.version,
        args.output,
        private_key=args.private_key,
        trusted=find_trust(args, settings, root).names,
        progress=output.progress,
    )
    output.close()
    compared = packed.comparison
    if not output.json:
        show(f"{version.name} version {version.number} is in {args.output} ({packed.info.format})")
        show(
            f"compared: the same decisions on {compared.held_out_rows:,} held-out and {compared.awkward_rows:,} "
            f"awkward rows; outputs differ by {compared.largest_difference:.3g} at the most"
        )
        show(f"digest: {packed.digest}")
        if packed.trusted:
            show(f"elsewhere it has to be trusted: {TRUST}={','.join(packed.trusted)}")
    output.record(
        {
            "exit_code": 0,
            "output": str(args.output),
            "digest": packed.digest,
            "signed": args.private_key is not None,
            "trusted": packed.trusted,
            "bundle": packed.info.model_dump(mode="json"),
            "comparison": compared.model_dump(mode="json"),
        }
    )
    return 0
