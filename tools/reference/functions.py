"""The functions of the Dagger module, read from its source: what an engine would tell, without one."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tools.reference.markdown import anchor, code, page, plain, prose, table

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE = Path(__file__).resolve().parents[2] / "ci" / "src" / "modelway_ci" / "main.py"
MADE_OF = "ci/src/modelway_ci/main.py"
ABOUT = (
    "`dagger call FUNCTION --help` says the same. Arguments of the module stand before the function's name:"
    " `dagger call --config FILE train`. `dagger check` runs the functions that are marked as checks."
)
_FUNCTION = re.compile(r"always\b|function\b")


@dataclass(frozen=True)
class Argument:
    """An argument as the command line has it."""

    name: str
    kind: str
    about: str = ""
    default: str = ""


@dataclass(frozen=True)
class Function:
    """A function of the module.

    Attributes:
        name: as the command line has it.
        text: its docstring.
        check: whether `dagger check` runs it.
        arguments: its own, without the module's.
    """

    name: str
    text: str
    check: bool
    arguments: tuple[Argument, ...]


def read_module() -> tuple[list[Argument], list[Function]]:
    """The module's own arguments, and its functions."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    aliases = {
        node.targets[0].id: _read("", node.value, {})
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and ast.unparse(node.value).startswith("Annotated[")
    }
    (module,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    own = [
        replace(_read(node.target.id, node.annotation, aliases), default=_default(node.value))
        for node in module.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    found = [node for node in module.body if isinstance(node, ast.AsyncFunctionDef)]
    return own, [_function(node, aliases) for node in found if _is_function(node)]


def functions_page() -> str:
    """The page."""
    own, functions = read_module()
    links = ((f"[{code(one.name)}](#{anchor(one.name)})", plain(one.text.partition("\n")[0])) for one in functions)
    shared = f"## Arguments of the module\n\n{_table(own)}"
    return page(
        "Dagger functions", MADE_OF, ABOUT, table(("function", "does"), links), shared, *map(_section, functions)
    )


def _section(function: Function) -> str:
    text, _, example = function.text.partition("Example: ")
    check = "`dagger check` runs it, too." if function.check else ""
    shown = f"```text\n{' '.join(example.split())}\n```" if example else ""
    parts = [f"## {function.name}", prose(text), check, shown, _table(function.arguments)]
    return "\n\n".join(filter(None, parts))


def _function(node: ast.AsyncFunctionDef, aliases: dict[str, Argument]) -> Function:
    missing = len(node.args.args) - len(node.args.defaults)
    defaults = [None] * missing + list(node.args.defaults)
    arguments = tuple(
        replace(_read(one.arg, one.annotation, aliases), default=_default(default))
        for one, default in zip(node.args.args, defaults, strict=True)
        if one.arg not in {"self", "workspace"}  # the CLI itself gives the workspace
    )
    check = any(ast.unparse(one) == "checked" for one in node.decorator_list)
    return Function(_kebab(node.name), ast.get_docstring(node) or "", check, arguments)


def _table(arguments: Iterable[Argument]) -> str:
    rows = ((code(f"--{one.name}"), one.kind, one.default, plain(one.about)) for one in arguments)
    return table(("argument", "type", "default", ""), rows)


def _read(name: str, annotation: ast.expr | None, aliases: dict[str, Argument]) -> Argument:
    """An argument from its annotation: a type, `Annotated[type, Doc(...), Name(...)]`, or the name of one of those."""
    if isinstance(annotation, ast.Name) and annotation.id in aliases:
        alias = aliases[annotation.id]
        return replace(alias, name=alias.name or _kebab(name))
    if not (isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple)):
        return Argument(_kebab(name), _type("" if annotation is None else ast.unparse(annotation)))
    kind, *told = annotation.slice.elts
    words = {
        one.func.id: ast.literal_eval(one.args[0])
        for one in told
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in {"Doc", "Name"}
    }
    return Argument(words.get("Name", _kebab(name)), _type(ast.unparse(kind)), words.get("Doc", ""))


def _type(text: str) -> str:
    return re.sub(r"list\[(\w+)\]", r"list of \1", text.replace("dagger.", "").replace(" | None", ""))


def _default(value: ast.expr | None) -> str:
    if value is None:
        return "required"
    if not isinstance(value, ast.Constant) or value.value is None:
        return ""
    return code(str(value.value).lower() if isinstance(value.value, bool) else str(value.value))


def _is_function(node: ast.AsyncFunctionDef) -> bool:
    return any(_FUNCTION.match(ast.unparse(decorator)) for decorator in node.decorator_list)


def _kebab(name: str) -> str:
    return name.replace("_", "-")
