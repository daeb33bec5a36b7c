"""The functions of the Dagger module, read from its source: what an engine would tell, without one."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from pathlib import Path

from tools.reference.markdown import anchor, code, page, plain, prose, table

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


def functions_page() -> str:
    """The page."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    aliases = {
        node.targets[0].id: _read("", node.value, {})
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and ast.unparse(node.value).startswith("Annotated[")
    }
    (module,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    found = [node for node in module.body if isinstance(node, ast.AsyncFunctionDef) and _is_function(node)]
    links = ((f"[{code(_kebab(one.name))}](#{anchor(_kebab(one.name))})", _first_line(one)) for one in found)
    fields = [
        replace(_read(node.target.id, node.annotation, aliases), default=_default(node.value))
        for node in module.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    shared = f"## Arguments of the module\n\n{_table(fields)}"
    index = table(("function", "does"), links)
    return page("Dagger functions", MADE_OF, ABOUT, index, shared, *(_section(one, aliases) for one in found))


def _section(node: ast.AsyncFunctionDef, aliases: dict[str, Argument]) -> str:
    text, _, example = (ast.get_docstring(node) or "").partition("Example: ")
    check = "`dagger check` runs it, too." if any(ast.unparse(one) == "checked" for one in node.decorator_list) else ""
    shown = f"```text\n{' '.join(example.split())}\n```" if example else ""
    missing = len(node.args.args) - len(node.args.defaults)
    defaults = [None] * missing + list(node.args.defaults)
    arguments = [
        replace(_read(one.arg, one.annotation, aliases), default=_default(default))
        for one, default in zip(node.args.args, defaults, strict=True)
        if one.arg not in {"self", "workspace"}  # the CLI itself gives the workspace
    ]
    return "\n\n".join(filter(None, [f"## {_kebab(node.name)}", prose(text), check, shown, _table(arguments)]))


def _table(arguments: list[Argument]) -> str:
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


def _first_line(node: ast.AsyncFunctionDef) -> str:
    return plain((ast.get_docstring(node) or "").partition("\n")[0])


def _kebab(name: str) -> str:
    return name.replace("_", "-")
