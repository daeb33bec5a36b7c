"""Train a registered version again from what was recorded of it, and say whether the same model comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from modelway.cli.output import show
from modelway.cli.registry import add_registry_flags, find_commit, find_source, open_registry, registry_overrides
from modelway.cli.settings import address, read_slice
from modelway.cli.trust import add_trust_flag, find_trust
from modelway.errors import GateError

if TYPE_CHECKING:
    import argparse

    from modelway.cli.output import Output
    from modelway.records.recipe import Reproduction

EXAMPLE = "modelway reproduce champion --output again"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument("version", metavar="VERSION", help="a number, alias, run, release tag or latest")
    parser.add_argument("--data", metavar="URI", help="where its data are now (default: where they were)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="keep the model directory that came out")
    add_trust_flag(parser)
    add_registry_flags(parser)
    parser.epilog = f"{parser.epilog}. It ends with 0 where the digests are the same, with 4 where they differ."


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    settings, root = read_slice(args, registry_overrides(args))
    from modelway.pipeline.reproduce import reproduce

    commit = find_commit(root)
    told = reproduce(
        open_registry(settings, root),
        args.version,
        root,
        args.output,
        data=None if args.data is None else address(args.data),
        commit=commit,
        lock=find_source(root, None).get("lock_digest"),
        trusted=find_trust(args, settings, root).with_names(settings.fit.code).names,
        progress=output.progress,
    )
    output.close()
    code = 0 if told.same else GateError.exit_code
    if not output.json:
        _show(told)
        if args.output is not None and told.trained is not None:
            show(f"what came out is in {args.output}")
    output.record({"exit_code": code, "same": told.same, **told.model_dump(mode="json")})
    return code


def _show(told: Reproduction) -> None:
    if told.same:
        show(f"version {told.version} is reproduced, bit for bit: {told.registered}")
    elif told.trained is None:
        show(f"version {told.version} was not trained again: its data are others now")
    else:
        show(f"version {told.version} is not reproduced: {told.registered} was registered, {told.trained} came out")
    if told.files:
        show(f"files that differ: {', '.join(told.files)}")
    if told.differences:
        show("what changed since, and changed nothing:" if told.same else "what differs:")
    for one in told.differences:
        show(f"  {one}")
