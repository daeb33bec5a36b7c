"""The entry point: finds the command, runs it, turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import signal
import sys
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import modelway
from modelway.cli.output import Output
from modelway.errors import INTERRUPTED, ModelwayError, OutsideError
from modelway.escaping import guard_streams, printable
from modelway.redaction import hide_password
from modelway.waiting import shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

COMMANDS = {
    "init": "bring modelway into a project: settings, workflows, dagger.json",
    "upgrade": "bring the workflows that init wrote to this version's",
    "sample": "write the sample data set",
    "schema": "print the JSON Schema of the settings",
    "doctor": "look at all that a command would need, and say what to do",
    "ci": "run all parts of continuous integration",
    "audit": "look for vulnerable dependencies and images, risky code, secrets and model files that run code",
    "check-code": "look at the code: format, lint, types",
    "check-data": "check a data set against its columns and a suite, and write data docs",
    "test": "run the project's tests, with coverage",
    "smoke-train": "train a little, and check that what came out can be used",
    "changed": "say what changed since a revision, and what has to run for it",
    "train": "prepare, fit, evaluate and register a model",
    "prepare": "read, check and split a data set",
    "fit": "fit a model on a prepared data set",
    "evaluate": "measure a model on held-out rows and judge it by the gates",
    "register": "register a model that passed its gates",
    "pull": "fetch a registered version's files",
    "promote": "make a registered version the champion",
    "reproduce": "train a registered version again, and compare",
    "release": "publish a registered version as a GitHub release",
    "package": "make a registered version a bundle that can be served",
    "verify": "see that a bundle is what was packaged: files, digest, signature, provenance",
    "serve": "serve a bundle over HTTP",
    "batch": "score a data set with a registered version",
    "smoke": "ask a running endpoint real questions",
    "deploy": "put a registered version on a target, smoke it, roll back where it fails",
    "status": "tell what an environment runs",
    "flags": "show or set which requests a challenger gets",
    "rollout": "take a challenger to all of the traffic, or back, by evidence",
    "rollback": "go back to the release before",
    "stop": "end what an environment runs",
    "monitor": "watch a live model: drift, performance, a dashboard, a decision",
    "performance": "say how a live model performs, by the labels that have come in",
    "drift": "say which inputs and outputs of a live model have moved",
    "log": "compact the prediction log: many small segments into few Parquet files",
}
"""Every command with its one line of help; `cli/NAME.py` is imported only when it is run, so that --help is quick."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    guard_streams()
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run a command line and give its exit code; nothing but a usage message of argparse exits by itself."""
    signal.signal(signal.SIGTERM, _interrupt)
    args = _parse(argv)
    output = Output(json=args.json, verbose=args.verbose)
    try:
        # A server has a log of its own, and must not fork next to a thread.
        with nullcontext() if args.command == "serve" else shown(output.waiting):
            return int(args.entry(args, output))
    except KeyboardInterrupt:
        output.note("interrupted; nothing half-written is left")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone; without this Python complains once more as it closes the stream. It is no
        # success: what was to be told, a gate's verdict maybe, was not.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OutsideError.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: whatever nobody expected is a bug
        known = _in_our_words(error)
        output.error(known)
        if output.verbose and known.exit_code == ModelwayError.exit_code:
            output.block(hide_password("".join(traceback.format_exception(error))))
        return known.exit_code


def _in_our_words(error: Exception) -> ModelwayError:
    if isinstance(error, ModelwayError):
        return error
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        return OutsideError(f"can't write: {error.strerror}", where=error.filename, remedy="Free space and try again.")
    last = traceback.extract_tb(error.__traceback__)[-1]
    return ModelwayError(
        f"this is a bug in modelway: {type(error).__name__}: {error}",
        where=f"{Path(last.filename).name}:{last.lineno}",
        remedy="Run it again with --verbose and report what it prints.",
    )


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """A polite kill takes the same way out as Ctrl-C."""
    raise KeyboardInterrupt


def build_command(name: str, parser: argparse.ArgumentParser) -> None:
    """Give a command's parser its words, its flags, and what runs it."""
    module: Any = importlib.import_module(f"modelway.cli.{name.replace('-', '_')}")
    parser.description = module.__doc__
    parser.epilog = f"example: {module.EXAMPLE}"
    module.configure(parser)
    parser.set_defaults(entry=module.run)


class _Parser(argparse.ArgumentParser):
    """A parser whose messages show odd arguments on one line, and have no colours, which the guard would show."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.color = False  # of Python 3.14

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong, and exit with 2."""
        super().error(printable(message))


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    shared = shared_flags()
    parser = _Parser(
        prog="modelway",
        description=modelway.__doc__,
        epilog="example: modelway train --epochs 50",
        parents=[shared],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"modelway {modelway.__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, dest="command")
    wanted = next((word for word in argv if word in COMMANDS), None)
    for name, line in COMMANDS.items():
        if name == wanted:
            build_command(name, subparsers.add_parser(name, help=line, parents=[shared], allow_abbrev=False))
        else:
            subparsers.add_parser(name, help=line)
    args = parser.parse_args(argv)
    for flag, default in (("config", None), ("json", False), ("verbose", False), ("set", [])):
        if not hasattr(args, flag):
            setattr(args, flag, default)
    return args


def shared_flags() -> _Parser:
    """Flags of every command, before or after its name; no defaults, so that the one place doesn't undo the other."""
    shared = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    shared.add_argument(
        "--config", type=Path, metavar="FILE", help="the settings (default: modelway.yaml here or above)"
    )
    shared.add_argument("--set", action="append", metavar="A.B=C", help="override a value of the settings")
    shared.add_argument("--json", action="store_true", help="print one JSON record instead of text")
    shared.add_argument("--verbose", action="store_true", help="say more, and show where a bug comes from")
    return shared
