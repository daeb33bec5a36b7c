"""Run mutation tests: map lines to tests, then run hand-made faults or mutants against the tests near them."""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.mutants.choosing import Chooser
from tools.mutants.faults import FaultError, read_faults
from tools.mutants.mapping import make_map
from tools.mutants.report import table
from tools.mutants.scratch import project_files
from tools.mutants.session import Session

if TYPE_CHECKING:
    from tools.mutants.faults import Fault
    from tools.mutants.session import Result

DONE, USAGE = 0, 2


def main(argv: list[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(argv)
    root = options.root.resolve()
    try:
        if options.command == "map":
            print(make_map(root, root / ".mutants" / "maps", options.tests, ["-n", options.workers]))
            return DONE
        names = project_files(root)
        if options.command == "faults":
            faults, state = read_faults(options.file, root, set(names)), options.file.stem
        else:
            faults, state = _mutants(root, names, options), "mutants"
        results = _results(root, names, faults, state, options)
    except FaultError as error:
        print(error, file=sys.stderr)
        return USAGE
    print(table(results))
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the project (default: the current folder)")
    commands = parser.add_subparsers(dest="command", required=True)
    mapped = commands.add_parser("map", help="run tests with coverage contexts and keep which test runs which line")
    mapped.add_argument("tests", nargs="*", help="files or folders of tests (default: all that are not slow)")
    mapped.add_argument("--workers", default="auto", help="processes that run tests (default: auto)")
    by_hand = commands.add_parser("faults", help="run hand-made faults")
    by_hand.add_argument("file", type=Path, help='a JSON list of {"id", "capability", "file", "old", "new", "why"}')
    mutated = commands.add_parser("run", help="run mutants of files, or of the lines that a branch changed")
    mutated.add_argument("paths", nargs="*", default=["src/modelway"], help="files or folders (default: src/modelway)")
    mutated.add_argument("--changed", metavar="REF", help="only lines that differ from where the branch left REF")
    mutated.add_argument("--sample", type=int, help="only so many mutants, drawn at random")
    mutated.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    for command in (by_hand, mutated):
        command.add_argument("--jobs", type=int, default=2, help="faults that are tried at once (default: 2)")
        command.add_argument(
            "--limit",
            type=float,
            default=60,
            help="seconds of tests per fault; 0 for all that run its lines (default: 60)",
        )
        command.add_argument(
            "--patience",
            type=float,
            default=60,
            help="seconds before tests count as hanging, in addition to their own (default: 60)",
        )
        command.add_argument("--fresh", action="store_true", help="forget earlier results")
    return parser


def _mutants(root: Path, names: list[str], options: argparse.Namespace) -> list[Fault]:
    # libcst and mutmut take a second to import, and hand-made faults need neither.
    from tools.mutants.operators import changed_lines, files_below, mutants_of

    files = files_below(options.paths, names)
    if not files:
        raise FaultError(f"No Python file of the project is one of, or lies below: {' '.join(options.paths)}")
    found = []
    for file in files:
        lines = changed_lines(root, options.changed, file) if options.changed else None
        if lines is None or lines:
            made = mutants_of(file, (root / file).read_text(encoding="utf-8"))
            found += [one for one in made if lines is None or one.line in lines]
    if options.sample is not None:
        found = random.Random(options.seed).sample(found, min(options.sample, len(found)))  # noqa: S311
    return [fault for one in found if (fault := one.fault())]


def _basis(root: Path, names: list[str], maps: Path, limit: float) -> str:
    """Digest what an unseen fault depends on in addition to itself: the tests, and which of them are chosen."""
    digest = hashlib.sha256(repr((limit, sorted(path.name for path in maps.iterdir()))).encode())
    for name in names:
        if name.startswith("tests/") and (root / name).is_file():
            digest.update(name.encode() + b"\0" + (root / name).read_bytes())
    return digest.hexdigest()[:32]


def _results(
    root: Path, names: list[str], faults: list[Fault], state: str, options: argparse.Namespace
) -> list[Result]:
    folder = root / ".mutants"
    path = folder / "results" / f"{state}.jsonl"
    if not any((folder / "maps").glob("[0-9]*/tests.jsonl")):
        raise FaultError(f"No map from lines to tests in {folder / 'maps'}; make one with `make mutants-map`.")
    if options.fresh:
        path.unlink(missing_ok=True)
    basis = _basis(root, names, folder / "maps", options.limit)
    types = options.command == "run"
    session = Session(
        path, Chooser(root, folder / "maps"), options.limit, basis, patience=options.patience, types=types
    )
    results = []
    for number, (fault, result) in enumerate(session.run(root, faults, options.jobs), 1):
        results.append(result)
        ran = f"{result.tests} tests that {result.reason}, {result.cut} cut, {result.seconds:.0f} s"
        print(f"{number}/{len(faults)} {result.verdict:6} {fault.id} ({fault.file}) {result.by} [{ran}]", flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
