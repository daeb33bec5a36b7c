"""Run mutation tests: map lines to tests, then run hand-made faults or mutants against the tests near them."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path

from tools.mutants.choosing import Chooser
from tools.mutants.faults import FaultError, read_faults
from tools.mutants.mapping import make_map
from tools.mutants.report import table
from tools.mutants.scratch import project_files
from tools.mutants.session import Session

DONE, USAGE = 0, 2


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the project (default: the current folder)")
    commands = parser.add_subparsers(dest="command", required=True)
    mapped = commands.add_parser("map", help="run tests with coverage contexts and keep which test runs which line")
    mapped.add_argument("tests", nargs="*", help="files or folders of tests (default: all that are not slow)")
    mapped.add_argument("--workers", default="auto", help="processes that run tests (default: auto)")
    by_hand = commands.add_parser("faults", help="run hand-made faults")
    by_hand.add_argument("file", type=Path, help='a JSON list of {"id", "capability", "file", "old", "new", "why"}')
    for command in (by_hand,):
        command.add_argument("--jobs", type=int, default=2, help="faults that are tried at once (default: 2)")
        command.add_argument(
            "--limit", type=float, default=60, help="seconds of tests for a fault, 0 for all that run its lines"
        )
        command.add_argument("--fresh", action="store_true", help="forget earlier results")
    options = parser.parse_args(argv)
    root = options.root.resolve()
    try:
        if options.command == "map":
            print(make_map(root, root / ".mutants" / "maps", options.tests, ["-n", options.workers]))
            return DONE
        return _faults(root, options)
    except FaultError as error:
        print(error, file=sys.stderr)
        return USAGE


def _basis(root: Path, names: list[str], limit: float) -> str:
    """Digest what an unseen fault depends on besides itself: the tests, and how many of them are run."""
    digest = hashlib.sha256(str(limit).encode())
    for name in names:
        if name.startswith("tests/") and (root / name).is_file():
            digest.update(name.encode() + b"\0" + (root / name).read_bytes())
    return digest.hexdigest()[:32]


def _faults(root: Path, options: argparse.Namespace) -> int:
    names = project_files(root)
    faults = read_faults(options.file, root, set(names))
    state = root / ".mutants" / "results" / f"{options.file.stem}.jsonl"
    if options.fresh:
        state.unlink(missing_ok=True)
    maps = root / ".mutants" / "maps"
    if not any(maps.glob("[0-9]*/tests.jsonl")):
        raise FaultError(f"No map from lines to tests in {maps}; make one with `make mutants-map`.")
    session = Session(state, Chooser(root, maps), options.limit, _basis(root, names, options.limit))
    results = []
    for number, (fault, result) in enumerate(session.run(root, faults, options.jobs), 1):
        results.append(result)
        ran = f"{result.tests} tests that {result.reason}, {result.cut} cut, {result.seconds:.0f} s"
        print(f"{number}/{len(faults)} {result.verdict:6} {fault.id} ({fault.file}) {result.by} [{ran}]", flush=True)
    print(table(results))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
