"""The words below a record's fields, for the JSON Schema: read from the source when wanted, not at each import."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modelway.records.base import Record


def described_schema(kind: type[Record]) -> dict[str, Any]:
    """A record's JSON Schema in which each field has the words that stand below it as its description."""
    schema: dict[str, Any] = kind.model_json_schema()
    schemas = {kind.__name__: schema, **schema.get("$defs", {})}
    for record in _records():
        # Two records of one name are told apart by their modules.
        longer = f"{record.__module__.replace('.', '__')}__{record.__qualname__}"
        fields = (schemas.get(longer) or schemas.get(record.__name__, {})).get("properties", {})
        for name, text in _texts(record).items():
            field = fields.get(record.model_fields[name].alias or name)
            if field is not None:
                field.setdefault("description", text)
    return schema


def _records() -> Iterator[type[Record]]:
    from modelway.records.base import Record

    waiting = Record.__subclasses__()
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += kind.__subclasses__()


def _texts(record: type[Record]) -> dict[str, str]:
    """The text below each field, those of its bases among them."""
    found: dict[str, str] = {}
    for kind in reversed(record.__mro__):
        if kind.__module__.startswith(__package__):
            found |= _texts_of_module(kind.__module__).get(kind.__name__, {})
    return {name: text for name, text in found.items() if name in record.model_fields}


@cache
def _texts_of_module(name: str) -> dict[str, dict[str, str]]:
    """The texts of all classes of a module, by class and field."""
    tree = ast.parse(inspect.getsource(sys.modules[name]))
    return {
        node.name: {
            field.target.id: inspect.cleandoc(text.value.value)
            for field, text in pairwise(node.body)
            if isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        }
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
