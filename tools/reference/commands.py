"""Every command with its arguments, as argparse knows them."""

from __future__ import annotations

import argparse

from modelway.cli.main import COMMANDS, build_command, shared_flags
from tools.reference.markdown import anchor, code, page, plain, prose, table

MADE_OF = "the parsers of src/modelway/cli"
HEAD = ("argument", "what it does")


def commands_page() -> str:
    """The page."""
    index = table(("command", "does"), ((f"[{code(name)}](#{anchor(name)})", line) for name, line in COMMANDS.items()))
    shared = f"## Arguments of every command\n\n{_arguments(shared_flags())}"
    return page(
        "Commands", MADE_OF, "`modelway COMMAND --help` says the same.", index, shared, *map(_command, COMMANDS)
    )


def _command(name: str) -> str:
    parser = argparse.ArgumentParser(prog=f"modelway {name}")
    build_command(name, parser)
    example = (parser.epilog or "").removeprefix("example: ")
    line, _, rest = example.partition(". ")
    parts = [f"## {name}", prose(parser.description), f"```text\n{line}\n```", plain(rest), _arguments(parser)]
    return "\n\n".join(filter(None, parts))


def _arguments(parser: argparse.ArgumentParser) -> str:
    actions = [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]  # noqa: SLF001
    return table(HEAD, ((_names(action), _meaning(action, parser.prog)) for action in actions))


def _names(action: argparse.Action) -> str:
    if not action.option_strings:
        return code(_placeholder(action))
    value = f" {_placeholder(action)}" if action.nargs != 0 else ""
    return ", ".join(code(f"{option}{value}") for option in action.option_strings)


def _placeholder(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    if metavar is None and action.choices is not None:
        return "|".join(map(str, action.choices))
    name = metavar or action.dest.upper()
    return {"?": f"[{name}]", "*": f"[{name} ...]", "+": f"{name} ..."}.get(str(action.nargs), name)


def _meaning(action: argparse.Action, prog: str) -> str:
    about = plain((action.help or "") % {**vars(action), "prog": prog})
    if action.choices is not None and action.metavar is not None:
        about += f": {', '.join(map(str, action.choices))}"
    if action.required and action.option_strings:
        about += " (required)"
    elif "default" not in about and type(action.default) in {int, float, str} and action.default != argparse.SUPPRESS:
        about += f" (default: {action.default})"
    return about
