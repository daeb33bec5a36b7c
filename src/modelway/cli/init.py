"""Bring modelway into a project: settings, workflows, dagger.json. Nothing that is there is overwritten."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import modelway
from modelway.cli.output import show
from modelway.errors import GateError, SettingsError, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from modelway.adopt.looking import Found
    from modelway.adopt.settings_plan import Ask
    from modelway.cli.output import Output
    from modelway.records.adopt import Adoption, InitOptions, ModuleReference

EXAMPLE = "modelway init --data train.csv --target churned --module github.com/OWNER/REPO"
_MOST_SHOWN = 10


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    parser.add_argument(
        "directory", nargs="?", type=Path, default=Path(), metavar="DIR", help="the project (default: .)"
    )
    parser.add_argument("--data", metavar="URI", help="the data set (default: the only one there)")
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict")
    parser.add_argument("--task", choices=["classification", "regression"], help="default: by the target's values")
    parser.add_argument("--positive", metavar="VALUE", help="of two classes, the one whose probability is meant")
    parser.add_argument("--name", metavar="NAME", help="the model's name (default: the project's)")
    parser.add_argument(
        "--model",
        metavar="MODULE:FUNCTION",
        help="a model of your own, scikit-learn's interface (default: boosted trees)",
    )
    parser.add_argument(
        "--trusted", action="append", default=[], metavar="TYPE", help="a class that your model holds; may be repeated"
    )
    parser.add_argument(
        "--module",
        metavar="REF",
        help="the Dagger module, github.com/OWNER/REPO[@VERSION] (default: where this came from)",
    )
    parser.add_argument("--pin", metavar="COMMIT", help="the commit that the module's version is, for dagger.json")
    parser.add_argument("--no-workflows", action="store_true", help="settings alone: no workflows, no dagger.json")
    parser.add_argument(
        "--prefix", metavar="TEXT", help="what the workflows' names begin with (default: NAME- in a subdirectory)"
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: take what is proposed")
    parser.add_argument("--check", action="store_true", help="write nothing: say what is missing or differs (exit 4)")


def run(args: argparse.Namespace, output: Output) -> int:
    """Run the command."""
    from modelway.adopt.looking import look
    from modelway.adopt.settings_plan import SETTINGS
    from modelway.pipeline import init as stage

    if args.config is not None or args.set:
        raise UsageError("init writes settings and takes none", where="--config" if args.config else "--set")
    found = look(args.directory)
    name = _existing_name(found.root / SETTINGS)
    options = _options(args, found)
    if args.check:
        adoption = stage.check(found, options, name)
        lacking = [one for one in adoption.files if one.state in {"missing", "differs", "edited"}]
        _show(adoption, output, GateError.exit_code if lacking else 0)
        return GateError.exit_code if lacking else 0
    adoption = stage.init(found, options, name, asker(output, yes=args.yes), output.progress)
    output.close()
    _show(adoption, output, 0)
    if not output.json and name is None:
        _show_next(found, args.directory)
    return 0


def _options(args: argparse.Namespace, found: Found) -> InitOptions:
    from pydantic import ValidationError

    from modelway.records.adopt import InitOptions
    from modelway.records.data import Task

    if args.no_workflows and (args.module or args.pin or args.prefix):
        raise UsageError("--no-workflows leaves nothing for --module, --pin and --prefix to say")
    data = args.data
    if data is not None and "://" not in data:
        data = Path(os.path.relpath(Path(data).absolute(), found.root)).as_posix()
    try:
        return InitOptions(
            data=data,
            target=args.target,
            task=Task(args.task) if args.task else None,
            positive=args.positive,
            name=args.name,
            model=args.model,
            trusted=tuple(args.trusted),
            module=None if args.no_workflows else module_reference(args.module, args.pin),
            workflows=not args.no_workflows,
            prefix=args.prefix,
        )
    except ValidationError as error:
        detail = error.errors()[0]
        raise UsageError(
            f"{detail['input']!r} can't be used: {detail['msg']}", where=f"--{detail['loc'][0]}"
        ) from error


def module_reference(text: str | None, pin: str | None = None) -> ModuleReference | None:
    """The module that is named, else the one that this modelway was installed from; None where neither tells."""
    from modelway.adopt.origin import own_origin
    from modelway.records.adopt import ModuleReference

    own = own_origin()
    if text is None:
        text, commit = own or (None, None)
    else:
        commit = own[1] if own is not None and own[0] == text.partition("@")[0] and "@" not in text else None
    return ModuleReference.parse(text, f"v{modelway.__version__}", pin or commit) if text is not None else None


def _existing_name(path: Path) -> str | None:
    """The model's name in the settings that are there; those that can't be read are refused, not written anew."""
    from modelway.settings import load_settings

    if not os.path.lexists(path):
        return None
    if not path.is_file():
        raise SettingsError("this is no file", where=str(path), remedy="Remove it, or name another folder.")
    return load_settings(path).name


def asker(output: Output, *, yes: bool) -> Ask:
    """Who chooses: the first option with --yes, a person on a terminal, else nobody."""

    def ask(question: str, flag: str, options: Sequence[str]) -> str:
        if yes and options:
            return options[0]
        output.close()
        if output.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
            shown = ", ".join(options[:_MOST_SHOWN]) + (" ..." if len(options) > _MOST_SHOWN else "")
            remedy = f"Give {flag}" + (f": one of {shown}; or --yes for the first." if options else ".")
            remedy += " Or --no-workflows, for the settings alone." if flag == "--module" else ""
            raise UsageError(f"nothing answers: {question}", where=flag, remedy=remedy)
        return _ask_person(question, options, output)

    return ask


def _ask_person(question: str, options: Sequence[str], output: Output) -> str:
    answer = output.ask(question, options[:_MOST_SHOWN])
    if not answer and not options:
        raise UsageError("there was no answer")
    if answer.isdigit() and 0 < int(answer) <= len(options) and answer not in options:
        return options[int(answer) - 1]
    return answer or options[0]


def _show(adoption: Adoption, output: Output, exit_code: int) -> None:
    output.record(
        {"exit_code": exit_code, **adoption.model_dump(mode="json", exclude={"files": {"__all__": {"diff"}}})}
    )
    if output.json:
        return
    if adoption.target is not None:
        show(f"{adoption.name}: {adoption.task} of {adoption.target}, {adoption.rows:,} rows")
    for one in adoption.files:
        show(f"{one.state.value:<8}  {one.path}{f'  ({one.reason})' if one.reason else ''}")
    for note in adoption.notes:
        show(f"note: {note}")


def _show_next(found: Found, directory: Path) -> None:
    place = "" if found.root == Path.cwd() else f"cd {directory} && "
    show(f"next: {place}modelway train, modelway deploy --env local, modelway init --check")
